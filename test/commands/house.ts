/** The commands over a real database, with a cloud that is known and a seed kubeconfig that is read by a stand-in. */
import { randomBytes } from 'node:crypto';
import { isBuiltIn } from '../../src/addons/builtIn.ts';
import type { Call, CommandDeps, KubeconfigOrder } from '../../src/commands/call.ts';
import { type Commands, createCommands } from '../../src/commands/commands.ts';
import { checkUserData } from '../../src/controlPlane/userData.ts';
import type { Actor } from '../../src/domain/actor.ts';
import type { CloudSubnet, ProjectCatalogue } from '../../src/domain/cloud.ts';
import { UserError } from '../../src/domain/errors.ts';
import { createPolicy, KEYSTONE_ROLES, type Policy } from '../../src/domain/policy.ts';
import type { Claims } from '../../src/domain/policyRule.ts';
import { newId, randomToken } from '../../src/lib/ids.ts';
import { createWorkloads } from '../../src/reconcilers/cluster/workloads.ts';
import type { WorldSettings } from '../../src/reconcilers/world.ts';
import { parseManifests } from '../../src/seeds/manifests.ts';
import type { Store } from '../../src/store/open.ts';
import { createSealer } from '../../src/store/sealing.ts';
import { createSecrets, type Secrets } from '../../src/store/secrets.ts';
import { openTestDatabase } from '../store/database.ts';

export interface House {
  store: Store;
  path: string;
  secrets: Secrets;
  commands: Commands;
  deps: CommandDeps;
  /** What the commands take for "now"; tests move it. */
  time: { now: number };
  /** What peekCatalogue answers. */
  cloud: { catalogue: ProjectCatalogue | null };
  ordered: KubeconfigOrder[];
  close(): Promise<void>;
}

const WORLD_SETTINGS: WorldSettings = {
  driftFactor: 1,
  cutOffMs: 0,
  drainMs: 0,
  imageRegistry: null,
  imageDigests: new Map(),
  packages: null,
  cloud: { authUrl: 'https://keystone.example.org/v3', region: null, caPem: null, interface: 'public' },
  egressCidrs: [],
  trustRoles: [],
  sourceCidrs: [],
  projectLimits: { clusters: 0, nodes: 0, workerVcpus: 0, controlPlaneReplicas: 0 },
};

export const openHouse = (): House => {
  const database = openTestDatabase();
  const time = { now: 1_800_000_000_000 };
  const cloud: House['cloud'] = { catalogue: null };
  const ordered: KubeconfigOrder[] = [];
  const secrets = createSecrets(createSealer([randomBytes(32)]));
  const deps: CommandDeps = {
    store: database.store,
    secrets,
    clock: { now: () => time.now },
    newId,
    randomToken,
    parseKubeconfig: (text) => {
      const server = /^server: (https:\S+)$/m.exec(text)?.[1];
      if (server === undefined) throw new UserError('KUBECONFIG_REFUSED', 'clusters[0].cluster.server is missing.');
      return { server };
    },
    parseManifests,
    isBuiltIn,
    checkUserData,
    peekCatalogue: () => cloud.catalogue,
    peekQuotas: () => cloud.catalogue?.quotas ?? null,
    buildKubeconfig: async (order) => {
      ordered.push(order);
      return { kubeconfig: `kubeconfig ${ordered.length} of ${order.userName}`, expiresAt: order.now + order.ttlMs };
    },
    signCertificate: async (order) => ({
      certificate: `certificate of ${order.userName}`,
      caCertificate: 'authority',
      expiresAt: order.now + order.ttlMs,
    }),
    workloadsOf: createWorkloads(WORLD_SETTINGS, true),
    settings: {
      trustRoles: ['member', 'load-balancer_member'],
      clustersHaveUsers: false,
      knowsItsAddresses: false,
      egressCidrs: [],
      backupsAreKept: true,
      projectLimits: { clusters: 30, nodes: 1000, workerVcpus: 10_000, controlPlaneReplicas: 300 },
    },
  };
  return { ...database, secrets, deps, commands: createCommands(deps), time, cloud, ordered };
};

