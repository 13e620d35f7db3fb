/** What customers write and user data carries, read back by cloud-init itself: what was meant is what it would write and run. */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { buildCloudConfig, buildUserData, type UserDataInput } from '../../src/controlPlane/userData.ts';
import { UserError } from '../../src/domain/errors.ts';
import { inputs } from './hostile.ts';
import { findLibrary, readAll } from './reader.ts';
import { soup, written } from './settings.ts';

const CASES = 1_000;
const SEED = Number(process.env['SEEDBED_CLOUD_INIT_SEED'] ?? Date.now() % 1_000_000);

let library: string;
beforeAll(() => {
  library = findLibrary();
}, 300_000);

/** Inputs that are taken, with the text they become; what is refused is refused with a field's name. */
const takenOf = (count: number): { input: UserDataInput; text: string }[] => {
  const taken: { input: UserDataInput; text: string }[] = [];
  for (const input of fc.sample(inputs, { numRuns: count * 8, seed: SEED })) {
    try {
      taken.push({ input, text: buildUserData(input) });
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
    }
    if (taken.length === count) break;
  }
  return taken;
};

interface Meant {
  write_files: { path: string; permissions: string; content: string }[];
  runcmd: string[][];
}

test(`${CASES} hostile nodes: cloud-init writes and runs what was meant`, async () => {
  process.stdout.write(`again: SEEDBED_CLOUD_INIT_SEED=${SEED} npm run test:cloud-init\n`);
  const taken = takenOf(CASES);
  expect(taken).toHaveLength(CASES);
  const answers = await readAll(
    library,
    taken.map(({ text }) => text),
  );
  expect(answers).toHaveLength(CASES);
  for (const [i, { input }] of taken.entries()) {
    const meant = JSON.parse(JSON.stringify(buildCloudConfig(input))) as Meant;
    const files = meant.write_files.map((file) => ({ ...file, permissions: file.permissions.replace(/^0/, '0o') }));
    expect(answers[i], JSON.stringify(input)).toMatchObject({ types: ['text/cloud-config'], config: meant, files, commands: meant.runcmd });
    expect(answers[i]?.config).toEqual(meant);
    const node = files.find(({ path }) => path === '/etc/seedbed/node.json');
    expect(JSON.parse(node?.content ?? '')).toMatchObject({ clusterName: input.clusterName, nodeName: input.nodeName });
  }
});

test(`${CASES} cloud-inits of customers: beside ours cloud-init takes them as it takes them alone`, async () => {
  const [plain] = fc.sample(inputs, { numRuns: 100, seed: 1 }).filter((input) => {
    try {
      return buildUserData(input) !== '';
    } catch {
      return false;
    }
  });
  if (plain === undefined) throw new Error('no node that is taken');
  const taken: { text: string; meant: object | null; merged: string }[] = [];
  for (const { text, meant } of fc.sample(fc.oneof(written, soup), { numRuns: CASES * 8, seed: SEED })) {
    try {
      taken.push({ text, meant, merged: buildUserData({ ...plain, cloudInit: text }) });
    } catch (error) {
      expect(error, text).toBeInstanceOf(UserError);
    }
    if (taken.length === CASES) break;
  }
  expect(taken).toHaveLength(CASES);
  expect(taken.filter(({ meant }) => meant === null).length).toBeGreaterThan(CASES / 10);
  const ours = JSON.parse(JSON.stringify(buildCloudConfig(plain))) as Meant;
  // What is meant is written without what YAML's readers differ about; a byte order mark is no part of the text, and would hide the first line.
  const plainly = ({ text, meant }: { text: string; meant: object | null }) =>
    meant === null ? text.replace(/^\ufeff/, '') : JSON.stringify(meant).replace(/[^ -~]/gu, escaped);
  const alone = await readAll(
    library,
    taken.map((one) => `#cloud-config\n${plainly(one)}`),
    'lenient',
  );
  const beside = await readAll(
    library,
    taken.map(({ merged }) => merged),
    'lenient',
  );
  for (const [i, { text, meant }] of taken.entries()) {
    const [theirs, both] = [alone[i], beside[i]];
    expect(both?.error, JSON.stringify(text)).toBeUndefined();
    // Its parser takes less than ours here and there, such as an empty document at the end.
    if (meant === null && theirs?.error !== undefined) continue;
    if (theirs?.error !== undefined || theirs === undefined) throw new Error(`${JSON.stringify(text)}: ${theirs?.error}`);
    const { write_files: files = [], runcmd: commands = [], ...others } = theirs.config as Partial<Meant>;
    const first = commands.length === 0 ? [] : [['sh', '-c', theirs.script]];
    expect(both?.config, JSON.stringify(text)).toEqual({
      ...others,
      write_files: [...ours.write_files, ...files],
      runcmd: [...first, ...ours.runcmd],
    });
    expect(both?.files.slice(ours.write_files.length)).toEqual(theirs.files);
    if (meant !== null) expect(theirs.config, JSON.stringify(text)).toEqual(JSON.parse(JSON.stringify(meant)));
  }
  expect(alone.filter(({ error }) => error === undefined).length).toBeGreaterThan(CASES * 0.9);
});

/** YAML has no pairs of surrogates. */
const escaped = (c: string): string => `\\U${(c.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`;

test('the reader sees what is wrong', async () => {
  const [input] = fc.sample(inputs, { numRuns: 1, seed: 1 });
  const wrong = ['#cloud-config\n{"write_files": [{"content": 1}]}\n', '#cloud-config\n{"runcmd": "\u0085', `#!/bin/sh\n${input?.token}`];
  for (const { error } of await readAll(library, wrong)) expect(error).toBeDefined();
});
