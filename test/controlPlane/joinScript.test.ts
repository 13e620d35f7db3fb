import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JOIN_SCRIPT } from '../../src/controlPlane/joinScript.ts';
import { buildPackageSource } from '../../src/controlPlane/packages.ts';
import { stageIn } from '../../src/reconcilers/node/bootStage.ts';

const PAUSE = 'mirror.example:5000/k8s/pause:3.10.2';
let root: string;

/** Stands in for a program of the server: notes its call, then runs `body`. */
const program = (name: string, body: string) =>
  writeFileSync(join(root, 'bin', name), `#!/bin/sh\necho "${name} $*" >>${root}/calls\n${body}\n`, { mode: 0o755 });

/** Runs the script with every path of the server moved under `root`. */
const run = (path = `${root}/bin:/usr/bin:/bin`): { output: string; status: number; calls: string[] } => {
  const script = JOIN_SCRIPT.replaceAll(/(?<=[ >"=#])\/(etc|run|proc)\//g, `${root}/$1/`);
  writeFileSync(join(root, 'script'), script);
  let output = '';
  let status = 0;
  try {
    output = execFileSync('/bin/sh', [join(root, 'script'), PAUSE, 'v1.36.3'], {
      encoding: 'utf8',
      stdio: 'pipe',
      env: { PATH: path },
    });
  } catch (error) {
    ({ stdout: output, status } = error as { stdout: string; status: number });
  }
  return { output, status, calls: readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') };
};
const containerd = (): string => readFileSync(join(root, 'etc/containerd/config.toml'), 'utf8');

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'join-'));
  for (const folder of ['bin', 'run', 'etc/containerd', 'etc/seedbed', 'etc/kubernetes/pki'])
    mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'etc/seedbed/join.yaml'), 'secret');
  for (const name of ['modprobe', 'sysctl', 'systemctl', 'sleep', 'kubelet', 'kubeadm']) program(name, '');
  program('containerd', `printf '[cri]\\n    sandbox_image = "old"\\n    SystemdCgroup = false\\n'`);
});
afterEach(() => rmSync(root, { recursive: true }));

test.each([
  [
    'containerd 1',
    '  sandbox_image = "registry.k8s.io/pause:3.6"\n    SystemdCgroup = false\n',
    `  sandbox_image = "${PAUSE}"\n    SystemdCgroup = true\n`,
  ],
  [
    'containerd 2',
    "  sandboxer = 'podsandbox'\n      sandbox = 'registry.k8s.io/pause:3.10'\n SystemdCgroup = false\n",
    `  sandboxer = 'podsandbox'\n      sandbox = "${PAUSE}"\n SystemdCgroup = true\n`,
  ],
  ['a bare package', 'disabled_plugins = ["cri"]\n', `[cri]\n    sandbox_image = "${PAUSE}"\n    SystemdCgroup = true\n`],
])('the configuration of %s gets the pause image and systemd cgroups, and containerd starts anew', (_name, before, after) => {
  writeFileSync(join(root, 'etc/containerd/config.toml'), before);
  const { status, calls } = run();
  expect(containerd()).toBe(after);
  expect(status).toBe(0);
  expect(calls).toContain('systemctl restart containerd');
});

test('an image that is ready is left as it is', () => {
  const ready = `restrict_oom_score_adj = true\n  sandbox_image = "${PAUSE}"\n  SystemdCgroup = true\n`;
  writeFileSync(join(root, 'etc/containerd/config.toml'), ready);
  const { calls, output } = run();
  expect(containerd()).toBe(ready);
  expect(calls).toContain('systemctl start containerd');
  expect(calls).not.toContain('systemctl restart containerd');
  expect(output).toMatch(/seedbed: stage join, attempt 1\nseedbed: joined\n$/);
});

test('a join that fails half-way is reset and tried again; the token’s file goes at the end', () => {
  program(
    'kubeadm',
    `[ "$1" = reset ] && rm -f ${root}/etc/kubernetes/pki/ca.crt; [ "$1" = reset ] && exit 0
[ -e ${root}/failed ] || { touch ${root}/failed ${root}/etc/kubernetes/pki/ca.crt; exit 1; }
[ ! -e ${root}/etc/kubernetes/pki/ca.crt ]`,
  );
  const { status, calls, output } = run();
  expect(calls.filter((call) => call.startsWith('kubeadm')).map((call) => call.split(' ')[1])).toEqual(['join', 'reset', 'join']);
  expect(output).toContain('attempt 2\nseedbed: joined');
  expect(status).toBe(0);
  expect(() => readFileSync(join(root, 'etc/seedbed/join.yaml'))).toThrow(/ENOENT/);
});

test('it gives up after thirty attempts and says so', () => {
  program('kubeadm', 'exit 1');
  const { status, calls, output } = run();
  expect(status).toBe(1);
  expect(calls.filter((call) => call.startsWith('kubeadm join'))).toHaveLength(30);
  expect(output).toMatch(/seedbed: failed to join\n$/);
});

