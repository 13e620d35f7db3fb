/** What a plan makes, restarts and takes away, by kinds and numbers: read from settings, from the inventory, and from what would run. */
import { isWanted } from './addons.ts';
import { isBalanced } from './demand.ts';
import type { InventoryService, MadeBy } from './inventory.ts';
import { furtherPortsOf, type NodeGroupSpec } from './nodeGroup.ts';
import type { Plan, PlannedObject, Workload } from './plan.ts';
import { isDualStack, type TemplateSpec } from './template.ts';

/** More names would be read by nobody. */
const MOST_NAMES = 100;

const objects = (
  service: PlannedObject['service'],
  kind: string,
  of: string | null,
  count: number,
  more: Partial<Pick<PlannedObject, 'names' | 'madeBy'>> = {},
): PlannedObject[] =>
  count === 0 ? [] : [{ service, kind, of, count, madeBy: 'SEEDBED', ...more, names: (more.names ?? []).slice(0, MOST_NAMES) }];

/** So many workers of a group, with what is made for each. */
export const workerObjects = (
  group: string,
  spec: Pick<NodeGroupSpec, 'rootVolume' | 'floatingIpEnabled' | 'additionalNetworks' | 'additionalPorts'>,
  count: number,
): PlannedObject[] => [
  ...objects('COMPUTE', 'server', group, count),
  ...objects('NETWORK', 'port', group, count * (1 + furtherPortsOf(spec))),
  ...objects('VOLUME', 'volume', group, spec.rootVolume === null ? 0 : count),
  ...objects('NETWORK', 'floating-ip', group, spec.floatingIpEnabled ? count : 0),
];

/** A new group with all its workers. */
export const groupObjects = (group: string, spec: NodeGroupSpec): PlannedObject[] => [
  ...objects('COMPUTE', 'server-group', group, spec.serverGroupPolicy === 'NONE' ? 0 : 1),
  ...workerObjects(group, spec, spec.count),
];

/** What Seedbed acts by in a project. */
export type ActsBy = 'HANDED_IN' | 'CLUSTER_USER' | 'TRUST';

/** What is made in the cloud for a new cluster beside its groups. */
export const clusterObjects = (spec: TemplateSpec, actsBy: ActsBy): PlannedObject[] => {
  const families = isDualStack(spec) ? 2 : 1;
  const own = spec.fixedNetwork === null ? 1 : 0;
  return [
    ...objects('IDENTITY', 'trust', null, actsBy === 'TRUST' ? 1 : 0),
    ...objects('IDENTITY', 'application-credential', null, actsBy === 'TRUST' && hasControllers(spec) ? 1 : 0),
    ...objects('IDENTITY', 'user', null, actsBy === 'CLUSTER_USER' ? 1 : 0),
    ...objects('IDENTITY', 'user-credential', null, actsBy === 'CLUSTER_USER' ? 1 : 0),
    ...objects('NETWORK', 'network', null, own),
    ...objects('NETWORK', 'subnet', null, own * families),
    ...objects('NETWORK', 'router', null, own),
    ...objects('NETWORK', 'router-interface', null, own * families),
    ...objects('NETWORK', 'security-group', null, 1),
    ...balancerObjects(spec),
  ];
};

/** Something beside the control plane acts in the project by a credential of its own. */
export const hasControllers = (spec: TemplateSpec): boolean => isWanted('cloudController', spec) || isWanted('cinderCsi', spec);

/** The Service of the API, which gives it its address. */
export const endpointObjects = (): PlannedObject[] => objects('SEED', 'Service', 'kube-apiserver', 1);

export const credentialObjects = (): PlannedObject[] => objects('IDENTITY', 'application-credential', null, 1);

/** Of the ingress controller's Service, which the cloud controller makes. */
export const balancerObjects = (spec: TemplateSpec): PlannedObject[] => {
  const of = 'ingressController';
  const madeBy = 'CLOUD_CONTROLLER';
  const count = isBalanced(spec) ? 1 : 0;
  return [...objects('LOAD_BALANCER', 'load-balancer', of, count, { madeBy }), ...objects('NETWORK', 'floating-ip', of, count, { madeBy })];
};

/** Load balancers of the ingress controller that a change of settings brings and takes away. */
export const balancersBetween = (before: TemplateSpec, after: TemplateSpec): Pick<Plan, 'creates' | 'deletes'> => ({
  creates: isBalanced(before) ? [] : balancerObjects(after),
  deletes: isBalanced(after) ? [] : balancerObjects(before),
});

export const backupObjects = (count: number, names: readonly string[] = []): PlannedObject[] =>
  objects(null, 'backup', null, count, { names: [...names] });

/** Of a thing that is there. */
interface Note {
  service: InventoryService;
  kind: string;
  name: string;
  madeBy: MadeBy;
  /** The node group or the component. */
  of: string | null;
}

export const notedObjects = (notes: readonly Note[]): PlannedObject[] => {
  const groups = new Map<string, { note: Note; names: string[] }>();
  for (const note of notes) {
    const key = [note.service, note.kind, note.madeBy, note.of ?? ''].join(' ');
    const group = groups.get(key) ?? { note, names: [] };
    groups.set(key, group);
    group.names.push(note.name);
  }
  return [...groups.values()].flatMap(({ note, names }) =>
    objects(note.service, note.kind, note.of, names.length, { madeBy: note.madeBy, names: names.toSorted() }),
  );
};

const podsOf = ({ replicas }: Workload, workers: number): number => replicas ?? workers;

/** Pods, and volumes that they have of their own. */
const podObjects = (workload: Workload, pods: number): PlannedObject[] => [
  ...objects(workload.service, workload.kind, workload.name, pods),
  ...objects(workload.service, 'PersistentVolumeClaim', workload.name, pods * workload.claims),
];

/** What runs of a cluster, as if nothing ran yet; `workers`: how many there are. */
export const workloadObjects = (workloads: readonly Workload[], workers: number): PlannedObject[] =>
  workloads.flatMap((workload) => podObjects(workload, podsOf(workload, workers)));

/** What becomes of a cluster's pods by a change. A volume of etcd that is not used any more goes, too. */
export const workloadsBetween = (
  before: readonly Workload[],
  after: readonly Workload[],
  workers: number,
): Pick<Plan, 'creates' | 'restarts' | 'deletes'> => {
  const keyOf = ({ service, kind, name }: Workload) => [service, kind, name].join(' ');
  const [was, is] = [new Map(before.map((one) => [keyOf(one), one])), new Map(after.map((one) => [keyOf(one), one]))];
  const pods = (one: Workload | undefined) => (one === undefined ? 0 : podsOf(one, workers));
  return {
    creates: after.flatMap((one) => podObjects(one, Math.max(0, pods(one) - pods(was.get(keyOf(one)))))),
    deletes: before.flatMap((one) => podObjects(one, Math.max(0, pods(one) - pods(is.get(keyOf(one)))))),
    restarts: after.flatMap((one) => {
      const old = was.get(keyOf(one));
      const isReplaced = old !== undefined && old.template !== one.template;
      return objects(one.service, one.kind, one.name, isReplaced ? Math.min(pods(old), pods(one)) : 0);
    }),
  };
};
