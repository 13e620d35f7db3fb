/** Of each connection of the schema, by its name: a way to it, and hands that make rows of it come and go. */
import { type SQL, sql } from 'drizzle-orm';
import type { Sweep } from '../../src/domain/leakReport.ts';
import { workerUse } from '../../src/domain/usage.ts';
import { newId } from '../../src/lib/ids.ts';
import { insertBackup, newBackup } from '../../src/store/backups.ts';
import { noteCreating } from '../../src/store/inventory.ts';
import { insertKubeconfig } from '../../src/store/kubeconfigs.ts';
import { insertOperation, loadOperations } from '../../src/store/operations.ts';
import { noteOrphan } from '../../src/store/orphans.ts';
import { appendEvent } from '../../src/store/progress.ts';
import { patchCluster, patchNodeGroup } from '../../src/store/reconcile.ts';
import { endUses, noteUses } from '../../src/store/usage.ts';
import { addNode, happen, setNode, setState } from './live.ts';
import { registerSeed, run } from './run.ts';
import { type MadeCluster, makeCluster, type World } from './world.ts';

interface ListHands {
  /** The field of Query that the list is below, and those below that; null: it is one itself. */
  parent: string | null;
  below?: string;
  /** What to ask of a row to tell it from all others: a field, or one of an object of its. */
  key: string;
  /** Who sees all of it. */
  token: string;
  /** Makes one more; `n` is another each time. */
  add(n: number): Promise<unknown>;
  /** Takes the row of this key away; null: the database lets none go. */
  remove: ((key: string) => Promise<unknown>) | null;
}

const query = (world: World, statement: SQL) => world.store.transaction(async (tx) => void (await tx.db.run(statement)));

const inCluster = async (world: World) => ({ parent: 'cluster(name: "web")', token: 'anna', cluster: await makeCluster(world, 'anna') });

const kubeconfigOf = (world: World, cluster: MadeCluster) => ({
  id: newId(),
  clusterId: cluster.uuid,
  kind: 'KUBECONFIG' as const,
  role: 'ADMIN' as const,
  userName: 'anna',
  ownerId: 'user-anna',
  owner: 'anna@Default',
  createdAt: world.time.now,
  expiresAt: world.time.now + 3_600_000,
  boundAt: null,
  unboundAt: null,
  revokedAt: null,
  revokedBy: null,
});

const backupsOf = (world: World, cluster: MadeCluster) => ({
  key: 'uuid',
  add: () => {
    const of = { id: cluster.uuid, projectId: 'blue', name: 'web' };
    const backup = newBackup({ id: newId(), cluster: of, reason: 'ON_DEMAND', createdBy: 'anna', now: world.time.now });
    return world.store.transaction((tx) => insertBackup(tx, backup));
  },
  remove: (key: string) => query(world, sql`delete from backups where id = ${key}`),
});

const nodesOf = (world: World, cluster: MadeCluster) => {
  const at = { clusterId: cluster.uuid, nodeGroupId: cluster.nodeGroup.uuid, projectId: 'blue' };
  return {
    key: 'name',
    add: (n: number) => addNode(world, at, `worker-${n}`),
    remove: (key: string) => setNode(world, at, key, 'DELETED'),
  };
};

const seedOf = async (world: World) => (await registerSeed(world))['seed'] as { uuid: string };

const clusterHands = (world: World) => ({ key: 'uuid', remove: (key: string) => setState(world, key, 'DELETED') });

const clusterTemplate = async (world: World) => {
  const made = await run(
    world,
    'anna',
    'createClusterTemplate',
    { name: 'std', image: 'debian', flavor: 'small' },
    'clusterTemplate { uuid }',
  );
  return made['clusterTemplate'] as { uuid: string };
};

