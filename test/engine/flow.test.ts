import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../src/domain/errors.ts';
import { defineFlow, done, runFlow, type Step, type StepReport, waiting } from '../../src/engine/flow.ts';

type Scope = { log: string[]; outcome: Record<string, 'done' | 'wait' | 'fail'>; unwanted: Set<string> };

const step = (name: string, needs: Step<Scope>[] = []): Step<Scope> => ({
  name,
  title: name,
  needs,
  wanted: (scope) => !scope.unwanted.has(name),
  ensure: async (scope) => {
    scope.log.push(`+${name}`);
    const outcome = scope.outcome[name] ?? 'done';
    if (outcome === 'fail') throw new UserError('INVALID_INPUT', `${name} is wrong.`, { field: [name] });
    return outcome === 'wait' ? waiting(`more of ${name}`, 1_234) : done();
  },
  remove: async (scope) => {
    scope.log.push(`-${name}`);
    return scope.outcome[name] === 'wait' ? waiting(`${name} to go`, 99) : done();
  },
});

const scope = (outcome: Scope['outcome'] = {}, unwanted: string[] = []): Scope => ({ log: [], outcome, unwanted: new Set(unwanted) });
const options = (removing = false, onReport: (r: StepReport) => Promise<void> = async () => {}) => ({
  removing,
  signal: new AbortController().signal,
  onReport,
});
const states = (reports: StepReport[]) => Object.fromEntries(reports.map((r) => [r.name, r.state]));

const a = step('A');
const b = step('B', [a]);
const c = step('C', [a]);
const d = step('D', [b, c]);
const flow = defineFlow('test', [a, b, c, d]);

test('all steps run after what they need, and report in the order of the list', async () => {
  const s = scope();
  const reports = await runFlow(flow, s, options());
  expect(reports.map((r) => r.name)).toEqual(['A', 'B', 'C', 'D']);
  expect(reports.every((r) => r.state === 'DONE')).toBe(true);
  expect(s.log[0]).toBe('+A');
  expect(s.log[3]).toBe('+D');
});

test('a waiting step holds up its dependents and nobody else', async () => {
  const s = scope({ B: 'wait' });
  expect(states(await runFlow(flow, s, options()))).toEqual({ A: 'DONE', B: 'WAITING', C: 'DONE', D: 'PENDING' });
  expect(s.log).not.toContain('+D');
});

test('a failed step becomes a problem that names the field, and its branch stops', async () => {
  const reports = await runFlow(flow, scope({ C: 'fail' }), options());
  expect(states(reports)).toEqual({ A: 'DONE', B: 'DONE', C: 'FAILED', D: 'PENDING' });
  expect(reports.find((r) => r.name === 'C')?.problem).toMatchObject({ code: 'INVALID_INPUT', field: ['C'], retryable: false });
});

test('an unknown error says nothing of its own text', async () => {
  const leaky = defineFlow<Scope>('leaky', [
    {
      name: 'X',
      title: 'X',
      ensure: async () => {
        throw new Error('password=hunter2');
      },
    },
  ]);
  const [report] = await runFlow(leaky, scope(), options());
  expect(JSON.stringify({ ...report, error: null })).not.toContain('hunter2');
});

test('what is not wanted is removed, and counts as met', async () => {
  const s = scope({}, ['B']);
  expect(states(await runFlow(flow, s, options()))).toEqual({ A: 'DONE', B: 'REMOVED', C: 'DONE', D: 'DONE' });
  expect(s.log).toContain('-B');
});

test('removing goes backwards, and waits for dependents', async () => {
  const s = scope({ B: 'wait' });
  expect(states(await runFlow(flow, s, options(true)))).toEqual({ A: 'PENDING', B: 'WAITING', C: 'REMOVED', D: 'REMOVED' });
  expect(s.log[0]).toBe('-D');
  expect(s.log).not.toContain('-A');
});

test('branches run side by side', async () => {
  let open = 0;
  let most = 0;
  const slow = (name: string): Step<Scope> => ({
    name,
    title: name,
    ensure: async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 20));
      open -= 1;
      return done();
    },
  });
  await runFlow(defineFlow('wide', [slow('1'), slow('2'), slow('3')]), scope(), options());
  expect(most).toBe(3);
});

test('a list out of order, or a name twice, fails at once with a sentence', () => {
  expect(() => defineFlow('bad', [b, a])).toThrow('Flow bad: B needs A, which must stand before it in the list.');
  expect(() => defineFlow('bad', [a, step('A')])).toThrow('two steps are named A');
});

test('in any graph a step runs once, after all that it needs, and is removed before them', async () => {
  const graphs = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(graphs, async (shape) => {
      const steps: Step<Scope>[] = [];
      for (const [i, needs] of shape.entries()) {
        steps.push(step(`S${i}`, i === 0 ? [] : [...new Set(needs.map((n) => n % i))].map((n) => steps[n]).filter((s) => s !== undefined)));
      }
      const any = defineFlow('any', steps);
      const forth = scope();
      await runFlow(any, forth, options());
      const back = scope();
      await runFlow(any, back, options(true));
      expect(forth.log).toHaveLength(steps.length);
      for (const s of steps) {
        for (const need of s.needs ?? []) {
          expect(forth.log.indexOf(`+${need.name}`)).toBeLessThan(forth.log.indexOf(`+${s.name}`));
          expect(back.log.indexOf(`-${s.name}`)).toBeLessThan(back.log.indexOf(`-${need.name}`));
        }
      }
    }),
  );
});

test('news that comes while several steps look has each of them look again, however slow another is', async () => {
  const looks = { A: 0, B: 0 };
  const held: (() => void)[] = [];
  const looking = (name: 'A' | 'B'): Step<Scope> => ({
    name,
    title: name,
    ensure: async () => {
      looks[name] += 1;
      // Its first look has seen what was so before the news.
      if (looks[name] === 1) await new Promise<void>((end) => held.push(end));
      return looks[name] === 1 ? waiting('news', 60_000) : done();
    },
  });
  let endSlow: () => void = () => {};
  const slow: Step<Scope> = { name: 'S', title: 'S', ensure: () => new Promise((end) => (endSlow = () => end(done()))) };
  let tell: () => void = () => {};
  const onWake = (listener: () => void) => {
    tell = listener;
    return () => {};
  };
  const pass = runFlow(defineFlow('news', [looking('A'), looking('B'), slow]), scope(), { ...options(), onWake });
  const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
  await pause();
  tell();
  for (const end of held) end();
  await pause();
  expect(looks).toEqual({ A: 2, B: 2 });
  endSlow();
  expect(states(await pass)).toEqual({ A: 'DONE', B: 'DONE', S: 'DONE' });
});
