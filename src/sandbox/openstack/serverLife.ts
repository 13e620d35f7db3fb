/** The life of simulated servers: scheduled, networked, spawned, booted, stopped and deleted, each taking its time. */
import type { BootMachine, Latency, Machine } from '../contract.ts';
import { familyOf } from './addresses.ts';
import type { ComputeState, Fault, Server } from './computeState.ts';
import { novaMicroTime, novaTime } from './computeState.ts';
import { type ApiError, ApiError as Refusal } from './http.ts';
import type { ImageState } from './image.ts';
import { addPort, anyAddress, defaultGroup, type NetworkDeps } from './networkDeps.ts';
import type { Port } from './networkState.ts';
import { removePort } from './ports.ts';
import type { VolumeState } from './volumeState.ts';

/** Usual durations of a quick cloud, in milliseconds; the sum to ACTIVE is 0.8 s and the guest needs 1 s more. */
const SCHEDULE_MS = 150;
const NETWORK_MS = 150;
const SPAWN_MS = 500;
const BOOT_MS = 1000;
const DELETE_MS = 350;
const STOP_MS = 300;
const DIES_AFTER_JOIN_MS = 300;
const CONSOLE_LINES = 300;
const HOSTS = ['cmp1', 'cmp2', 'cmp3', 'cmp4', 'cmp5', 'cmp6'];

export interface LifeDeps {
  compute: ComputeState;
  network: NetworkDeps;
  volumes: VolumeState;
  images: ImageState;
  latency: Latency;
  now: () => number;
  bootMachine: BootMachine;
}

export interface ServerLife {
  /** Begins to build a server that was just stored. */
  build(server: Server): void;
  stop(server: Server): void;
  start(server: Server): void;
  /** Hard: without asking the guest. */
  reboot(server: Server, hard: boolean): void;
  /** Its disk becomes what it was before the first boot; its user data, ports and metadata stay. */
  rebuild(server: Server): void;
  /** The guest hangs, or goes on: Nova sees nothing of either. `forGood`: not even a reboot makes it run again. */
  hang(server: Server, hangs: boolean, forGood: boolean): void;
  /** Its host has failed: it is in ERROR, and keeps its ports. */
  crash(server: Server): void;
  /** Marks as deleting, and is gone a moment later. */
  destroy(server: Server): void;
  /** After a restart of the sandbox: goes on where each server was. */
  resume(): void;
  close(): Promise<void>;
}

const NO_VALID_HOST = 'No valid host was found. There are not enough hosts available.';

