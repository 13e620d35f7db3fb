/** A simulated server after power-on: cloud-init reads its user data, kubeadm joins over TLS, and a kubelet stays until the power goes. */
import type { BootMachine, ControlPlaneFiles, ControlPlaneMachine, MachineSpec, RunningControlPlane } from './contract.ts';
import {
  type CloudConfig,
  findJoin,
  forwardsPackets,
  type JoinCommand,
  missingUnits,
  parseCloudConfig,
} from './kubernetes/join/cloudConfig.ts';
import { buildControlPlane, runKubeadmInit } from './kubernetes/join/init.ts';
import { type JoinConfiguration, parseJoinConfiguration } from './kubernetes/join/joinConfiguration.ts';
import { type Joined, runKubeadmJoin } from './kubernetes/join/kubeadm.ts';
import { registerNode } from './kubernetes/join/nodeRegistration.ts';
import { attachKubelet } from './kubernetes/machineRegistry.ts';
import { type Dict, dict, dicts, text, texts } from './kubernetes/objects.ts';
import { API_AWAY_MS, createMachineShell } from './machineShell.ts';

/** Between two runs of kubeadm in a script that tries again. */
const ATTEMPT_PAUSE_MS = 2000;
const ATTEMPTS = 30;
const REGISTER_PAUSE_MS = 1000;
const SHORTEST_PAUSE_MS = 20;

/** What a joined machine has on its disk. */
interface Disk {
  joined: true;
  nodeName: string;
  labels: Record<string, string>;
  taints: Dict[];
  nodeIps: string[];
  /** With the version of its kubelet. */
  access: Joined;
  /** Where it is another than the kubelet's. */
  kubeadm?: string;
  /** Of a machine that runs a control plane. */
  controlPlane?: ControlPlaneFiles;
}

const readDisk = (state: Record<string, unknown>): Disk | undefined => {
  if (state.joined !== true) return undefined;
  const access = dict(state.access);
  return {
    joined: true,
    nodeName: text(state.nodeName),
    labels: dict(state.labels) as Record<string, string>,
    taints: dicts(state.taints),
    ...(state.kubeadm !== undefined && { kubeadm: text(state.kubeadm) }),
    nodeIps: texts(state.nodeIps),
    ...(state.controlPlane !== undefined && { controlPlane: state.controlPlane as ControlPlaneFiles }),
    access: {
      server: text(access.server),
      caPem: text(access.caPem),
      certPem: text(access.certPem),
      keyPem: text(access.keyPem),
      kubernetesVersion: text(access.kubernetesVersion),
    },
  };
};

class PoweredOff extends Error {}

/** Waits that end at once when the power goes. */
const createPower = () => {
  const waiting = new Set<() => void>();
  let off = false;
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve, reject) => {
      if (off) return reject(new PoweredOff('powered off'));
      const stop = (): void => {
        clearTimeout(timer);
        reject(new PoweredOff('powered off'));
      };
      const timer = setTimeout(() => {
        waiting.delete(stop);
        resolve();
      }, ms);
      waiting.add(stop);
    });
  return {
    pause,
    isOff: () => off,
    cut() {
      off = true;
      for (const stop of [...waiting]) stop();
      waiting.clear();
    },
  };
};

type Power = ReturnType<typeof createPower>;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Those that the kubelet is told, which must be the machine's own; else the one that it finds. */
const addressesOf = (spec: MachineSpec, { nodeIps }: Disk): readonly string[] => {
  const strange = nodeIps.find((ip) => !spec.addresses.includes(ip));
  if (strange !== undefined)
    spec.log(`kubelet[812]: E failed to validate nodeIP: node IP: "${strange}" not found in the host's network interfaces`);
  return strange !== undefined ? [] : nodeIps.length > 0 ? nodeIps : [spec.address];
};

/** Registers with patience, for the API server may be away. */
const register = async (spec: MachineSpec, power: Power, disk: Disk): Promise<void> => {
  const { access, nodeName } = disk;
  const facts = {
    nodeName,
    addresses: addressesOf(spec, disk),
    serverId: spec.serverId,
    labels: disk.labels,
    taints: disk.taints,
    kubeletVersion: access.kubernetesVersion,
  };
  let said = '';
  for (;;) {
    try {
      await registerNode(access, facts);
      break;
    } catch (error) {
      if (messageOf(error) !== said) spec.log(`kubelet[812]: E ${messageOf(error)}`);
      said = messageOf(error);
      await power.pause(REGISTER_PAUSE_MS);
    }
  }
  spec.log(`kubelet[812]: I Successfully registered node "${nodeName}"`);
};

