/** Usage of clusters: a query over what was recorded. */
import { addSums, byUsage, cpuOf, figuresOf, type UsageFigures, type UsageSums } from '../domain/usage.ts';
import { loadClusters } from '../store/clusters.ts';
import { sightOf } from '../store/sight.ts';
import { type ClusterUsageRow, sumUsage, type UsagePeriod } from '../store/usage.ts';
import { badInput, builder } from './builder.ts';
import { withoutPages } from './deprecated.ts';
import { enumOf, type ListOrder } from './enums.ts';
import { plainId } from './ids.ts';
import { pageArgs, pageOf } from './paging.ts';
import { isNamed, wholeConnection } from './wholeList.ts';

interface Usage extends UsagePeriod {
  sums: UsageSums;
  clusters: ClusterUsageRow[];
}

const UsageFiguresType = builder.objectRef<UsageFigures>('UsageFigures').implement({
  description:
    'What was used. Every figure is amount × hours, summed up exactly and then rounded to a thousandth, half up, once: a total may differ from the sum of its rounded parts.',
  fields: (t) => ({
    workerVcpuHours: t.exposeFloat('workerVcpuHours', {
      description: "vCPUs of workers' flavors × hours: each worker counts from when its server was asked for until it was gone.",
    }),
    controlPlaneVcpuHours: t.exposeFloat('controlPlaneVcpuHours', {
      description:
        "CPUs that control planes' pods ask of their seeds (controlPlane.resources of each component times its replicas) × hours, from the first start on, and not while the cluster is HIBERNATED.",
    }),
    volumeGiBHours: t.exposeFloat('volumeGiBHours', {
      description:
        "GiB of root volumes of workers, and of etcd's volumes, which a hibernated cluster keeps, × hours. Volumes of claims are not counted.",
    }),
    addressHours: t.exposeFloat('addressHours', {
      description:
        "Addresses × hours: each API's own, which a hibernated cluster keeps (a port of the seed's nodes is none), and floating IPs of workers. Those of Services are not counted.",
    }),
  }),
});

const ClusterUsageType = builder.objectRef<ClusterUsageRow>('ClusterUsage').implement({
  description: 'What one cluster used.',
  fields: (t) => ({
    clusterId: t.exposeString('clusterId', { description: "The cluster's plain id." }),
    name: t.exposeString('name', { description: "The cluster's name." }),
    projectId: t.exposeString('projectId', { description: 'Its project.' }),
    deletedAt: t.expose('deletedAt', { type: 'DateTime', nullable: true, description: 'When it was gone; null: it is there.' }),
    used: t.field({ type: UsageFiguresType, description: 'What it used.', resolve: ({ sums }) => figuresOf(sums) }),
  }),
});

const ClusterUsageConnection = builder.connectionObject(
  { type: ClusterUsageType, name: 'ClusterUsageConnection', description: 'A page of what clusters used.' },
  { name: 'ClusterUsageEdge', description: 'What a cluster used, and its place in the list.' },
);

const ClusterUsageFilterInput = builder.inputType('ClusterUsageFilter', {
  description: 'Which clusters to list; without a field, all that used something.',
  fields: (t) => ({
    name: t.string({ description: 'With this in the name, in capitals or not.' }),
    isDeleted: t.boolean({ description: 'Deleted, or not.' }),
  }),
});

type UsageOrder = ListOrder | 'MOST_VCPU_HOURS_FIRST' | 'LEAST_VCPU_HOURS_FIRST';

const UsageOrderEnum = enumOf<UsageOrder>('ClusterUsageOrder', 'Which way a list of clusters and of what they used goes.', {
  MOST_VCPU_HOURS_FIRST:
    'From the one with the most vCPU hours on. Where the time is not over yet a cluster may come to another place between two pages; by age none does.',
  LEAST_VCPU_HOURS_FIRST: 'From the one with the least vCPU hours on, likewise.',
  OLDEST_FIRST: 'From the cluster that was asked for first.',
  NEWEST_FIRST: 'From the cluster that was asked for last.',
});

const keyOf = ({ sums, createdAt, clusterId }: ClusterUsageRow) => [cpuOf(sums), createdAt, clusterId];