export const createServerLife = (deps: LifeDeps): ServerLife => {
  const { compute, network } = deps;
  const machines = new Map<string, Machine>();
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;

  /** Goes on with the server later, unless it was deleted or failed in the meantime. */
  const later = (server: Server, ms: number, act: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!closed && compute.servers.get(server.id) === server) act();
    }, ms);
    timers.add(timer);
  };
  const set = (server: Server, fields: Partial<Server>): void => {
    compute.touch(Object.assign(server, fields));
  };
  const fail = (server: Server, message: string, code = 500): void => {
    const fault: Fault = {
      code,
      created: novaTime(deps.now()),
      message,
      details: `Traceback (most recent call last):\n  nova.exception: ${message}`,
    };
    releasePorts(server);
    compute.actions.end(server.id, server.host, message);
    set(server, { status: 'ERROR', taskState: null, fault });
  };

  /** What a volume was made from is nobody's to ask any more once it boots: such a machine goes by its user data. */
  const kubeVersionOf = ({ imageId }: Server): string | null =>
    (imageId === null ? undefined : deps.images.images.get(imageId)?.properties.kube_version) ?? null;

  const boot = (server: Server, cold: boolean): void => {
    const disk = compute.disks.get(server.id) ?? { userData: null, state: {}, console: [] };
    if (server.trouble === 'neverBoots') return;
    const addresses = server.ports.flatMap((p) => network.state.ports.get(p.portId)?.fixed_ips.map((ip) => ip.ip_address) ?? []);
    const address = addresses.find((a) => familyOf(a) === 4) ?? addresses[0] ?? '';
    const log = (line: string): void => {
      disk.console.push(line);
      if (disk.console.length > CONSOLE_LINES) disk.console.shift();
      if (compute.servers.get(server.id) === server) compute.disks.set(server.id, disk);
    };
    const save = (state: Record<string, unknown>): void => {
      disk.state = state;
      if (compute.servers.get(server.id) === undefined) return;
      compute.disks.set(server.id, disk);
      if (state.joined === true && server.trouble === 'diesAfterJoin') later(server, DIES_AFTER_JOIN_MS, () => die(server));
    };
    const bootMs = cold ? deps.latency(BOOT_MS) : 0;
    machines.set(
      server.id,
      deps.bootMachine({
        serverId: server.id,
        name: server.name,
        userData: disk.userData,
        kubeVersion: kubeVersionOf(server),
        address,
        addresses,
        floatingIps: () =>
          server.ports.flatMap((p) => network.state.floatingIps.by('port_id', p.portId).map((ip) => ip.floating_ip_address)),
        bootMs,
        log,
        state: disk.state,
        save,
      }),
    );
  };
  const powerOff = (server: Server): void => {
    const machine = machines.get(server.id);
    machines.delete(server.id);
    void machine?.stop();
  };
  const die = (server: Server): void => {
    powerOff(server);
    set(server, { status: 'SHUTOFF', taskState: null, trouble: null });
  };

  const schedule = (server: Server): void => {
    const host = server.trouble === 'noValidHost' ? null : pickHost(compute, server);
    if (host === null) {
      fail(server, NO_VALID_HOST);
      return;
    }
    set(server, { host, taskState: 'networking' });
    later(server, deps.latency(NETWORK_MS), () => connect(server));
  };
  const connect = (server: Server): void => {
    try {
      for (const wanted of server.wanted) {
        const port =
          wanted.portId === null
            ? makePort(network, server, wanted.networkId ?? '', wanted.fixedIp)
            : network.state.ports.get(wanted.portId);
        if (port === undefined) throw new Refusal(404, `Port ${wanted.portId} could not be found.`);
        if (port.device_id !== '' && port.device_id !== server.id) throw new Refusal(409, `Port ${port.id} is still in use.`);
        bind(network, server, port, 'BUILD');
        if (!server.ports.some((p) => p.portId === port.id)) server.ports.push({ portId: port.id, made: wanted.portId === null });
      }
      server.wanted = [];
    } catch (error) {
      fail(server, `Build of instance ${server.id} aborted: ${(error as ApiError).message}`);
      return;
    }
    set(server, { taskState: 'spawning' });
    if (server.trouble === 'neverActive') return;
    later(server, deps.latency(SPAWN_MS) + (server.trouble === 'slow' ? server.slowMs : 0), () => activate(server));
  };
  const activate = (server: Server): void => {
    if (server.trouble === 'buildError') {
      fail(server, `Build of instance ${server.id} aborted: Failed to allocate the network(s), not rescheduling.`);
      return;
    }
    for (const { portId } of server.ports) {
      const port = network.state.ports.get(portId);
      if (port !== undefined) bind(network, server, port, 'ACTIVE');
    }
    set(server, { status: 'ACTIVE', taskState: null, launchedAt: novaMicroTime(deps.now()) });
    compute.actions.end(server.id, server.host, null);
    boot(server, true);
  };

  const releasePorts = (server: Server): void => {
    for (const { portId, made } of server.ports) {
      const port = network.state.ports.get(portId);
      if (port === undefined || port.device_id !== server.id) continue;
      if (made) removePort(network, port);
      else unbind(network, port);
    }
    server.ports = [];
  };
  const finishDelete = (server: Server): void => {
    releasePorts(server);
    for (const { volumeId, deleteOnTermination } of server.volumes) {
      const volume = deps.volumes.volumes.get(volumeId);
      if (volume === undefined) continue;
      deps.volumes.detach(volume, server.id);
      if (deleteOnTermination) deps.volumes.remove(volume);
    }
    const group = server.groupId === null ? undefined : compute.serverGroups.get(server.groupId);
    if (group !== undefined) {
      group.members = group.members.filter((id) => id !== server.id);
      compute.serverGroups.put(group);
    }
    compute.actions.end(server.id, server.host, null);
    compute.bury(server);
    compute.disks.delete(server.id);
  };
  const destroy = (server: Server): void => {
    set(server, { taskState: 'deleting' });
    powerOff(server);
    if (server.trouble === 'deleteError')
      later(server, deps.latency(DELETE_MS), () => {
        compute.actions.end(server.id, server.host, 'The host did not delete the server.');
        set(server, { status: 'ERROR', taskState: null, trouble: null });
      });
    else later(server, deps.latency(DELETE_MS), () => finishDelete(server));
  };

  const build = (server: Server): void => later(server, deps.latency(SCHEDULE_MS), () => schedule(server));
  return {
    build,
    destroy,
    stop: (server) => {
      set(server, { taskState: 'powering-off' });
      powerOff(server);
      later(server, deps.latency(STOP_MS), () => {
        set(server, { status: 'SHUTOFF', taskState: null });
        compute.actions.end(server.id, server.host, null);
      });
    },
    start: (server) => {
      set(server, { taskState: 'powering-on' });
      later(server, deps.latency(STOP_MS), () => {
        set(server, { status: 'ACTIVE', taskState: null });
        compute.actions.end(server.id, server.host, null);
        boot(server, true);
      });
    },
    reboot: (server, hard) => {
      // Nova names a reboot only of a server that runs.
      const status = server.status === 'ERROR' || server.status === 'SHUTOFF' ? server.status : hard ? 'HARD_REBOOT' : 'REBOOT';
      set(server, { status, taskState: hard ? 'rebooting_hard' : 'rebooting' });
      powerOff(server);
      later(server, deps.latency(STOP_MS), () => {
        powerOff(server);
        set(server, { status: 'ACTIVE', taskState: null, fault: null });
        compute.actions.end(server.id, server.host, null);
        boot(server, true);
      });
    },
    crash: (server) => {
      powerOff(server);
      const fault = { code: 500, created: novaTime(deps.now()), message: 'The host of this server has failed.', details: '' };
      set(server, { status: 'ERROR', taskState: null, fault });
    },
    rebuild: (server) => {
      set(server, { status: 'REBUILD', taskState: 'rebuilding' });
      powerOff(server);
      const disk = compute.disks.get(server.id);
      compute.disks.set(server.id, { userData: disk?.userData ?? null, state: {}, console: [] });
      later(server, deps.latency(SPAWN_MS), () => {
        set(server, { status: 'ACTIVE', taskState: null, fault: null });
        compute.actions.end(server.id, server.host, null);
        boot(server, true);
      });
    },
    hang: (server, hangs, forGood) => {
      powerOff(server);
      if (forGood) set(server, { trouble: 'neverBoots' });
      if (!hangs && server.status === 'ACTIVE') boot(server, false);
    },
    resume: () => {
      for (const server of compute.servers.all()) {
        if (server.taskState === 'deleting') destroy(server);
        else if (server.status === 'BUILD') build(server);
        else if (server.taskState?.startsWith('rebooting') || server.taskState === 'rebuilding' || server.taskState === 'powering-on') {
          set(server, { status: 'ACTIVE', taskState: null, fault: null });
          compute.actions.end(server.id, server.host, null);
          boot(server, true);
        } else if (server.taskState === 'powering-off') {
          set(server, { status: 'SHUTOFF', taskState: null });
          compute.actions.end(server.id, server.host, null);
        } else if (server.status === 'ACTIVE') boot(server, false);
      }
    },
    close: async () => {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      await Promise.all([...machines.values()].map((m) => m.stop()));
    },
  };
};