/** Returns the way to end the heartbeat. `keep`: what the disk holds from now on. */
const runKubelet = async (
  spec: MachineSpec,
  power: Power,
  first: Disk,
  keep: (disk: Disk) => void,
  running: RunningControlPlane | undefined,
): Promise<() => void> => {
  await register(spec, power, first);
  const { access, nodeName } = first;
  let disk = first;
  const change = (changes: Partial<Disk>): void => {
    disk = { ...disk, ...changes };
    keep(disk);
  };
  const shell = createMachineShell({
    nodeName,
    access,
    versions: () => ({
      kubeadm: disk.kubeadm ?? disk.access.kubernetesVersion,
      kubelet: disk.access.kubernetesVersion,
      ...(disk.controlPlane !== undefined && { controlPlane: disk.controlPlane }),
    }),
    console: spec.log,
    // As slow as it boots.
    pause: (usualMs) => power.pause(spec.bootMs === 0 ? SHORTEST_PAUSE_MS : usualMs),
    installKubeadm: (kubeadm) => change({ kubeadm }),
    restartApi: async (kubernetesVersion) => {
      if (disk.controlPlane === undefined || running === undefined) return;
      const controlPlane = { ...disk.controlPlane, kubernetesVersion };
      change({ controlPlane });
      await running.restart(controlPlane, () => power.pause(API_AWAY_MS));
    },
    restartKubelet: async (kubernetesVersion) => {
      change({ access: { ...disk.access, kubernetesVersion } });
      await register(spec, power, disk);
    },
  });
  return attachKubelet(new URL(access.server).host, {
    nodeName,
    address: spec.address,
    certPem: access.certPem,
    caPem: access.caPem,
    shell,
  });
};

const machineOf = (spec: MachineSpec, name: string): ControlPlaneMachine => ({
  serverId: spec.serverId,
  name,
  floatingIps: () => spec.floatingIps?.() ?? [],
});

type Membership = Pick<Disk, 'access' | 'controlPlane'>;

/** One run of kubeadm join; throws with the error that ends it. */
const joinOnce = async (spec: MachineSpec, power: Power, cloud: CloudConfig, config: JoinConfiguration, version: string | null) => {
  const { nodeName, controlPlane } = config;
  const { access, clusterConfiguration } = await runKubeadmJoin({ log: spec.log, pause: power.pause }, config, version);
  if (controlPlane === null) return { access };
  if (spec.controlPlanes === undefined) throw new Error('kubeadm join with a control plane is not played here');
  const { address, port } = controlPlane;
  if (!spec.addresses.includes(address))
    throw new Error(`error execution phase control-plane-prepare: "${address}" is none of this machine's addresses`);
  const files = await buildControlPlane(cloud, { cluster: clusterConfiguration, address, bindPort: port });
  if (power.isOff()) throw new PoweredOff('powered off');
  spec.log('[etcd] Creating static Pod manifest for local etcd in "/etc/kubernetes/manifests"');
  return { access, controlPlane: { ...files, id: spec.controlPlanes.join(files, machineOf(spec, nodeName)) } };
};

const join = async (
  spec: MachineSpec,
  power: Power,
  cloud: CloudConfig,
  config: JoinConfiguration,
  { retries, says, version }: JoinCommand,
): Promise<Membership | undefined> => {
  const attempts = retries ? ATTEMPTS : 1;
  const each = (line: string): boolean => line.includes('$attempt');
  for (const line of says) if (!each(line)) spec.log(line);
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    for (const line of says) if (each(line)) spec.log(line.replace('$attempt', String(attempt)));
    try {
      return await joinOnce(spec, power, cloud, config, spec.kubeVersion ?? version);
    } catch (error) {
      if (error instanceof PoweredOff || power.isOff()) throw error;
      spec.log(messageOf(error));
      spec.log('To see the stack trace of this error execute with --v=5 or higher');
      if (attempt < attempts) await power.pause(ATTEMPT_PAUSE_MS);
    }
  }
  return undefined;
};

/** Such a script goes no further. */
const lacksUnit = (spec: MachineSpec, cloud: CloudConfig): boolean => {
  const [missing] = missingUnits(cloud);
  if (missing !== undefined) spec.log(`Failed to enable unit: Unit file ${missing} does not exist.`);
  return missing !== undefined;
};