/** Parts of that key. */
const BY_USE = [0, 1, 2];
const BY_AGE = [1, 2];

const ORDERS: Record<UsageOrder, { parts: readonly number[]; isBackwards: boolean }> = {
  MOST_VCPU_HOURS_FIRST: { parts: BY_USE, isBackwards: true },
  LEAST_VCPU_HOURS_FIRST: { parts: BY_USE, isBackwards: false },
  OLDEST_FIRST: { parts: BY_AGE, isBackwards: false },
  NEWEST_FIRST: { parts: BY_AGE, isBackwards: true },
};

const UsageType = builder.objectRef<Usage>('Usage').implement({
  description:
    'What clusters used in a time. What is in use counts until now, and what was gone before Seedbed began to keep such records is not counted.',
  fields: (t) => ({
    from: t.expose('from', { type: 'DateTime', description: 'Its beginning.' }),
    to: t.expose('to', { type: 'DateTime', description: 'Its end: that which was asked for, or now if that is to come.' }),
    used: t.field({ type: UsageFiguresType, description: 'What all of them used.', resolve: ({ sums }) => figuresOf(sums) }),
    clusterCount: t.int({ description: 'How many clusters used something.', resolve: ({ clusters }) => clusters.length }),
    clusters: t.field({
      type: [ClusterUsageType],
      description: 'By cluster, deleted ones included: those with the most vCPU hours first, at most 100.',
      deprecationReason: withoutPages('clustersConnection'),
      resolve: ({ clusters }) => clusters.toSorted(byUsage).slice(0, MOST_CLUSTERS),
    }),
    clustersConnection: t.field({
      type: ClusterUsageConnection,
      description: 'By cluster, deleted ones included; without orderBy those with the most vCPU hours first.',
      args: {
        ...pageArgs(t.arg),
        orderBy: t.arg({ type: UsageOrderEnum, description: 'Which way it goes. A cursor is good in each.' }),
        filter: t.arg({ type: ClusterUsageFilterInput, description: 'Which ones.' }),
      },
      resolve: ({ clusters }, { first, after, orderBy, filter }) => {
        const { name, isDeleted } = filter ?? {};
        const wanted = clusters.filter(
          (cluster) => isNamed(cluster.name, name) && (isDeleted == null || (cluster.deletedAt !== null) === isDeleted),
        );
        const { parts, isBackwards } = ORDERS[orderBy ?? 'MOST_VCPU_HOURS_FIRST'];
        return wholeConnection(wanted, pageOf({ first, after }), { keyOf, parts, isBackwards });
      },
    }),
  }),
});

const MOST_CLUSTERS = 100;

builder.queryField('usage', (t) =>
  t.field({
    type: UsageType,
    nullable: true,
    description:
      "What the project's clusters used between two times; for cloud admins and cloud readers all projects', or one's. Null when the cluster that was asked for is not there, or not yours to see.",
    args: {
      projectId: t.arg.string({
        description: 'Of this project alone: for cloud admins and cloud readers, who see all; of one that is not yours there is nothing.',
      }),
      clusterId: t.arg.id({ description: 'Of this cluster alone, by its global or plain id; of a deleted one, too.' }),
      from: t.arg({ type: 'DateTime', required: true, description: 'From when on.' }),
      to: t.arg({ type: 'DateTime', required: true, description: 'Until when, which is after from.' }),
    },
    resolve: async (_root, { projectId = null, clusterId = null, from, to }, { store, actor, clock }) => {
      if (to <= from) throw badInput('to must be after from.');
      const sight = sightOf(actor, 'readUsage');
      const id = clusterId === null ? null : plainId('Cluster', clusterId);
      if (id !== null && (await loadClusters(store.db, sight, [id])).length === 0) return null;
      const period = { from, to: Math.max(from, Math.min(to, clock.now())) };
      const clusters = await sumUsage(store.db, sight, { projectId, clusterId: id }, period);
      return { ...period, clusters, sums: clusters.map(({ sums }) => sums).reduce(addSums, {}) };
    },
  }),
);