const manifests = (n: number) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: kube-system }\ndata: { n: "${n}" }\n`;

const eventsOf = (world: World, id: string) => ({
  key: 'number',
  remove: (key: string) => query(world, sql`delete from events where stream_id = ${id} and number = ${Number(key)}`),
});

/** Things of a cloud whose names repeat, and come in no order. */
const cloudHands = (world: World, kind: 'flavors' | 'images' | 'networks' | 'securityGroups' | 'keypairs') => {
  const known = world.cloud.catalogue;
  if (known === null) throw new Error('The house has no cloud.');
  const [like] = known[kind];
  const key = kind === 'keypairs' ? 'name' : 'uuid';
  return {
    parent: 'cloud',
    token: 'anna',
    key,
    add: async (n: number) => {
      const name = `it-${(n * 7) % 4}`;
      known[kind] = [...known[kind], { ...like, id: `id-${n}`, name: kind === 'keypairs' ? `${name}-${n}` : name }] as never;
    },
    remove: async (gone: string) => {
      const things = known[kind] as { id?: string; name: string }[];
      known[kind] = things.filter(({ id, name }) => (key === 'name' ? name : id) !== gone) as never;
    },
  };
};

/** Clusters of one seed, with what `patch` gives each. */
const onSeed = async (world: World, patch: () => object) => {
  const seed = await seedOf(world);
  return {
    parent: 'seed(name: "seed-a")',
    token: 'ada',
    add: async (n: number) => {
      const { uuid } = await makeCluster(world, 'anna', `web-${n}`);
      await world.store.transaction((tx) => patchCluster(tx, uuid, { seedId: seed.uuid, ...patch() }));
    },
  };
};

/** What is made by them is seen by `token`; a list's rows come in a world of its own. */
export const LIST_MAKERS: Record<string, (world: World) => Promise<ListHands>> = {
  'Query.clusters': async (world) => ({
    ...clusterHands(world),
    parent: null,
    token: 'anna',
    add: (n) => makeCluster(world, 'anna', `web-${n}`),
  }),
  'Query.clusterTemplates': async (world) => ({
    parent: null,
    token: 'anna',
    key: 'uuid',
    add: (n) => run(world, 'anna', 'createClusterTemplate', { name: `std-${n}`, image: 'debian', flavor: 'small' }, '__typename'),
    remove: (key) => run(world, 'anna', 'deleteClusterTemplate', { clusterTemplateId: key }, '__typename'),
  }),
  'Query.addonBundles': async (world) => ({
    parent: null,
    token: 'anna',
    key: 'name',
    add: (n) => run(world, 'ada', 'registerAddonBundle', { name: `gears-${n}`, manifests: manifests(n) }, '__typename'),
    remove: (key) => run(world, 'ada', 'deleteAddonBundle', { addonBundleId: key }, '__typename'),
  }),
  'Query.auditLog': async (world) => ({
    parent: null,
    token: 'ada',
    key: 'number',
    add: (n) => run(world, 'anna', 'createClusterTemplate', { name: `std-${n}`, image: 'debian', flavor: 'small' }, '__typename'),
    remove: null,
  }),
  'Query.backups': async (world) => ({ ...backupsOf(world, (await inCluster(world)).cluster), parent: null, token: 'anna' }),
  'Query.orphans': async (world) => ({
    parent: null,
    token: 'ada',
    key: 'externalId',
    add: (n) => {
      const place = { projectId: 'blue', seedId: null, clusterId: null, clusterName: null };
      const thing = { ...place, service: 'COMPUTE', kind: 'server', externalId: `server-${n}`, name: 'web-1' } as const;
      return world.store.transaction((tx) => noteOrphan(tx, { ...thing, reason: 'CLUSTER_DELETED' }, newId(), world.time.now));
    },
    remove: (key) => query(world, sql`delete from orphans where external_id = ${key}`),
  }),
  'Query.seeds': async (world) => ({
    parent: null,
    token: 'ada',
    key: 'uuid',
    add: (n) => registerSeed(world, `seed-${n}`),
    remove: (key) => query(world, sql`update seeds set deleted_at = ${world.time.now} where id = ${key}`),
  }),
  'AddonBundle.revisionsConnection': async (world) => {
    const made = await run(world, 'ada', 'registerAddonBundle', { name: 'gears', manifests: manifests(0) }, 'addonBundle { uuid }');
    const { uuid } = made['addonBundle'] as { uuid: string };
    return {
      parent: 'addonBundle(name: "gears")',
      token: 'anna',
      key: 'revision',
      add: (n) => run(world, 'ada', 'updateAddonBundle', { addonBundleId: 'gears', manifests: manifests(n) }, '__typename'),
      remove: (key) => query(world, sql`delete from addon_bundle_revisions where bundle_id = ${uuid} and revision = ${Number(key)}`),
    };
  },
  'ClusterTemplate.revisionsConnection': async (world) => {
    const { uuid } = await clusterTemplate(world);
    const flavor = (n: number) => (n % 2 === 0 ? 'large' : 'small');
    return {
      parent: 'clusterTemplate(name: "std")',
      token: 'anna',
      key: 'revision',
      add: (n) => run(world, 'anna', 'updateClusterTemplate', { clusterTemplateId: uuid, flavor: flavor(n) }, '__typename'),
      remove: (key) => query(world, sql`delete from template_revisions where template_id = ${uuid} and revision = ${Number(key)}`),
    };
  },
  'Cluster.backups': async (world) => {
    const { cluster, ...at } = await inCluster(world);
    return { ...backupsOf(world, cluster), ...at };
  },
  'Cluster.events': async (world) => {
    const { cluster, ...at } = await inCluster(world);
    return { ...eventsOf(world, cluster.uuid), ...at, add: (n) => happen(world, cluster.uuid, [`event ${n}`]) };
  },
  'Cluster.kubeconfigs': async (world) => {
    const { cluster, ...at } = await inCluster(world);
    return {
      ...at,
      key: 'uuid',
      add: () => world.store.transaction((tx) => insertKubeconfig(tx, kubeconfigOf(world, cluster))),
      remove: (key) => query(world, sql`delete from kubeconfigs where id = ${key}`),
    };
  },
  'Cluster.nodeGroups': async (world) => {
    const { cluster, ...at } = await inCluster(world);
    return {
      ...at,
      key: 'uuid',
      add: (n) => run(world, 'anna', 'createNodeGroup', { clusterId: cluster.id, name: `group-${n}`, count: 0 }, '__typename'),
      remove: (key) => world.store.transaction((tx) => patchNodeGroup(tx, key, { deletedAt: world.time.now })),
    };
  },
  'Cluster.nodes': async (world) => {
    const { cluster, ...at } = await inCluster(world);
    return { ...nodesOf(world, cluster), ...at };
  },
  'NodeGroup.nodes': async (world) => {
    const { cluster, token } = await inCluster(world);
    return { ...nodesOf(world, cluster), token, parent: `node(id: "${cluster.nodeGroup.id}")` };
  },
  'Cluster.operations': async (world) => {
    const { cluster, ...at } = await inCluster(world);
    const [like] = await loadOperations(world.store.db, [cluster.operation.uuid]);
    if (like === undefined) throw new Error('Its creation has no operation.');
    const again = () => ({ ...like, id: newId(), requestedAt: world.time.now });
    return {
      ...at,
      key: 'uuid',
      add: () => world.store.transaction((tx) => insertOperation(tx, again())),
      remove: (key) => query(world, sql`delete from operations where id = ${key}`),
    };
  },
  'Cluster.resources': async (world) => {
    const { cluster, ...at } = await inCluster(world);
    const key = { clusterId: cluster.uuid, ownerId: cluster.uuid, service: 'COMPUTE' as const, kind: 'server' };
    return {
      ...at,
      key: 'uuid',
      add: (n) => world.store.transaction((tx) => noteCreating(tx, { ...key, name: `server-${n}` }, world.time.now)),
      remove: (id) => query(world, sql`update inventory set state = 'GONE' where id = ${id}`),
    };
  },
  'Cloud.flavorsConnection': async (world) => cloudHands(world, 'flavors'),
  'Cloud.imagesConnection': async (world) => cloudHands(world, 'images'),
  'Cloud.keypairsConnection': async (world) => cloudHands(world, 'keypairs'),
  'Cloud.networksConnection': async (world) => cloudHands(world, 'networks'),
  'Cloud.securityGroupsConnection': async (world) => cloudHands(world, 'securityGroups'),
  'LeakReport.leftoversConnection': async (world) => {
    const { uuid } = await makeCluster(world, 'anna');
    const { now } = world.time;
    const sweep: Sweep = { since: now, at: now, leftovers: [], unverified: [] };
    const save = () => world.store.transaction((tx) => patchCluster(tx, uuid, { state: 'DELETED', deletedAt: now, sweep }));
    await save();
    const like = { service: 'VOLUME', kind: 'volume', madeBy: 'CSI', fate: 'KEPT', reason: 'As asked.' } as const;
    return {
      parent: `cluster(id: "${uuid}")`,
      below: 'leakReport',
      token: 'anna',
      key: 'externalId',
      add: (n) => {
        sweep.leftovers.push({ ...like, externalId: `volume-${n}`, name: `pvc-${(n * 7) % 4}` });
        return save();
      },
      remove: (key) => {
        sweep.leftovers = sweep.leftovers.filter(({ externalId }) => externalId !== key);
        return save();
      },
    };
  },
  'Seed.clusters': async (world) => ({ ...clusterHands(world), ...(await onSeed(world, () => ({}))) }),
  'Seed.drainPlanConnection': async (world) => ({
    ...(await onSeed(world, () => ({}))),
    key: 'clusterName',
    remove: (key) => query(world, sql`update clusters set deleted_at = ${world.time.now} where name = ${key}`),
  }),
  'Seed.queueConnection': async (world) => ({
    ...(await onSeed(world, () => ({ seedTurn: 'WAITING', seedTurnAt: world.time.now }))),
    key: 'cluster { uuid }',
    remove: (key) => world.store.transaction((tx) => patchCluster(tx, key, { seedTurn: 'DONE' })),
  }),
  'Usage.clustersConnection': async (world) => {
    const { now } = world.time;
    return {
      parent: `usage(from: "2000-01-01T00:00:00Z", to: "${new Date(now).toISOString()}")`,
      token: 'anna',
      key: 'clusterId',
      add: async (n) => {
        const { uuid } = await makeCluster(world, 'anna', `web-${n}`);
        const owner = { subjectId: `server-${n}`, clusterId: uuid, projectId: 'blue' };
        await world.store.transaction(async (tx) => {
          await noteUses(tx, owner, [workerUse(((n * 7) % 4) + 1)], now - 3_600_000);
          await endUses(tx, owner.subjectId, now - 1);
        });
      },
      remove: (key) => query(world, sql`delete from usage where cluster_id = ${key}`),
    };
  },
  'Seed.events': async (world) => {
    const seed = await seedOf(world);
    const subject = {
      kind: 'SEED' as const,
      id: seed.uuid,
      name: 'seed-a',
      streamId: seed.uuid,
      clusterId: null,
      projectId: null,
    };
    return {
      ...eventsOf(world, seed.uuid),
      parent: 'seed(name: "seed-a")',
      token: 'ada',
      add: (n) => {
        const what = { step: null, title: null, state: 'READY', percent: null, message: `event ${n}`, problem: null };
        const event = { ...what, at: world.time.now, operationId: null, settled: false };
        return world.store.transaction((tx) => appendEvent(tx, subject, event));
      },
    };
  },
};
