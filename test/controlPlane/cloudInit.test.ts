import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { buildUserData, checkUserData, MAX_USER_DATA_BYTES, type UserDataInput } from '../../src/controlPlane/userData.ts';
import { UserError } from '../../src/domain/errors.ts';

const input: UserDataInput = {
  clusterName: 'shop',
  nodeName: 'shop-workers-0',
  endpoint: { host: '192.0.2.10', port: 6443 },
  token: 'abcdef.0123456789abcdef',
  caPin: 'a'.repeat(64),
  labels: {},
  taints: [],
  kubernetesVersion: 'v1.36.3',
  pauseImage: 'registry.k8s.io/pause:3.10.2',
  packageSource: null,
  cloudController: false,
  nodeIps: [],
  cloudInit: null,
};

interface Config {
  [key: string]: unknown;
  write_files: { path: string; content: string; permissions?: unknown }[];
  runcmd: string[][];
}
const built = (cloudInit: string | null): Config => parse(buildUserData({ ...input, cloudInit }), { version: '1.1' });
const refusal = (cloudInit: string): UserError => {
  try {
    checkUserData({ cloudInit, labels: {}, taints: [] });
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error(`taken: ${cloudInit.slice(0, 80)}`);
};

test('settings are taken over, files come after ours, and commands before the join', () => {
  const ours = built(null);
  const both = built(`#cloud-config
packages: [nfs-common]
timezone: Europe/Oslo
package_update: yes
write_files:
  - path: /etc/motd
    permissions: '0644'
    content: |
      hello
runcmd:
  - echo "one $HOME"
  - [echo, "it's two", 2]
`);
  expect(both).toEqual({
    packages: ['nfs-common'],
    timezone: 'Europe/Oslo',
    package_update: true,
    write_files: [...ours.write_files, { path: '/etc/motd', permissions: '0644', content: 'hello\n' }],
    runcmd: [['sh', '-c', `echo "one $HOME"\n'echo' 'it'\\''s two' '2'\n`], ...ours.runcmd],
  });
});

test('what their commands do to their shell ends with it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'seedbed-runcmd-'));
  try {
    const { runcmd } = built(stringify({ runcmd: [`cd ${dir}`, ['touch', "it's here"], 'exit 7', 'touch never'] }));
    const [[program = '', ...args] = []] = runcmd;
    expect(() => execFileSync(program, args)).toThrow(expect.objectContaining({ status: 7 }));
    expect(execFileSync('ls', [dir]).toString()).toBe("it's here\n");
    expect(runcmd).toHaveLength(2);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test.each([
  ['hostname: other', ['cloudInit', 'hostname'], /worker's name is its server's/],
  ['swap: {filename: /swap, size: 1G}', ['cloudInit', 'swap'], /kubelet does not start/],
  ['power_state: {mode: reboot}', ['cloudInit', 'power_state'], /stop the server/],
  ['write-files: []', ['cloudInit', 'write-files'], /did you mean "write_files"/],
  ['write_files: {path: /x}', ['cloudInit', 'write_files'], /must be a list/],
  ['write_files: [{path: /etc/a, content: x}, {path: etc/b}]', ['cloudInit', 'write_files', '1', 'path'], /begins with/],
  ['write_files: [{path: //usr/local/sbin/../sbin/seedbed-join, content: x}]', ['cloudInit', 'write_files', '0', 'path'], /seedbed-join/],
  ['write_files: [{path: /etc/seedbed/other}]', ['cloudInit', 'write_files', '0', 'path'], /etc\/seedbed/],
  ['write_files: [{path: /etc/kubernetes/manifests/x.yaml}]', ['cloudInit', 'write_files', '0', 'path'], /manifests/],
  ['write_files: [{path: /etc/a, content: 5}]', ['cloudInit', 'write_files', '0', 'content'], /must be text/],
  ['write_files: [{path: /etc/a, permissions: 0644}]', ['cloudInit', 'write_files', '0', 'permissions'], /in quotes/],
  ['write_files: [{path: /etc/a, permissions: rw}]', ['cloudInit', 'write_files', '0', 'permissions'], /octal/],
  ['runcmd: echo', ['cloudInit', 'runcmd'], /list of commands/],
  ['runcmd: [echo, {a: b}]', ['cloudInit', 'runcmd', '1'], /text, or a list of words/],
  ['bootcmd: [[echo, [x]]]', ['cloudInit', 'bootcmd', '0'], /text, or a list of words/],
  ['- packages', ['cloudInit'], /must be a YAML map/],
  ['just words', ['cloudInit'], /must be a YAML map/],
  ['', ['cloudInit'], /must be a YAML map/],
  ['#!/bin/sh\necho hello', ['cloudInit'], /script/],
  ['packages: [a\n', ['cloudInit'], /not well-formed/],
  ['packages: [a]\n---\npackages: [b]', ['cloudInit'], /more than one document/],
  ['packages: [a]\npackages: [b]', ['cloudInit'], /"packages" twice/],
  ['1: x', ['cloudInit'], /key that is not text/],
  ['users: [{on: x}]', ['cloudInit'], /key that is not text/],
  ['? [a]\n: x', ['cloudInit'], /key that is not text/],
  ['users: [{__proto__: x}]', ['cloudInit'], /__proto__/],
  ['users: [{name: &a x}, {name: *a}]', ['cloudInit'], /anchor/],
  ['users: [{<<: {name: x}}]', ['cloudInit'], /merge key/],
  ['packages: !!python/object/apply:os.system [id]', ['cloudInit'], /YAML tag/],
  ['packages: [.inf]', ['cloudInit'], /number that cannot be kept/],
  ['timezone: "a\ud800"', ['cloudInit'], /characters/],
  ['runcmd: ["a\\ud800"]', ['cloudInit', 'runcmd', '0'], /characters/],
  ['users: [{name: "a\\0"}]', ['cloudInit', 'users', '0', 'name'], /characters/],
  ['timezone: a\rlocale: b', ['cloudInit'], /carriage return/],
  ...['1e3', '0o17', '1_000', '1:30', '0b1', '08', '.5'].map((word): [string, string[], RegExp] => [
    `locale: ${word}`,
    ['cloudInit'],
    /number to some readers only/,
  ]),
  [`packages: ${'['.repeat(20_000)}`, ['cloudInit'], /nested too deeply/],
  [`a: ${'? '.repeat(20_000)}`, ['cloudInit'], /nested too deeply/],
  [`users: [{${'k'.repeat(1_001)}: x}]`, ['cloudInit', 'users', '0'], /more than 1000 characters/],
])('what is no map of settings for a worker is refused: case %#', (text, field, message) => {
  const error = refusal(text);
  expect(error).toMatchObject({ code: 'INVALID_INPUT', detail: { field } });
  expect(error.message).toMatch(message);
});

test('a refusal repeats no value', () => {
  for (const text of [
    'hunter2',
    'power_state: hunter2',
    'runcmd: hunter2',
    'write_files: [{path: hunter2}]',
    'packages: [hunter2',
    'users: [{name: !x hunter2}]',
  ])
    expect(refusal(text).message).not.toContain('hunter2');
});

test('what fits with the longest of ours is taken and fits Nova, and a byte more is not', () => {
  const text = (length: number) => `write_files: [{path: /etc/large, content: "${'x'.repeat(length)}"}]`;
  const fits = (length: number): boolean => {
    try {
      checkUserData({ cloudInit: text(length), labels: {}, taints: [] });
      return true;
    } catch {
      return false;
    }
  };
  let [low, high] = [0, MAX_USER_DATA_BYTES];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  expect(low).toBeGreaterThan(39_000);
  expect(Buffer.from(buildUserData({ ...input, cloudInit: text(low) })).toString('base64').length).toBeLessThanOrEqual(65_535);
  expect(refusal(text(high)).detail.field).toEqual(['cloudInit']);
  expect(refusal(text(1_000_000)).message).toMatch(/larger than/);
});

test('whatever strings are in it, a reader of YAML 1.1 sees the structure that was meant, and ours untouched', () => {
  const ours = built(null);
  const hostile = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 30 }),
    fc.constantFrom(
      '\u2028x',
      '\u0085',
      '\ufeff',
      '"\n- x',
      '{{ v1 }}',
      '$(reboot)',
      '!!python/object',
      '&a *a',
      'yes',
      '0o17',
      '1:30',
      '~',
      "'",
    ),
  );
  fc.assert(
    fc.property(hostile, hostile, hostile, (name, content, word) => {
      const meant = { users: [{ name, gecos: word }], write_files: [{ path: '/etc/x', content }] };
      const read = built(JSON.stringify(meant));
      expect(read).toEqual({ users: meant.users, write_files: [...ours.write_files, ...meant.write_files], runcmd: ours.runcmd });
    }),
    { numRuns: 200 },
  );
});
