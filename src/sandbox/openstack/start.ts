/** Puts the simulated OpenStack together: one world, seven services, one port. */
import type { RequestListener } from 'node:http';
import type { BootMachine, Counters, Faults, PlayFault, World } from '../contract.ts';
import type { DialBoard } from '../dials.ts';
import { createAddressBook } from './addresses.ts';
import { computeService } from './compute.ts';
import { createComputeState } from './computeState.ts';
import { furnish, LOGINS, type LoginName } from './furnish.ts';
import { identityService } from './identity.ts';
import { createIdentityState, DOMAIN } from './identityState.ts';
import { createImageState, imageService } from './image.ts';
import { loadBalancerService } from './loadBalancer.ts';
import { networkService } from './network.ts';
import type { NetworkDeps } from './networkDeps.ts';
import { createNetworkState } from './networkState.ts';
import { objectStorageService } from './objectStorage.ts';
import { createQuotas, type QuotaName } from './quotas.ts';
import { createServerLife } from './serverLife.ts';
import { createFront } from './service.ts';
import { createTokens } from './tokens.ts';
import { volumeService } from './volume.ts';
import { createVolumeState } from './volumeState.ts';

export interface OpenStackDeps {
  world: World;
  dials: DialBoard;
  counters: Counters;
  faults: Faults;
  playFault: PlayFault;
  bootMachine: BootMachine;
  /** Range of the external network of a new cloud; absent: addresses that nothing listens at. */
  outside?: string;
  now: () => number;
}

export interface Login {
  username: string;
  userId: string;
  password: string;
  projectName: string;
  projectId: string;
  userDomainName: string;
  projectDomainName: string;
}

export interface OpenStackHalf {
  listener: RequestListener;
  logins: Record<LoginName, Login>;
  /** Every resource by service and kind, for tests and leak checks. */
  snapshot(): Record<string, Record<string, unknown[]>>;
  setQuota(project: string, limits: Partial<Record<QuotaName, number>>): void;
  /** Makes every token of at least this age invalid at once; Keystone dates a token to the second. Returns how many there were. */
  revokeTokens(ageMs: number): number;
  /** Stops or starts the kubelets of active servers whose names match; Nova sees nothing of it. Returns how many there were. */
  setKubelets(name: RegExp, running: boolean, forGood: boolean): number;
  /** Puts servers into ERROR whose names match, as a host that fails does. Returns how many there were. */
  failServers(name: RegExp): number;
  close(): Promise<void>;
}

const loginsOf = (identity: ReturnType<typeof createIdentityState>): Record<LoginName, Login> => {
  const entry = (name: LoginName): Login => {
    const user = identity.users.by('name', LOGINS[name].user)[0];
    const project = identity.projects.by('name', LOGINS[name].project)[0];
    return {
      username: user?.name ?? '',
      userId: user?.id ?? '',
      password: user?.password ?? '',
      projectName: project?.name ?? '',
      projectId: project?.id ?? '',
      userDomainName: DOMAIN.name,
      projectDomainName: DOMAIN.name,
    };
  };
  return { admin: entry('admin'), member: entry('member'), reader: entry('reader'), other: entry('other'), service: entry('service') };
};

/** Builds the cloud on the world and takes up what was going on in it. The caller listens with `listener`. */
export const startOpenStack = (deps: OpenStackDeps): OpenStackHalf => {
  const { world, dials, now } = deps;
  const { latency } = dials;
  const identity = createIdentityState(world);
  const tokens = createTokens({ world, identity, now });
  const quotas = createQuotas(world);
  const state = createNetworkState(world, now);
  const network: NetworkDeps = { state, addresses: createAddressBook(state), quotas };
  const compute = createComputeState(world, now);
  const images = createImageState(world);
  const volumes = createVolumeState({ world, quotas, dials, latency, now });
  furnish({ identity, compute, images, network, now, outside: deps.outside ?? '172.24.0.0/16' });
  const life = createServerLife({ compute, network, volumes, images, latency, now, bootMachine: deps.bootMachine });

  const services = [
    identityService({ identity, tokens, now, tokenLifetimeSeconds: () => dials.data.tokenLifetimeSeconds }),
    computeService({ compute, network, volumes, images, quotas, dials, life, now }),
    networkService(network),
    imageService(images),
    volumeService({ volumes, images, quotas }),
    loadBalancerService({ world, network, quotas, latency, now }),
    objectStorageService({ world, now }),
  ];
  const listener = createFront({ services, tokens, counters: deps.counters, faults: deps.faults, playFault: deps.playFault, latency, now });
  life.resume();

  const snapshot = (): Record<string, Record<string, unknown[]>> => ({
    identity: {
      users: [...identity.users.all()].map(({ password: _, ...user }) => user),
      projects: [...identity.projects.all()],
      trusts: [...identity.trusts.all()].filter((t) => !t.deleted),
      applicationCredentials: [...identity.applicationCredentials.all()].map(({ secret: _, ...credential }) => credential),
    },
    compute: { servers: [...compute.servers.all()], serverGroups: [...compute.serverGroups.all()], keyPairs: [...compute.keyPairs.all()] },
    network: {
      networks: [...state.networks.all()],
      subnets: [...state.subnets.all()],
      ports: [...state.ports.all()],
      routers: [...state.routers.all()],
      securityGroups: [...state.securityGroups.all()],
      securityGroupRules: [...state.securityGroupRules.all()],
      floatingIps: [...state.floatingIps.all()],
    },
    volume: { volumes: [...volumes.volumes.all()], snapshots: [...volumes.snapshots.all()] },
    loadBalancer: { loadBalancers: [...world.table('loadBalancer/loadBalancers').values()] },
    objectStorage: {
      containers: [...world.table('objectStorage/containers').keys()],
      objects: [...world.table('objectStorage/objects').keys()],
    },
  });
  return {
    listener,
    logins: loginsOf(identity),
    snapshot,
    setQuota: (project, limits) => quotas.set(identity.projects.by('name', project)[0]?.id ?? project, limits),
    revokeTokens: (ageMs) => tokens.revokeWhere((token) => token.issuedAt + ageMs <= deps.now()),
    setKubelets: (name, running, forGood) => {
      const found = [...compute.servers.all()].filter((server) => server.status === 'ACTIVE' && name.test(server.name));
      for (const server of found) life.hang(server, !running, forGood);
      return found.length;
    },
    failServers: (name) => {
      const found = [...compute.servers.all()].filter((server) => server.status === 'ACTIVE' && name.test(server.name));
      for (const server of found) life.crash(server);
      return found.length;
    },
    close: () => life.close(),
  };
};
