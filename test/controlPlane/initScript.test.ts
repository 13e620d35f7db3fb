/** The first machine of a seed: it begins a cluster where there is none, and never a second one beside it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { INIT_SCRIPT } from '../../src/controlPlane/joinScript.ts';

let root: string;

/** Stands in for a program of the server: notes its call, then runs `body`. */
const program = (name: string, body: string) =>
  writeFileSync(join(root, 'bin', name), `#!/bin/sh\necho "${name} $*" >>${root}/calls\n${body}\n`, { mode: 0o755 });

const TOOLS = ['mkdir', 'cp', 'rm', 'cat', 'grep', 'sed', 'cmp', 'touch'];

/** Runs the script with every path of the server moved under `root`, and no program but those that the test has put there. */
const run = (): { output: string; status: number; calls: string[] } => {
  writeFileSync(join(root, 'script'), INIT_SCRIPT.replaceAll(/(?<=[ >"=<])\/(etc|run|proc)\//g, `${root}/$1/`));
  let output = '';
  let status = 0;
  try {
    output = execFileSync('/bin/sh', [join(root, 'script'), 'pause:3', 'v1.36.3'], {
      encoding: 'utf8',
      stdio: 'pipe',
      env: { PATH: join(root, 'bin') },
    });
  } catch (error) {
    ({ stdout: output, status } = error as { stdout: string; status: number });
  }
  return { output, status, calls: readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') };
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'init-'));
  for (const folder of ['bin', 'run', 'etc/containerd', 'etc/seedbed/pki', 'etc/kubernetes/manifests'])
    mkdirSync(join(root, folder), { recursive: true });
  for (const tool of TOOLS) symlinkSync(`/usr/bin/${tool}`, join(root, 'bin', tool));
  writeFileSync(join(root, 'etc/seedbed/pki/ca.crt'), 'authority');
  writeFileSync(join(root, 'etc/seedbed/init.yaml'), 'secret');
  writeFileSync(join(root, 'etc/seedbed/peers'), '203.0.113.9:6443\n10.220.0.6:6443\n10.220.0.7:6443\n');
  for (const name of ['modprobe', 'sysctl', 'systemctl', 'sleep', 'kubelet', 'kubeadm']) program(name, '');
  program('timeout', 'shift; exec "$@"');
  program('containerd', 'echo SystemdCgroup = false');
});
afterEach(() => rmSync(root, { recursive: true }));

const asked = (calls: string[], name: string): string[] =>
  calls.filter((call) => call.startsWith(`${name} `)).flatMap((call) => /\d+\.\d+\.\d+\.\d+:6443/.exec(call)?.[0] ?? []);
const ALL = ['203.0.113.9:6443', '10.220.0.6:6443', '10.220.0.7:6443'];

test.each([
  ['curl', 7],
  ['openssl', 1],
])('where nobody answers, as %s finds out, it begins the cluster', (name, code) => {
  program(name, `exit ${code}`);
  const { status, output, calls } = run();
  expect(output).toMatch(/stage init, attempt 1\nseedbed: begun\n$/);
  expect(status).toBe(0);
  expect(asked(calls, name)).toEqual(ALL);
  expect(existsSync(join(root, 'etc/seedbed/pki'))).toBe(false);
});

test.each(['curl', 'openssl'])(
  'where the seed answers at one of its addresses, as %s finds out, it begins none and touches nothing',
  (name) => {
    program(name, `case "$*" in *10.220.0.6:6443*) grep -q authority ${root}/etc/seedbed/pki/ca.crt ;; *) exit 7 ;; esac`);
    const { status, output, calls } = run();
    expect(status).toBe(1);
    expect(output).toMatch(/seedbed: failed: a cluster answers at 10\.220\.0\.6:6443 already, and this machine would begin another\n$/);
    expect(calls.filter((call) => call.startsWith('kubeadm'))).toEqual([]);
    expect(calls.find((call) => call.startsWith(`${name} `))).toContain('etc/seedbed/pki/ca.crt');
  },
);

test('what it has begun itself does not stop it from another attempt', () => {
  program('curl', 'exit 0');
  writeFileSync(join(root, 'etc/kubernetes/manifests/kube-apiserver.yaml'), '');
  expect(run().output).toMatch(/seedbed: begun\n$/);
});

test('an attempt that fails half-way is reset and tried again, whoever answers by then', () => {
  program('curl', `[ -e ${root}/begun ]`);
  program('kubeadm', `[ "$1" = reset ] && exit 0; [ -e ${root}/begun ] || { touch ${root}/begun; exit 1; }`);
  const { output, calls } = run();
  expect(calls.filter((call) => call.startsWith('kubeadm')).map((call) => call.split(' ')[1])).toEqual(['init', 'reset', 'init']);
  expect(output).toMatch(/seedbed: begun\n$/);
});
