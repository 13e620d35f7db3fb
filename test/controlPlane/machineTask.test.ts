/** What a machine of a seed runs to go to another version, and how a pod has it run there. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildMachineTask, RUN_IN_MACHINE } from '../../src/controlPlane/machineTask.ts';
import { buildPackageSource } from '../../src/controlPlane/packages.ts';
import { NO_REPOSITORY, UPGRADE_SCRIPT } from '../../src/controlPlane/upgradeScript.ts';
import { failureIn, stageIn } from '../../src/reconcilers/seed/upgradeStage.ts';

let root: string;
const at = (...path: string[]) => join(root, ...path);

/** Stands in for a program of the machine: notes its call, then runs `body`. */
const program = (name: string, body: string) =>
  writeFileSync(at('bin', name), `#!/bin/sh\necho "${name} $*" >>${root}/calls\n${body}\n`, { mode: 0o755 });
const moved = (script: string) => script.replaceAll(/(?<=[ >"=])\/(etc|run|dev|var)\//g, `${root}/$1/`);
const calls = (): string[] => (existsSync(at('calls')) ? readFileSync(at('calls'), 'utf8').trim().split('\n') : []);
const begun = (name: string): string[] => calls().filter((call) => call.startsWith(`${name} `));
const env = () => ({ PATH: `${root}/bin:/usr/bin:/bin` });

/** The version of a program that apt-get may change. */
const versions = (has: { kubeadm: string; kubelet: string }): void => {
  for (const [name, version] of Object.entries(has)) writeFileSync(at(name), version);
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'machine-'));
  for (const folder of ['bin', 'run', 'dev', 'var/lib', 'etc/apt/sources.list.d']) mkdirSync(at(folder), { recursive: true });
  versions({ kubeadm: 'v1.35.4', kubelet: 'v1.35.4' });
  program('kubeadm', `if [ "$1" = version ]; then cat ${root}/kubeadm; else [ ! -e ${root}/refuse ] || { echo 'error: no'; exit 1; }; fi`);
  program('kubelet', `echo "Kubernetes $(cat ${root}/kubelet)"`);
  program(
    'apt-get',
    `[ ! -e ${root}/interrupted ] || { echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'"; exit 100; }
case "$*" in *" install "*) [ -e ${root}/offline ] && rm ${root}/offline && exit 100
for word in "$@"; do case $word in kube*=*) echo "v\${word#*=}" | sed 's/-\\*$//' >${root}/\${word%%=*} ;; esac; done ;; esac`,
  );
  program('dpkg', `[ "$*" = '--configure -a --force-confdef --force-confold' ] && rm -f ${root}/interrupted`);
  for (const name of ['apt-mark', 'systemctl', 'sleep']) program(name, '');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const source = buildPackageSource({ url: 'https://packages.example.org/v{minor}/deb/', key: 'KEY' }, { minor: '1.36' });

const upgrade = (way: 'apply' | 'node', from = source): { output: string; status: number } => {
  writeFileSync(at('script'), moved(UPGRADE_SCRIPT));
  try {
    return {
      output: execFileSync('/bin/sh', [at('script'), 'v1.36.3', way, from], { encoding: 'utf8', stdio: 'pipe', env: env() }),
      status: 0,
    };
  } catch (error) {
    const { stdout, status } = error as { stdout: string; status: number };
    return { output: stdout, status };
  }
};
const stages = (output: string): string[] => [...output.matchAll(/^seedbed: (.*)$/gm)].map(([, words = '']) => words);

test('the first machine of a control plane gets kubeadm, takes the cluster to the version, and gets its kubelet last', () => {
  const { output, status } = upgrade('apply');
  expect(status).toBe(0);
  expect(stages(output)).toEqual(['stage kubeadm', 'stage apply', 'stage kubelet', 'stage restart', 'upgraded']);
  const told = output.split('\n').flatMap((_, line, lines) => stageIn(lines.slice(0, line + 1).join('\n')));
  expect([...new Set(told)]).toEqual([
    'installs kubeadm',
    'takes the control plane to the version',
    'installs the kubelet',
    'starts its kubelet anew',
  ]);
  const order = calls().filter((call) => / install | upgrade |^systemctl|hold/.test(call));
  expect(order.map((call) => call.replace(/^apt-get .* install .* (\S+)$/, 'install $1'))).toEqual([
    'install kubeadm=1.36.3-*',
    'apt-mark -q hold kubeadm',
    'kubeadm upgrade apply -y v1.36.3',
    'install kubelet=1.36.3-*',
    'apt-mark -q hold kubelet',
    'systemctl daemon-reload',
    'systemctl restart kubelet',
    'systemctl -q is-active kubelet',
  ]);
  expect(
    begun('apt-get')
      .filter((call) => call.includes(' install '))
      .join(),
  ).toContain('--allow-change-held-packages');
  expect(readFileSync(at('etc/apt/sources.list.d/seedbed-kubernetes.sources'), 'utf8').trim()).toBe(source.trim());
});

test('all other machines follow what the control plane has', () => {
  expect(upgrade('node').status).toBe(0);
  expect(begun('kubeadm upgrade')).toEqual(['kubeadm upgrade node']);
});

test('run again, it does nothing but start the kubelet', () => {
  upgrade('apply');
  rmSync(at('calls'));
  const { output } = upgrade('apply');
  expect(stages(output)).toEqual(['stage restart', 'upgraded']);
  expect(calls().filter((call) => /^apt|upgrade/.test(call))).toEqual([]);
});

test('kubeadm’s part is done again until it has come to its end, and no kubelet is installed before', () => {
  writeFileSync(at('refuse'), '');
  const { output, status } = upgrade('apply');
  expect(status).toBe(1);
  expect(output).toMatch(/error: no\nseedbed: failed: kubeadm upgrade apply\n$/);
  expect(readFileSync(at('kubelet'), 'utf8')).toBe('v1.35.4');
  rmSync(at('refuse'));
  expect(stages(upgrade('apply').output)).toEqual(['stage apply', 'stage kubelet', 'stage restart', 'upgraded']);
});

test('a repository that is away for a moment is asked again; without one the machine has to have the programs', () => {
  writeFileSync(at('offline'), '');
  const [first, second] = stages(upgrade('node').output);
  expect([first, second]).toEqual(['stage kubeadm', 'stage kubeadm, attempt 2']);
  expect(stageIn(`seedbed: ${first}\nE: away\nseedbed: ${second}\n`)).toBe('installs kubeadm, attempt 2');
  expect(stageIn('')).toBe('begins its upgrade');

  versions({ kubeadm: 'v1.35.4', kubelet: 'v1.35.4' });
  rmSync(at('var/lib/seedbed'), { recursive: true });
  const { output, status } = upgrade('node', '');
  expect(status).toBe(1);
  expect(failureIn(output)).toBe(`the machine has kubeadm v1.35.4 and not v1.36.3, and ${NO_REPOSITORY}`);
  expect(output.trim().endsWith(NO_REPOSITORY)).toBe(true);

  versions({ kubeadm: 'v1.36.3', kubelet: 'v1.36.3' });
  rmSync(at('calls'));
  expect(stages(upgrade('node', '').output)).toEqual(['stage node', 'stage restart', 'upgraded']);
  expect(begun('apt-get')).toEqual([]);
});

test('a newer patch that the image brought stays, and serves as well', () => {
  versions({ kubeadm: 'v1.36.10', kubelet: 'v1.36.10' });
  const { output, status } = upgrade('apply');
  expect(status).toBe(0);
  expect(stages(output)).toEqual(['stage apply', 'stage restart', 'upgraded']);
  expect(begun('apt-get')).toEqual([]);

  versions({ kubeadm: 'v1.37.0', kubelet: 'v1.36.2' });
  expect(stages(upgrade('apply').output)).toEqual(['stage kubeadm', 'stage kubelet', 'stage restart', 'upgraded']);
});

test('a machine that lost its power in the middle of an installation ends that first', () => {
  writeFileSync(at('interrupted'), '');
  const { output, status } = upgrade('apply');
  expect(status).toBe(0);
  expect(stages(output)).toEqual(['stage kubeadm', 'stage apply', 'stage kubelet', 'stage restart', 'upgraded']);
});

test('one that only followed is taken to the version when it is its turn to lead there', () => {
  expect(upgrade('node').status).toBe(0);
  expect(stages(upgrade('apply').output)).toEqual(['stage apply', 'stage restart', 'upgraded']);
});

test('a kubelet that does not stay up is told, with what systemd says of it', () => {
  program('systemctl', 'case "$*" in *is-active*) exit 3 ;; *status*) echo "flag provided but not defined" ;; esac');
  const { output, status } = upgrade('node');
  expect(status).toBe(1);
  expect(output).toMatch(/flag provided but not defined\nseedbed: failed: the kubelet does not stay up\n$/);
});

/** systemd-run that runs the script in a session of its own, as systemd would; `active` is there as long as it does. */
const playSystemd = (): void => {
  program(
    'systemd-run',
    `log= ; wait=
for word in "$@"; do case $word in StandardOutput=append:*) log=\${word#*append:} ;; --wait) wait=yes ;; esac; done
while [ "$1" != /bin/sh ]; do shift; done
touch ${root}/active
setsid /bin/sh -c 'log=$0; "$@" >>"$log" 2>&1; echo $? >${root}/code; rm ${root}/active' "$log" "$@" &
while [ -e ${root}/active ]; do /bin/sleep 0.05; done
exit "$(cat ${root}/code)"`,
  );
  program('systemctl', `[ -e ${root}/active ]`);
  program('sleep', '/bin/sleep 0.1');
};
const WORK =
  'echo "$1 begins" >>"$2"; echo "says $1 and $HOME"; while [ ! -e "$2.go" ]; do /bin/sleep 0.05; done; echo "$1 ends" >>"$2"; exit "$3"';
const inMachine = (...args: string[]) =>
  spawn('/bin/sh', ['-c', moved(RUN_IN_MACHINE), 'task', 'unit', WORK, ...args], { env: { ...env(), HOME: '/nowhere' }, detached: true });
const ended = (child: ReturnType<typeof inMachine>): Promise<{ code: number | null; said: string }> =>
  new Promise((resolve) => {
    let said = '';
    child.stdout.on('data', (text: Buffer) => {
      said += text.toString();
    });
    child.on('close', (code) => resolve({ code, said }));
  });
const until = async (look: () => boolean): Promise<void> => {
  for (let tries = 0; !look(); tries += 1) {
    if (tries > 200) throw new Error(`not in time: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};
const happened = (): string => (existsSync(at('done')) ? readFileSync(at('done'), 'utf8') : '');

test('work in a machine outlives the pod that began it; another pod waits for its end, and then does its own', async () => {
  playSystemd();
  const first = inMachine('one', at('done'), '3');
  await until(() => happened() === 'one begins\n');
  process.kill(-(first.pid ?? 0), 'SIGKILL');
  const second = inMachine('two', at('done'), '3');
  const answer = ended(second);
  await new Promise((resolve) => setTimeout(resolve, 300));
  // It is not begun twice.
  expect(happened()).toBe('one begins\n');
  writeFileSync(at('done.go'), '');
  const { code, said } = await answer;
  expect(happened()).toBe('one begins\none ends\ntwo begins\ntwo ends\n');
  expect(code).toBe(3);
  expect(said).toContain('says one');
  expect(said).toContain('says two');
}, 20_000);

test('the pod is the root of its machine, on the node that was named, whatever that is tainted with', () => {
  const job = buildMachineTask({
    name: 'errand',
    nodeName: 'machine-1',
    image: 'registry.k8s.io/pause:3.10.2',
    unit: 'unit',
    script: UPGRADE_SCRIPT,
    args: ['v1.36.3', 'node', ''],
    goal: 'v1.36.3',
  });
  expect(job).toMatchObject({
    spec: {
      backoffLimit: 0,
      template: {
        spec: {
          nodeName: 'machine-1',
          hostPID: true,
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          tolerations: [{ operator: 'Exists' }],
          containers: [{ securityContext: { privileged: true, runAsUser: 0 } }],
        },
      },
    },
  });
  // Kubernetes makes one of two in a container's command; what systemd is given goes by way of a file.
  for (const script of [RUN_IN_MACHINE, UPGRADE_SCRIPT]) {
    expect(script).not.toContain('$$');
    execFileSync('sh', ['-n'], { input: script });
  }
});