/** The emptiest host that the server group's policy allows; null when there is none. */
const pickHost = (compute: ComputeState, server: Server): string | null => {
  const group = server.groupId === null ? undefined : compute.serverGroups.get(server.groupId);
  const mates = (group?.members ?? []).flatMap((id) => compute.servers.get(id)?.host ?? []);
  const matesOn = (host: string): number => mates.filter((h) => h === host).length;
  if (group?.policy === 'affinity' && mates[0] !== undefined) return mates[0];
  const hostsOf = (ids: readonly string[] = []): (string | null)[] => ids.map((id) => compute.servers.get(id)?.host ?? null);
  const [apart, beside] = [hostsOf(server.apartFrom), hostsOf(server.beside)];
  const fits = (host: string): boolean =>
    (group?.policy !== 'anti-affinity' || matesOn(host) === 0) && !apart.includes(host) && (beside.length === 0 || beside.includes(host));
  const allowed = HOSTS.filter(fits);
  const weight = group?.policy === 'soft-anti-affinity' ? 100_000 : group?.policy === 'soft-affinity' ? -100_000 : 0;
  const load = (host: string): number => compute.servers.countBy('host', host) + matesOn(host) * weight;
  return allowed.reduce<string | null>((best, host) => (best === null || load(host) < load(best) ? host : best), null);
};

const makePort = (network: NetworkDeps, server: Server, networkId: string, fixedIp: string | null): Port => {
  const row = network.state.networks.get(networkId);
  if (row === undefined) throw new Refusal(404, `Network ${networkId} could not be found.`);
  const subnet = network.state.subnets.by('network_id', networkId).find((s) => s.ip_version === 4);
  const fixedIps = fixedIp !== null && subnet !== undefined ? [network.addresses.allocate(subnet, fixedIp)] : anyAddress(network, row);
  const own = network.state.securityGroups.by('project_id', server.projectId);
  const groups = server.securityGroups.flatMap((wanted) => own.find((g) => g.id === wanted || g.name === wanted)?.id ?? []);
  const securityGroups = groups.length > 0 ? groups : [defaultGroup(network, server.projectId).id];
  const common = { network: row, projectId: server.projectId, name: '', description: '', fixedIps, securityGroups, status: 'DOWN' };
  return addPort(network, { ...common, deviceId: server.id, deviceOwner: `compute:${server.zone}` });
};

const bind = (network: NetworkDeps, server: Server, port: Port, status: string): void => {
  Object.assign(port, {
    device_id: server.id,
    device_owner: `compute:${server.zone}`,
    status,
    'binding:host_id': server.host ?? '',
    'binding:vif_type': 'bridge',
  });
  network.state.touch(network.state.ports, port);
};

const unbind = (network: NetworkDeps, port: Port): void => {
  Object.assign(port, { device_id: '', device_owner: '', status: 'DOWN', 'binding:host_id': '', 'binding:vif_type': 'unbound' });
  network.state.touch(network.state.ports, port);
};