/** Of a policy; the built-in one judges without. */
export const actorBy = (
  who: Pick<Actor, 'userName' | 'projectId' | 'roles'> & Partial<Claims>,
  policy: Policy = createPolicy(KEYSTONE_ROLES),
): Actor => {
  const userId = who.userId ?? `user-${who.userName}`;
  const claims: Claims = { domainId: null, isSystemScoped: false, ...who, userId };
  return {
    userId,
    userName: who.userName,
    userDomainName: 'Default',
    projectId: who.projectId,
    projectName: who.projectId,
    roles: who.roles,
    isCloudAdmin: policy.isCloudAdmin(claims),
    rights: policy.rightsOf(claims),
    tokenKind: 'PASSWORD',
    credentialId: null,
    reach: null,
    isRulesKept: true,
    expiresAt: 9_999_999_999_999,
  };
};

const actor = (userName: string, projectId: string, roles: string[]): Actor => actorBy({ userName, projectId, roles });

export const call = (who: Actor, more: Partial<Call> = {}): Call => ({
  actor: who,
  requestId: 'req-1',
  openstackRequestId: 'req-00000000-0000-4000-8000-000000000001',
  token: `token of ${who.userName}`,
  ...more,
});

export const ANNA = actor('anna', 'blue', ['member', 'reader']);
export const BEN = actor('ben', 'blue', ['member', 'reader']);
export const RITA = actor('rita', 'blue', ['reader']);
export const OTTO = actor('otto', 'red', ['member', 'reader']);
export const ADA = actor('ada', 'operators', ['admin', 'member', 'reader']);

export const KUBECONFIG = 'server: https://10.9.8.7:6443\nkey: TOP-SECRET-KEY\n';

/** A catalogue with just these things. */
export const catalogue = (): ProjectCatalogue => ({
  loadedAt: 0,
  flavors: ['small', 'large'].map((name, i) => ({ id: `f${i}`, name, vcpus: 2, ramMiB: 4096, diskGiB: 20, isPublic: true })),
  images: ['debian', 'old'].map((name, i) => ({
    id: `i${i}`,
    name,
    status: name === 'old' ? 'deactivated' : 'active',
    visibility: 'public',
    osDistro: null,
    osVersion: null,
    kubeVersion: null,
    minDiskGiB: 10,
    minRamMiB: 512,
    sizeBytes: null,
    properties: {},
  })),
  networks: [
    network('net-ext', 'public', true, ['203.0.113.0/24']),
    network('net-in', 'office', false, ['10.50.0.0/24', '10.51.0.0/24']),
    network('net-one', 'lone', false, ['10.200.4.0/24']),
  ],
  keypairs: [{ name: 'anna-key', type: 'ssh', fingerprint: '', publicKey: null }],
  availabilityZones: [{ name: 'nova', available: true }],
  securityGroups: ['default', 'web'].map((name, i) => ({ id: `sg${i}`, name, description: '' })),
  volumeTypes: [{ id: 'vt', name: 'ssd', description: '', isPublic: true }],
  quotas: [],
});

const network = (id: string, name: string, external: boolean, cidrs: string[]) => ({
  id,
  name,
  description: '',
  projectId: 'blue',
  status: 'ACTIVE',
  adminStateUp: true,
  external,
  shared: false,
  mtu: null,
  portSecurity: true,
  subnetIds: [],
  tags: [],
  subnets: cidrs.map((cidr, i) => subnet(id, `${name}-${i}`, `${id}-s${i}`, cidr)),
});

export const subnet = (networkId: string, name: string, id: string, cidr: string, more: Partial<CloudSubnet> = {}): CloudSubnet => ({
  id,
  name,
  description: '',
  networkId,
  cidr,
  ipVersion: 4,
  gatewayIp: null,
  dnsNameservers: [],
  enableDhcp: true,
  allocationPools: [{ start: cidr.replace(/0\/.*/, '10'), end: cidr.replace(/0\/.*/, '12') }],
  ipv6AddressMode: null,
  tags: [],
  ...more,
});

export const TEMPLATE = { name: 'standard', image: 'debian', flavor: 'small' };

/** The error of a call that must fail. */
export const errorOf = async (work: Promise<unknown>): Promise<{ code: string; message: string; field: string[] | undefined }> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      const { code, message, detail } = error as unknown as { code: string; message: string; detail?: { field?: string[] } };
      return { code, message, field: detail?.field };
    }
    throw error;
  }
  throw new Error('This should have failed.');
};
