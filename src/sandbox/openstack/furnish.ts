/** What the simulated cloud begins with: people, flavors, images and networks. Runs once, on an empty world. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { ComputeState } from './computeState.ts';
import { hexId, type IdentityState, SYSTEM } from './identityState.ts';
import type { ImageState } from './image.ts';
import type { NetworkDeps } from './networkDeps.ts';
import { addSubnet } from './networks.ts';

/** The five logins by their role in tests; the projects are `sandbox`, `other`, `service` and `admin`. */
export const LOGINS = {
  admin: { user: 'sandbox-admin', project: 'admin', roles: ['admin'] },
  member: { user: 'sandbox-member', project: 'sandbox', roles: ['member', 'load-balancer_member'] },
  reader: { user: 'sandbox-reader', project: 'sandbox', roles: ['reader', 'load-balancer_observer'] },
  other: { user: 'sandbox-other', project: 'other', roles: ['member', 'load-balancer_member'] },
  service: { user: 'sandbox-service', project: 'service', roles: ['service', 'member'] },
} as const;

export type LoginName = keyof typeof LOGINS;

export interface FurnishDeps {
  identity: IdentityState;
  compute: ComputeState;
  images: ImageState;
  network: NetworkDeps;
  now: () => number;
  /** Range of the external network. */
  outside: string;
}

const furnishIdentity = (identity: IdentityState): Map<string, string> => {
  const projects = new Map<string, string>();
  for (const login of Object.values(LOGINS)) {
    const project =
      identity.projects.by('name', login.project)[0] ??
      identity.projects.put({ id: hexId(), name: login.project, description: '', enabled: true });
    projects.set(login.project, project.id);
    const user = identity.users.put({
      id: hexId(),
      name: login.user,
      password: randomBytes(12).toString('base64url'),
      enabled: true,
      defaultProjectId: null,
    });
    for (const role of login.roles) identity.grant(user.id, project.id, role);
    if (login === LOGINS.admin) identity.grant(user.id, SYSTEM, 'admin');
  }
  return projects;
};

const furnishCompute = (compute: ComputeState): void => {
  const flavors: [string, number, number, number][] = [
    ['m1.small', 2, 2048, 20],
    ['m1.medium', 2, 4096, 40],
    ['m1.large', 4, 8192, 80],
    ['m1.xlarge', 8, 16384, 160],
  ];
  for (const [name, vcpus, ram, disk] of flavors) compute.flavors.put({ id: randomUUID(), name, vcpus, ram, disk, extraSpecs: {} });
};

const furnishImages = (deps: FurnishDeps, owner: string): void => {
  const at = `${new Date(deps.now()).toISOString().slice(0, 19)}Z`;
  const put = (name: string, properties: Record<string, string>): void => {
    deps.images.images.put({
      id: randomUUID(),
      name,
      status: 'active',
      visibility: 'public',
      owner,
      min_disk: 10,
      min_ram: 1024,
      size: 645_922_816,
      created_at: at,
      updated_at: at,
      tags: [],
      disk_format: 'qcow2',
      container_format: 'bare',
      checksum: randomBytes(16).toString('hex'),
      protected: false,
      os_hidden: false,
      properties,
    });
  };
  put('debian-12-node', { os_distro: 'debian', os_version: '12', os_type: 'linux', kube_version: 'v1.36.3' });
  put('debian-12', { os_distro: 'debian', os_version: '12', os_type: 'linux' });
};

const furnishNetwork = (deps: FurnishDeps, owner: string): void => {
  const { network } = deps;
  const common = {
    admin_state_up: true,
    status: 'ACTIVE',
    shared: false,
    mtu: 1500,
    subnets: [],
    port_security_enabled: true,
    dns_domain: '',
    availability_zone_hints: [],
    availability_zones: ['nova'],
    ipv4_address_scope: null,
    ipv6_address_scope: null,
    is_default: true,
    l2_adjacency: true,
  };
  const external = network.state.networks.put({
    ...network.state.common(owner, 'public', 'The outside'),
    ...common,
    'router:external': true,
  });
  addSubnet(network, external, owner, { name: 'public', cidr: deps.outside, enable_dhcp: false });
};

/** Fills an empty cloud; does nothing when there are users already. */
export const furnish = (deps: FurnishDeps): void => {
  if (deps.identity.users.size > 0) return;
  const projects = furnishIdentity(deps.identity);
  const owner = projects.get('admin') ?? '';
  furnishCompute(deps.compute);
  furnishImages(deps, owner);
  furnishNetwork(deps, owner);
};
