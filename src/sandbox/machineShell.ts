/** The inside of a simulated machine, for a pod that is let in: units of systemd that outlive the pod, and kubeadm's way to another version. */
import type { ControlPlaneFiles } from './contract.ts';
import { changeCluster, readClusterVersion } from './kubernetes/join/upgrade.ts';
import type { MachineShell, Unit } from './kubernetes/machineRegistry.ts';

/** What the machine can do for it. */
export interface MachineInside {
  nodeName: string;
  access: { server: string; caPem: string; certPem: string; keyPem: string };
  /** On its disk now. */
  versions(): { kubeadm: string; kubelet: string; controlPlane?: ControlPlaneFiles };
  /** One line on its console. */
  console(line: string): void;
  /** Rejects when the power goes. */
  pause(usualMs: number): Promise<void>;
  installKubeadm(version: string): void;
  /** Away for a moment, and there again with the version. */
  restartApi(version: string): Promise<void>;
  /** Installed, and started anew. */
  restartKubelet(version: string): Promise<void>;
}

class Failed extends Error {}

const STEP_MS = 300;
export const API_AWAY_MS = 400;

/** One unit of a name at a time: whoever comes meanwhile waits for its end, and begins another then. */
export const createMachineShell = (inside: MachineInside): MachineShell => {
  const running = new Map<string, Promise<void>>();
  return {
    start(name, script, args) {
      const lines: string[] = [];
      let code: number | undefined;
      const before = running.get(name) ?? Promise.resolve();
      const own = before
        .then(() => runUpgrade(inside, script, args, (line) => lines.push(line)))
        .then(
          () => 0,
          (error: unknown) => {
            if (!(error instanceof Failed)) lines.push(error instanceof Error ? error.message : String(error));
            return 1;
          },
        )
        .then((ended) => {
          code = ended;
          if (running.get(name) === own) running.delete(name);
        });
      running.set(name, own);
      return { lines, code: () => code } satisfies Unit;
    },
  };
};

const minorOf = (version: string): number => Number(/^v?1\.(\d+)\./.exec(version)?.[1] ?? 0);

/** Of a script that calls `kubeadm upgrade`, with the version, the way and apt's description of a repository as its arguments. */
const runUpgrade = async (
  inside: MachineInside,
  script: string,
  [wanted = '', way = '', source = '']: readonly string[],
  write: (line: string) => void,
): Promise<void> => {
  if (!new RegExp(`kubeadm upgrade (node|${way} )`).test(script))
    throw new Error('the sandbox plays scripts that call kubeadm upgrade, and no others');
  const say = (words: string): void => {
    write(`seedbed: ${words}`);
    inside.console(`seedbed: ${words}`);
  };
  const fail = (words: string): never => {
    say(`failed: ${words}`);
    throw new Failed(words);
  };
  const fetch = async (program: string, has: string): Promise<void> => {
    say(`stage ${program}`);
    if (source === '') fail(`the machine has ${program} ${has} and not ${wanted}, and no package repository is configured`);
    // Kubernetes' own repositories have one minor release each.
    if (!source.includes(`v1.${minorOf(wanted)}/`)) {
      write(`E: Version '${wanted.slice(1)}-*' for '${program}' was not found`);
      fail(`no way to install ${program} ${wanted}`);
    }
    await inside.pause(STEP_MS);
  };
  const { kubeadm } = inside.versions();
  if (kubeadm !== wanted) {
    await fetch('kubeadm', kubeadm);
    inside.installKubeadm(wanted);
  }
  say(`stage ${way}`);
  try {
    await runKubeadm(inside, wanted, way, write);
  } catch (error) {
    write(error instanceof Error ? error.message : String(error));
    write('To see the stack trace of this error execute with --v=5 or higher');
    fail(`kubeadm upgrade ${way}`);
  }
  const { kubelet } = inside.versions();
  if (kubelet !== wanted) await fetch('kubelet', kubelet);
  say('stage restart');
  await inside.restartKubelet(wanted);
  say('upgraded');
};

/**
 * As kubeadm's policy has it (cmd/kubeadm/app/phases/upgrade/policy.go). `upgrade node` asks the cluster for the version and goes there; before `upgrade apply` it
 * refuses nothing, and leaves all as it is.
 */
const runKubeadm = async (inside: MachineInside, wanted: string, way: string, write: (line: string) => void): Promise<void> => {
  const { controlPlane } = inside.versions();
  write('[upgrade/config] Reading configuration from the "kubeadm-config" ConfigMap in namespace "kube-system"...');
  const running = await readClusterVersion(inside.access);
  if (way === 'node') {
    if (controlPlane !== undefined && controlPlane.kubernetesVersion !== running) await inside.restartApi(running);
    write('[upgrade] The configuration for this node was successfully updated!');
    return;
  }
  if (controlPlane === undefined)
    throw new Error(
      'couldn\'t create a Kubernetes client from file "/etc/kubernetes/admin.conf": failed to load admin kubeconfig: open /etc/kubernetes/admin.conf: no such file or directory',
    );
  write(`[upgrade/versions] Cluster version: ${running}`);
  if (minorOf(wanted) > minorOf(running) + 1)
    throw new Error(
      `[upgrade/version] FATAL: the --version argument is invalid due to these fatal errors:\n\n\t- Specified version to upgrade to "${wanted}" is too high; kubeadm can upgrade only 1 minor version at a time`,
    );
  write(`[upgrade/apply] Upgrading your Static Pod-hosted control plane to version "${wanted}" (timeout: 5m0s)...`);
  await inside.pause(STEP_MS);
  await inside.restartApi(wanted);
  await changeCluster(controlPlane, inside.access, wanted);
  write(`[upgrade] SUCCESS! A control plane node of your cluster was upgraded to "${wanted}".`);
};