/** kubeadm init, again and again until the address that the API is to be at leads to the machine. */
const begin = async (spec: MachineSpec, power: Power, cloud: CloudConfig, { configPath, says }: JoinCommand): Promise<Disk | undefined> => {
  for (const line of says) spec.log(line.replace('$attempt', '1'));
  if (lacksUnit(spec, cloud)) return undefined;
  if (spec.controlPlanes === undefined) throw new Error('kubeadm init is not played here');
  const { files, nodeName, taints, access } = await runKubeadmInit(cloud, configPath, spec);
  while (!spec.floatingIps?.().includes(files.endpoint.host)) {
    spec.log(`[wait-control-plane] dial tcp ${files.endpoint.host}:${files.endpoint.port}: i/o timeout`);
    await power.pause(ATTEMPT_PAUSE_MS);
  }
  spec.log('[kubelet-start] Starting the kubelet');
  return { joined: true, nodeName, labels: {}, taints, nodeIps: [files.address], access, controlPlane: files };
};

const firstBoot = async (spec: MachineSpec, power: Power): Promise<Disk | undefined> => {
  if (spec.userData === null) return undefined;
  const cloud = parseCloudConfig(spec.userData);
  spec.log(`cloud-init[401]: Cloud-init v. 22.4.2 running 'modules:config'`);
  const init = findJoin(cloud, 'init');
  if (init) return begin(spec, power, cloud, init);
  const command = findJoin(cloud);
  if (!command) return undefined;
  const config = parseJoinConfiguration(command.configPath, cloud.files, spec.name);
  if (!forwardsPackets(cloud)) {
    spec.log('error execution phase preflight: [preflight] Some fatal errors occurred:');
    spec.log('\t[ERROR FileContent--proc-sys-net-ipv4-ip_forward]: /proc/sys/net/ipv4/ip_forward contents are not set to 1');
    return undefined;
  }
  if (config.controlPlane !== null && lacksUnit(spec, cloud)) return undefined;
  const membership = await join(spec, power, cloud, config, command);
  const { nodeName, labels, taints, nodeIps } = config;
  return membership && { joined: true, nodeName, labels, taints, nodeIps, ...membership };
};

/** A member that etcd does not know any more, or not as this one, ends at once; the machine's kubelet goes on. */
const startControlPlane = async (spec: MachineSpec, { nodeName, controlPlane }: Disk): Promise<RunningControlPlane | undefined> => {
  try {
    return controlPlane && (await spec.controlPlanes?.start(controlPlane, machineOf(spec, nodeName)));
  } catch (error) {
    spec.log(`etcd[977]: ${messageOf(error)}`);
    return undefined;
  }
};

const run = async (spec: MachineSpec, power: Power): Promise<(() => void) | undefined> => {
  await power.pause(spec.bootMs);
  spec.log('[    0.000000] Linux version 6.1.0-sandbox (Seedbed sandbox)');
  spec.log(`[    1.200000] systemd[1]: Set hostname to <${spec.name}>.`);
  spec.log(`ci-info: | eth0 | True | ${spec.address} |`);
  const known = readDisk(spec.state);
  const disk = known ?? (await firstBoot(spec, power));
  if (!disk) {
    spec.log('cloud-init[401]: Cloud-init v. 22.4.2 finished');
    spec.log(`${spec.name} login:`);
    return undefined;
  }
  const running = await startControlPlane(spec, disk);
  const stop = (): void => running?.stop();
  if (power.isOff()) {
    stop();
    throw new PoweredOff('powered off');
  }
  const keep = (changed: Disk): void => spec.save({ ...spec.state, ...changed });
  const kubelet = await runKubelet(spec, power, disk, keep, running).catch((error: unknown) => {
    stop();
    throw error;
  });
  const detach = (): void => {
    kubelet();
    stop();
  };
  if (!known) {
    keep(disk);
    spec.log('This node has joined the cluster:');
    spec.log('* Certificate signing request was sent to apiserver and a response was received.');
    spec.log('* The Kubelet was informed of the new secure connection details.');
  }
  spec.log('cloud-init[401]: Cloud-init v. 22.4.2 finished');
  return detach;
};

/** Never throws: what goes wrong in the machine stands on its console. */
export const bootMachine: BootMachine = (spec) => {
  const power = createPower();
  let detach: (() => void) | undefined;
  run(spec, power)
    .then((done) => {
      detach = done;
      if (power.isOff()) detach?.();
    })
    .catch((error: unknown) => {
      if (!(error instanceof PoweredOff) && !power.isOff()) spec.log(`cloud-init[401]: ${messageOf(error)}`);
    });
  return {
    // A call that is under way is not waited for: cutting the power takes no time in life either.
    async stop() {
      power.cut();
      detach?.();
      detach = undefined;
    },
  };
};