test('where IPv6 is forwarded, interfaces that the kernel configures heed routers on, now and after a restart', () => {
  const conf = (name: string) => join(root, `proc/sys/net/ipv6/conf/${name}/accept_ra`);
  for (const [name, value] of [
    ['eth0', '1'],
    ['eth1', '0'],
    ['default', '1'],
  ] as const) {
    mkdirSync(join(conf(name), '..'), { recursive: true });
    writeFileSync(conf(name), `${value}\n`);
  }
  const values = () => ['default', 'eth0', 'eth1'].map((name) => readFileSync(conf(name), 'utf8').trim());
  const settings = join(root, 'etc/sysctl.d/90-seedbed.conf');
  mkdirSync(join(settings, '..'), { recursive: true });
  writeFileSync(settings, 'net.ipv4.ip_forward = 1\n');
  run();
  expect(values()).toEqual(['1', '1', '0']);

  writeFileSync(settings, 'net.ipv6.conf.all.forwarding = 1\n');
  const { calls } = run();
  expect(values()).toEqual(['2', '2', '0']);
  expect(readFileSync(settings, 'utf8')).toBe(
    'net.ipv6.conf.all.forwarding = 1\nnet/ipv6/conf/default/accept_ra = 2\nnet/ipv6/conf/eth0/accept_ra = 2\n',
  );
  expect(calls).toContain(`sysctl -q -p ${settings}`);
});

/** A server whose image has the tools of any system and these programs of Kubernetes'; `apt-get install` brings the others. */
const bareServer = (...has: string[]): string => {
  for (const name of ['containerd', 'kubelet', 'kubeadm']) if (!has.includes(name)) rmSync(join(root, 'bin', name));
  for (const tool of ['mkdir', 'cp', 'rm', 'cat', 'grep', 'sed', 'cmp', 'touch', 'chmod'])
    symlinkSync(`/usr/bin/${tool}`, join(root, 'bin', tool));
  mkdirSync(join(root, 'etc/apt/sources.list.d'), { recursive: true });
  program(
    'apt-get',
    `case "$*" in *" install "*) [ -e ${root}/offline ] && rm ${root}/offline && exit 100
for name in containerd kubelet kubeadm; do printf '#!/bin/sh\\necho "%s $*" >>${root}/calls\\n' $name >${root}/bin/$name; chmod 755 ${root}/bin/$name; done ;; esac`,
  );
  program('apt-mark', '');
  program('dpkg', '');
  return join(root, 'bin');
};
const KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZw\n-----END PGP PUBLIC KEY BLOCK-----\n';
const source = buildPackageSource({ url: 'https://packages.example.org/v{minor}/deb/', key: KEY }, { minor: '1.36' });

test('what the image lacks is installed in the version of the cluster, and stays at it', () => {
  writeFileSync(join(root, 'etc/seedbed/kubernetes.sources'), source);
  writeFileSync(join(root, 'offline'), '');
  const { calls, output, status } = run(bareServer('containerd'));
  expect(status).toBe(0);
  expect(readFileSync(join(root, 'etc/apt/sources.list.d/seedbed-kubernetes.sources'), 'utf8')).toBe(
    'Types: deb\nURIs: https://packages.example.org/v1.36/deb/\nSuites: /\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEZw\n -----END PGP PUBLIC KEY BLOCK-----\n',
  );
  // Each attempt ends what another one, or the power, has left half-done.
  expect(calls.filter((call) => call.startsWith('dpkg'))).toEqual(Array(2).fill('dpkg --configure -a --force-confdef --force-confold'));
  const installs = calls.filter((call) => call.includes(' install '));
  expect(installs).toHaveLength(2);
  expect(installs[1]).toMatch(/ --no-install-recommends kubelet=1\.36\.3-\* kubeadm=1\.36\.3-\*$/);
  expect(calls.filter((call) => call.startsWith('apt-mark'))).toEqual(['apt-mark -q hold kubelet', 'apt-mark -q hold kubeadm']);
  expect(output).toMatch(/stage packages\n[\s\S]*stage packages, attempt 2\n[\s\S]*seedbed: joined\n$/);
});

test('an image with everything is asked for no packages', () => {
  writeFileSync(join(root, 'etc/seedbed/kubernetes.sources'), source);
  program('apt-get', '');
  const { calls, output } = run();
  expect(calls.filter((call) => call.startsWith('apt'))).toEqual([]);
  expect(output).not.toContain('packages');
});

test('without a repository it says what the image lacks', () => {
  const { status, output, calls } = run(bareServer('kubelet'));
  expect(status).toBe(1);
  expect(output).toMatch(/seedbed: failed: the image lacks containerd kubeadm, and no package repository is configured\n$/);
  expect(stageIn(output)).toBe('has given up: the image lacks containerd kubeadm, and no package repository is configured');
  expect(calls.filter((call) => call.startsWith('apt'))).toEqual([]);
});

test('apt reads the description of the repository', () => {
  writeFileSync(join(root, 'kubernetes.sources'), source);
  const places = { 'Etc::sourcelist': '/dev/null', 'Etc::sourceparts': root, State: root, 'State::lists': join(root, 'lists') };
  const options = Object.entries(places).flatMap(([name, path]) => ['-o', `Dir::${name}=${path}`]);
  const told = execFileSync('apt-get', [...options, 'update', '--print-uris'], { encoding: 'utf8' });
  expect(told).toContain("'https://packages.example.org/v1.36/deb/InRelease'");
});
