/**
 * What customers write and user data carries, read back by cloud-init itself: what was meant is what it would write and run. Debian's own
 * package is unpacked beside the system and not installed: it would run at the next start of the machine.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { buildCloudConfig, buildUserData, type UserDataInput } from '../../src/controlPlane/userData.ts';
import { UserError } from '../../src/domain/errors.ts';

const CASES = 1_000;
const SEED = Number(process.env['SEEDBED_CLOUD_INIT_SEED'] ?? Date.now() % 1_000_000);
const IMPORTS = 'import cloudinit.config.schema, cloudinit.user_data, cloudinit.config.cc_write_files, jsonschema';
/** cloud-init, and what of Python it needs; nothing of it has a script to run. */
const PACKAGES = [
  ['cloud-init', 'python3-yaml', 'python3-jsonschema', 'python3-attr', 'python3-pyrsistent', 'python3-jinja2', 'python3-markupsafe'],
  ['python3-configobj', 'python3-six', 'python3-oauthlib', 'python3-serial', 'python3-jsonpatch', 'python3-json-pointer'],
  ['python3-requests', 'python3-urllib3', 'python3-idna', 'python3-chardet', 'python3-certifi', 'python3-netifaces'],
].flat();

const OWN = join(tmpdir(), 'seedbed-cloud-init');
const LIBRARY = join(OWN, 'root/usr/lib/python3/dist-packages');
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', PYTHONWARNINGS: 'ignore', PYTHONIOENCODING: 'utf-8', LANG: 'C.UTF-8' };

/** Where to import from; '' is the system's own. Unpacked once, and kept in the temporary directory. */
const findLibrary = (): string => {
  const works = (library: string) =>
    spawnSync('/usr/bin/python3', ['-c', IMPORTS], { env: { ...ENVIRONMENT, PYTHONPATH: library } }).status === 0;
  const found = ['', LIBRARY].find(works);
  if (found !== undefined) return found;
  mkdirSync(OWN, { recursive: true, mode: 0o700 });
  const run = (command: string, ...args: string[]) => spawnSync(command, args, { cwd: OWN, encoding: 'utf8' });
  let got = run('apt-get', '-q', 'download', ...PACKAGES);
  if (got.status !== 0) {
    run('apt-get', '-q', 'update');
    got = run('apt-get', '-q', 'download', ...PACKAGES);
  }
  for (const file of readdirSync(OWN).filter((name) => name.endsWith('.deb'))) run('dpkg', '-x', file, 'root');
  if (!works(LIBRARY)) throw new Error(`cloud-init could not be had: this test needs Debian's packages and python3. ${got.stderr}`);
  return LIBRARY;
};

let library: string;
beforeAll(() => {
  library = findLibrary();
}, 300_000);

interface Read {
  error?: string;
  types: string[];
  config: unknown;
  files: { path: string; permissions: string; content: string }[];
  commands: string[][];
  /** All commands, as a shell is given them. */
  script: string;
}

/** One answer for each text, in their order. */
const readAll = async (texts: readonly string[], ...options: 'lenient'[]): Promise<Read[]> => {
  const child = spawn('/usr/bin/python3', [join(import.meta.dirname, 'read.py'), ...options], {
    env: { ...ENVIRONMENT, PYTHONPATH: library },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stdin.end(texts.map((text) => `${Buffer.from(text).toString('base64')}\n`).join(''));
  await ended;
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Read);
};

/** Words that YAML, shells, templates and cloud-init have a meaning of their own for. */
const WORDS = [
  'yes',
  'no',
  'on',
  'null',
  'y',
  'true',
  '1e3',
  '0x1F',
  '0o17',
  '017',
  '1_000',
  '12.30',
  '.inf',
  '1.0',
  'e',
  '2001-01-01',
  '9',
];
const TRAPS = [
  ...['\u2028x\u2029', '\u0085', '\ufeff', '\u007f\u009f', '\ud800', '\udc00x', '\u{10ffff}', '\0', '\r', '\r\nx', '\t', ' ', ''],
  ...[
    '"\n- rm -rf /',
    '"]}\nruncmd:\n- reboot',
    '---\n',
    '...\n',
    '#cloud-config',
    '## template: jinja\n{{ v1 }}',
    '{% raw %}',
    '{{ ds }}',
  ],
  ...['$(reboot)', '`id`', "'; reboot; '", '\\', '\\"', "''", '$INSTANCE_ID', '%s', '&a *a', '!!python/object/apply:os.system [id]'],
  ...['#include http://x', 'Content-Type: multipart/mixed', 'From nobody', '<<: *x', '? x', '~', '1:30', '__proto__', 'x'.repeat(300)],
];
const traps = fc.constantFrom(...TRAPS);
const hostile = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 40 }), traps);
const word = fc.oneof(fc.constantFrom(...WORDS), fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,30}[A-Za-z0-9])?$/));
const prefix = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?(\.[a-z0-9]{1,6})?$/);
const key = fc.oneof(
  word,
  fc.tuple(prefix, word).map((parts) => parts.join('/')),
);
/** Now and then what ought to be refused. */
const mostly = (fine: fc.Arbitrary<string>) => fc.oneof({ weight: 12, arbitrary: fine }, { weight: 1, arbitrary: hostile });
const value = mostly(fc.oneof(word, fc.constant('')));
const taint = fc.record({
  key: mostly(key),
  value: fc.option(value),
  effect: fc.constantFrom('NoSchedule' as const, 'PreferNoSchedule' as const, 'NoExecute' as const),
});
const inputs: fc.Arbitrary<UserDataInput> = fc.record({
  clusterName: hostile,
  nodeName: mostly(
    fc.oneof(fc.constantFrom('yes', 'null', '1e3', '017', '0x1f', 'e'), fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$/)),
  ),
  endpoint: fc.record({
    host: mostly(fc.constantFrom('192.0.2.10', '1e3', 'no', 'null', '0x7f.1', 'api.example.org', '1.0')),
    port: fc.integer({ min: 1, max: 65_535 }),
  }),
  token: fc.stringMatching(/^[a-z0-9]{6}\.[a-z0-9]{16}$/),
  caPin: fc.stringMatching(/^[0-9a-f]{64}$/),
  labels: fc.dictionary(mostly(key), value, { maxKeys: 5 }),
  taints: fc.uniqueArray(taint, { maxLength: 3, selector: (t) => `${t.key} ${t.effect}` }),
  kubernetesVersion: fc.constantFrom('v1.36.3', '1.30', '1e3'),
  pauseImage: mostly(
    fc.oneof(fc.constantFrom('no', '1e3', '017', 'a:5000/b@sha256:ab', '0:0'), fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9./:@_-]{0,40}$/)),
  ),
  cloudController: fc.boolean(),
  nodeIp: fc.constantFrom(null, '192.0.2.20'),
  cloudInit: fc.constant(null),
});

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
  const answers = await readAll(taken.map(({ text }) => text));
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

