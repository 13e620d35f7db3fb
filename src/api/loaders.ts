/** Batches of one request: whatever is asked of many objects at one level becomes one SQL statement. */
import DataLoader from 'dataloader';
import { may, type Seer } from '../domain/actor.ts';
import type { Condition } from '../domain/condition.ts';
import { AUTO_HEALING } from '../domain/healing.ts';
import { PROJECT_SERVICES } from '../domain/leakReport.ts';
import {
  type AddonBundleRow,
  type BundleRevisionHead,
  listRevisionsByBundles,
  loadAddonBundles,
  loadNewestBundleRevisions,
} from '../store/addonBundles.ts';
import { type BackupRow, loadBackups } from '../store/backups.ts';
import { type CertificateRow, listCertificatesByClusters } from '../store/certificates.ts';
import { loadClusters } from '../store/clusters.ts';
import { listConditionsByObjects, listGroupConditions } from '../store/conditions.ts';
import type { InventoryRow } from '../store/inventory.ts';
import { type KubeconfigRow, loadKubeconfigs } from '../store/kubeconfigs.ts';
import { loadNodeGroups } from '../store/nodeGroups.ts';
import { listLiveNodesByGroups, listWorkersByClusters, loadNodes } from '../store/nodes.ts';
import type { Db } from '../store/open.ts';
import { loadSeenOperations } from '../store/operations.ts';
import { emptySlice, type Page, type Slice } from '../store/page.ts';
import type { OperationRow } from '../store/progress.ts';
import type { ClusterRow, NodeGroupRow, NodeRow, SeedRow } from '../store/reconcile.ts';
import { countResourcesByClusters, listResourcesLeft, loadResources, type ResourceCount } from '../store/resources.ts';
import { type DrainPlanEntry, loadDrainPlans } from '../store/seedDrains.ts';
import { countClustersBySeeds, listLostSeeds, loadSeeds } from '../store/seeds.ts';
import { listSeedQueues } from '../store/seedTurns.ts';
import { sightOf } from '../store/sight.ts';
import {
  listRevisionsByTemplates,
  loadNewestRevisions,
  loadRevisions,
  loadTemplates,
  type TemplateRevisionRow,
  type TemplateRow,
} from '../store/templates.ts';

type One<Row> = DataLoader<string, Row | null>;

/** Reads one page for each of many parents at once. */
export type ReadPages<Row> = (db: Db, parentIds: readonly string[], page: Page) => Promise<Map<string, Slice<Row>>>;

export interface Loaders {
  cluster: One<ClusterRow>;
  nodeGroup: One<NodeGroupRow>;
  node: One<NodeRow>;
  operation: One<OperationRow>;
  resource: One<InventoryRow>;
  kubeconfig: One<KubeconfigRow>;
  backup: One<BackupRow>;
  seed: One<SeedRow>;
  template: One<TemplateRow>;
  newestRevision: One<TemplateRevisionRow>;
  /** Key: "<template id>/<number>". */
  revision: One<TemplateRevisionRow>;
  revisions: DataLoader<string, TemplateRevisionRow[]>;
  addonBundle: One<AddonBundleRow>;
  /** Of an addon bundle, newest first. */
  bundleRevisions: DataLoader<string, BundleRevisionHead[]>;
  newestBundleRevision: One<BundleRevisionHead>;
  conditions: DataLoader<string, Condition[]>;
  /** What the groups of a cluster say of their healing, by its id. */
  healing: DataLoader<string, { group: string; condition: Condition }[]>;
  /** Live ones of a group, by its id. */
  nodesOfGroup: DataLoader<string, NodeRow[]>;
  /** The live groups and nodes of a cluster, by its id. */
  workers: DataLoader<string, { groups: NodeGroupRow[]; nodes: NodeRow[] }>;
  /** Of a cluster, by its id. */
  certificates: DataLoader<string, CertificateRow[]>;
  /** In a cluster's project, by the cluster's id. */
  projectResources: DataLoader<string, ResourceCount>;
  projectResourcesLeft: DataLoader<string, InventoryRow[]>;
  clustersOnSeed: DataLoader<string, number>;
  /** Since when a seed has not been heard, if it is lost, by its id: its clusters' owners may know it. */
  lostSince: DataLoader<string, number | null>;
  /** What a drain of a seed has before it, by the seed. */
  drainPlan: DataLoader<SeedRow, DrainPlanEntry[], string>;
  /** Clusters that start or wait to start on a seed, by its id. */
  seedQueue: DataLoader<string, ClusterRow[]>;
  /** A parent's page; parents asked in the same tick with the same page and reader share a statement. `key`: names readers that do the same. */
  page<Row>(read: ReadPages<Row>, parentId: string, page: Page, key?: string): Promise<Slice<Row>>;
}

/** Ids are shown as given to SQL, at most this many in a statement. */
const MAX_BATCH = 500;

const one = <Row>(read: (ids: readonly string[]) => Promise<Row[]>, keyOf: (row: Row) => string): One<Row> =>
  new DataLoader(
    async (ids) => {
      const byKey = new Map((await read(ids)).map((row) => [keyOf(row), row]));
      return ids.map((id) => byKey.get(id) ?? null);
    },
    { maxBatchSize: MAX_BATCH },
  );

const fromMap = <Value>(read: (ids: readonly string[]) => Promise<Map<string, Value>>, missing: () => Value): DataLoader<string, Value> =>
  new DataLoader(
    async (ids) => {
      const found = await read(ids);
      return ids.map((id) => found.get(id) ?? missing());
    },
    { maxBatchSize: MAX_BATCH },
  );

const byId = <Row extends { id: string }>(read: (ids: readonly string[]) => Promise<Row[]>): One<Row> => one(read, (row) => row.id);

