import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { UserError } from '../../src/domain/errors.ts';
import { parseKubeconfig } from '../../src/seeds/kubeconfig.ts';
import type { Outcome } from './hostileYaml.ts';
import { certificatePart, clusterPart, document, type Parts, refusalOf, SECRET, USER_FIELDS } from './kubeconfigText.ts';

test('text that is made to cost time or stack is refused cheaply, and the process lives on a third of its stack', async () => {
  // A process of its own, since what this is about ends the process without an exception.
  const program = new URL('hostileYaml.ts', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, ['--stack-size=300', '--import', 'tsx', program], { timeout: 60_000 });
  const { refused, taken, slowestCpuMs } = JSON.parse(stdout) as Outcome;
  expect(refused).toBeGreaterThan(80);
  expect(taken).toBe(0);
  expect(slowestCpuMs).toBeLessThan(2_000);
}, 60_000);

test('whatever is thrown at it, it either refuses in its own words or gives what was in the text', () => {
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(
      SECRET,
      `https://${SECRET}.example`,
      `${SECRET}\n`,
      '',
      null,
      true,
      1,
      Number.POSITIVE_INFINITY,
      '__proto__',
      '&a',
      '*a',
      '<<',
      [],
      {},
      new Date(0),
    ),
    fc.string().map((text) => SECRET + text),
  );
  const names = fc.constantFrom(
    ...USER_FIELDS,
    'proxy-url',
    'server',
    'token',
    'client-key-data',
    'certificate-authority-data',
    'cluster',
    'user',
    'name',
    '__proto__',
    SECRET,
  );
  const bag = fc.dictionary(names, leaf, { maxKeys: 3 });
  const hostile = fc.record({
    cluster: bag,
    user: bag,
    root: fc.dictionary(fc.oneof(names, fc.constantFrom('users', 'contexts', 'current-context', 'kind')), leaf, { maxKeys: 2 }),
  });
  const cuts = fc.record({
    at: fc.nat(4000),
    length: fc.nat(60),
    insert: fc.constantFrom('', '{', '}', '[', ': ', '\n', '- ', '&a ', '*a', '!!x ', '\0', '\uFEFF', '"', '<<: ', SECRET, '# ', '\t'),
  });
  let refusals = 0;
  const property = (parts: Parts, { at, length, insert }: { at: number; length: number; insert: string }, whole: boolean): void => {
    const merged = {
      cluster: { ...clusterPart(), ...parts.cluster },
      user: { ...certificatePart(), ...parts.user },
      root: parts.root ?? {},
    };
    const good = stringify(document(merged));
    const text = whole ? good : good.slice(0, at % good.length) + insert + good.slice((at % good.length) + length);
    try {
      const access = parseKubeconfig(text);
      expect(access.server).toMatch(/^https:\/\/[^@?#]+$/);
      expect(access.token === undefined).toBe(access.clientKeyPem !== undefined);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      const problem = JSON.stringify((error as UserError).toProblem());
      expect(problem).toContain('KUBECONFIG_REFUSED');
      expect(problem).not.toContain(SECRET);
      expect((error as UserError).cause).toBeUndefined();
      refusals += 1;
    }
  };
  fc.assert(fc.property(hostile, cuts, fc.boolean(), property), { numRuns: 1_500 });
  expect(refusals).toBeGreaterThan(1_000);
});

test('plain noise is refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
      expect(refusalOf(SECRET + text).message).not.toContain(SECRET);
    }),
    { numRuns: 500 },
  );
});