/** A name that no file of ours has. */
const path = hostile.map((name) => `/srv/${name}`);
const command = fc.oneof(hostile, fc.array(fc.oneof(hostile, fc.integer()), { minLength: 1, maxLength: 4 }));
const settings = fc.record(
  {
    packages: fc.array(hostile, { minLength: 1, maxLength: 3 }),
    write_files: fc.array(fc.record({ path, content: hostile, permissions: fc.constantFrom('0600', '0755', '644') }), { maxLength: 3 }),
    runcmd: fc.array(command, { minLength: 1, maxLength: 3 }),
    bootcmd: fc.array(command, { minLength: 1, maxLength: 3 }),
    timezone: hostile,
    package_update: fc.boolean(),
    groups: fc.array(word, { minLength: 1, maxLength: 2 }),
    ssh_authorized_keys: fc.array(hostile, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);
/** The same settings, as one and another would write them. */
const written = fc.tuple(settings, fc.constantFrom('json', 'block', 'single', 'literal', 'flow')).map(([meant, style]) => {
  if (style === 'json') return { meant, text: JSON.stringify(meant) };
  if (style === 'flow') return { meant, text: stringify(meant, { version: '1.1', collectionStyle: 'flow' }) };
  const options = {
    block: { lineWidth: 0 },
    single: { singleQuote: true, lineWidth: 0 },
    literal: { blockQuote: 'literal' as const, lineWidth: 0 },
  };
  return { meant, text: stringify(meant, { version: '1.1', ...options[style] }) };
});
/** YAML that nobody would write, which most often is none. What ends a line in YAML 1.1 only is left out: it is kept as text, as 1.2 has it. */
const SCALARS = [
  ...[
    ...WORDS,
    ...TRAPS.filter((trap) => !/[\u0085\u2028\u2029\ufeff]/.test(trap)),
    '"\\x85\\u2028"',
    "'it''s'",
    '|\n   a\n    b\n',
    '>-\n   a\n   b\n\n   c',
    '|+\n   a\n\n',
    '"a\n   b"',
    'a\n   b',
  ],
  ...[
    '{a: 1, b: [c, d]}',
    '{a, "b":1}',
    '[a, [b], {c: d}]',
    '[]',
    '{}',
    '# c',
    'a # c',
    'a#c',
    '- a\n   - b',
    '\n   a: b\n   c:',
    '=',
    '1:30:00',
  ],
  ...[
    '-1',
    '+1',
    '+.5',
    '-.inf',
    '.nan',
    '0b1',
    '1e+3',
    '1.5e3',
    '1.',
    '.5',
    '-0',
    '00',
    '08',
    '0_1',
    'NULL',
    'Null',
    'TRUE',
    'Yes',
    'OFF',
    'N',
  ],
  ...[
    '9007199254740993',
    '0xg',
    '@a',
    '`a',
    '%a',
    '!a',
    '2001-01-01 ',
    ': a',
    '-a',
    '?a',
    ':a',
    'a: b',
    'a:b',
    '"',
    "'",
    '[',
    '}',
    ',',
    '|',
    '>',
  ],
];
const line = fc
  .tuple(fc.constantFrom('timezone', 'packages', 'ntp', '"users"', "'user'", 'locale ', '? apt', '- groups'), fc.constantFrom(...SCALARS))
  .map(([name, scalar]) => `${name}: ${scalar}`);
const soup = fc
  .tuple(
    fc.constantFrom('', '', '', '', '---\n', '%YAML 1.1\n---\n', '\ufeff', '# c\n'),
    fc.array(line, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('\n', '\n', '\n', '\r\n'),
    fc.constantFrom('', '', '', '\n...\n', '\n---\n'),
  )
  .map(([head, lines, end, tail]) => ({ meant: null, text: `${head}${lines.join('\n')}${tail}`.replaceAll('\n', end) }));

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
    taken.map((one) => `#cloud-config\n${plainly(one)}`),
    'lenient',
  );
  const beside = await readAll(
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
  for (const { error } of await readAll(wrong)) expect(error).toBeDefined();
});