const createPageLoader = (db: Db): Loaders['page'] => {
  const readers = new Map<unknown, Map<string, DataLoader<string, unknown>>>();
  return async <Row>(read: ReadPages<Row>, parentId: string, page: Page, key?: string): Promise<Slice<Row>> => {
    const byPage = readers.get(key ?? read) ?? new Map<string, DataLoader<string, unknown>>();
    readers.set(key ?? read, byPage);
    const wanted = `${page.first}/${page.after ?? ''}/${page.newestFirst ?? ''}`;
    const loader = byPage.get(wanted) ?? fromMap<unknown>((ids) => read(db, ids, page), emptySlice);
    byPage.set(wanted, loader);
    // The map's key is the reader, so its loader gives that reader's rows.
    return (await loader.load(parentId)) as Slice<Row>;
  };
};

type Makers = { [Name in keyof Loaders]: (db: Db, seer: Seer) => Loaders[Name] };

const MAKERS: Makers = {
  cluster: (db, seer) => byId((ids) => loadClusters(db, sightOf(seer, 'readClusters'), ids)),
  nodeGroup: (db, seer) => byId((ids) => loadNodeGroups(db, sightOf(seer, 'readClusters'), ids)),
  node: (db, seer) => byId((ids) => loadNodes(db, sightOf(seer, 'readClusters'), ids)),
  operation: (db, seer) => byId((ids) => loadSeenOperations(db, seer, ids)),
  resource: (db, seer) => byId((ids) => loadResources(db, sightOf(seer, 'readClusters'), ids)),
  kubeconfig: (db, seer) => byId((ids) => loadKubeconfigs(db, sightOf(seer, 'readClusters'), ids)),
  backup: (db, seer) => byId((ids) => loadBackups(db, sightOf(seer, 'readBackups'), ids)),
  seed: (db, seer) => byId(async (ids) => (may(seer, 'readSeeds') ? await loadSeeds(db, ids) : [])),
  addonBundle: (db, seer) => byId((ids) => loadAddonBundles(db, sightOf(seer, 'readAddonBundles'), ids)),
  template: (db, seer) => byId((ids) => loadTemplates(db, sightOf(seer, 'readClusterTemplates'), ids)),
  newestRevision: (db) =>
    one(
      (ids) => loadNewestRevisions(db, ids),
      (row) => row.templateId,
    ),
  revision: (db) =>
    one(
      (keys) => loadRevisions(db, keys.map(revisionOf)),
      (row) => revisionKey(row.templateId, row.revision),
    ),
  lostSince: (db) =>
    fromMap(
      (ids) => listLostSeeds(db, ids),
      () => null,
    ),
  revisions: (db) =>
    fromMap(
      (ids) => listRevisionsByTemplates(db, ids),
      () => [],
    ),
  newestBundleRevision: (db) =>
    one(
      (ids) => loadNewestBundleRevisions(db, ids),
      (row) => row.bundleId,
    ),
  bundleRevisions: (db) =>
    fromMap(
      (ids) => listRevisionsByBundles(db, ids),
      () => [],
    ),
  conditions: (db) =>
    fromMap(
      (ids) => listConditionsByObjects(db, ids),
      () => [],
    ),
  healing: (db) =>
    fromMap(
      (ids) => listGroupConditions(db, ids, AUTO_HEALING),
      () => [],
    ),
  nodesOfGroup: (db) =>
    fromMap(
      (ids) => listLiveNodesByGroups(db, ids),
      () => [],
    ),
  workers: (db) =>
    fromMap(
      (ids) => listWorkersByClusters(db, ids),
      () => ({ groups: [], nodes: [] }),
    ),
  certificates: (db) =>
    fromMap(
      (ids) => listCertificatesByClusters(db, ids),
      () => [],
    ),
  projectResources: (db) =>
    fromMap(
      (ids) => countResourcesByClusters(db, ids, PROJECT_SERVICES),
      () => ({ made: 0, gone: 0 }),
    ),
  projectResourcesLeft: (db) =>
    fromMap(
      (ids) => listResourcesLeft(db, ids, PROJECT_SERVICES),
      () => [],
    ),
  clustersOnSeed: (db) =>
    fromMap(
      (ids) => countClustersBySeeds(db, ids),
      () => 0,
    ),
  seedQueue: (db) =>
    fromMap(
      (ids) => listSeedQueues(db, ids),
      () => [],
    ),
  drainPlan: (db) =>
    new DataLoader(
      async (rows) => {
        const plans = await loadDrainPlans(db, rows);
        return rows.map(({ id }) => plans.get(id) ?? []);
      },
      { maxBatchSize: MAX_BATCH, cacheKeyFn: ({ id }) => id },
    ),
  page: createPageLoader,
};

/** What all loaders of a request come from: a request uses few of them, so each is made when it is first used. */
class LazyLoaders {
  readonly db: Db;
  readonly seer: Seer;

  constructor(db: Db, seer: Seer) {
    this.db = db;
    this.seer = seer;
  }
}
for (const name of Object.keys(MAKERS) as (keyof Loaders)[])
  Object.defineProperty(LazyLoaders.prototype, name, {
    get(this: LazyLoaders) {
      const value = MAKERS[name](this.db, this.seer);
      Object.defineProperty(this, name, { value });
      return value;
    },
  });

/** Loaders that see what the seer may see, and by nothing else of him: everything else is null, as if it were not there. */
export const createLoaders = (db: Db, seer: Seer): Loaders => new LazyLoaders(db, seer) as unknown as Loaders;

export const revisionKey = (templateId: string, revision: number): string => `${templateId}/${revision}`;

const revisionOf = (key: string) => {
  const slash = key.lastIndexOf('/');
  return { templateId: key.slice(0, slash), revision: Number(key.slice(slash + 1)) };
};
