/** One object of each kind, for who is to find it and who is not. */
import { encodeId } from '../../../src/api/ids.ts';
import { workerUse } from '../../../src/domain/usage.ts';
import { newId } from '../../../src/lib/ids.ts';
import { insertBackup, newBackup } from '../../../src/store/backups.ts';
import { noteCreating, notePresent } from '../../../src/store/inventory.ts';
import { insertKubeconfig } from '../../../src/store/kubeconfigs.ts';
import { noteOrphan } from '../../../src/store/orphans.ts';
import { noteUses } from '../../../src/store/usage.ts';
import { addNode, happen } from '../live.ts';
import { registerSeed, run } from '../run.ts';
import { makeCluster, TEMPLATE_MUTATION, type World } from '../world.ts';

/** By its global and its plain id; what has no global id has the plain one twice. `name` where the API takes it in place of an id. */
export interface Thing {
  id: string;
  uuid: string;
  name?: string;
}

const MANIFESTS = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: matrix, namespace: default }\ndata: { word: said-in-manifests }\n';

/** Kinds that belong to no project. All see the bundle. */
export const furnishCloud = async (world: World, word: string): Promise<Record<'seed' | 'addonBundle' | 'orphan', Thing>> => {
  const { seed } = await registerSeed(world, `${word}-seed`);
  const bundle = { name: `${word}-bundle`, manifests: MANIFESTS };
  const { addonBundle } = await run(world, 'ada', 'registerAddonBundle', bundle, 'addonBundle { id uuid name }');
  const id = newId();
  const place = { projectId: 'blue', seedId: null, clusterId: null, clusterName: null };
  const thing = { ...place, service: 'COMPUTE', kind: 'server', externalId: `${word}-server-0`, name: `${word}-orphan` } as const;
  await world.store.transaction((tx) => noteOrphan(tx, { ...thing, reason: 'CLUSTER_DELETED' }, id, world.time.now));
  return { seed: seed as Thing, addonBundle: addonBundle as Thing, orphan: { id, uuid: id } };
};

/** Kinds of a project, made by a member of it; their names begin with `word`, and show wherever they leak. */
export const furnishProject = async (world: World, { token, projectId, word }: { token: string; projectId: string; word: string }) => {
  await world.data(token, TEMPLATE_MUTATION, { input: { name: `${word}-template`, image: 'debian', flavor: 'small' } });
  const { clusterTemplate } = await world.data<{ clusterTemplate: Thing }>(
    token,
    `{ clusterTemplate(name: "${word}-template") { id uuid name } }`,
  );
  const made = await makeCluster(world, token, `${word}-cluster`, { clusterTemplate: `${word}-template` });
  const cluster = { id: made.id, uuid: made.uuid };
  await addNode(world, { clusterId: cluster.uuid, nodeGroupId: made.nodeGroup.uuid, projectId }, `${word}-node`);
  await happen(world, cluster.uuid, [`${word} event`]);
  const of = { id: cluster.uuid, projectId, name: `${word}-cluster` };
  const key = { clusterId: cluster.uuid, ownerId: cluster.uuid, service: 'COMPUTE' as const, kind: 'server', name: `${word}-server` };
  const [kubeconfig, backup] = [newId(), newId()];
  await world.store.transaction(async (tx) => {
    await noteCreating(tx, key, world.time.now);
    await notePresent(tx, key, `${word}-server-1`, world.time.now);
    await noteUses(tx, { subjectId: `${word}-server-1`, clusterId: cluster.uuid, projectId }, [workerUse(2)], world.time.now - 1_000);
    await insertKubeconfig(tx, {
      id: kubeconfig,
      clusterId: cluster.uuid,
      kind: 'KUBECONFIG',
      role: 'ADMIN',
      userName: `${word}@Default:x`,
      ownerId: `user-${token}`,
      owner: `${word}@Default`,
      createdAt: world.time.now,
      expiresAt: world.time.now + 3_600_000,
      boundAt: null,
      unboundAt: null,
      revokedAt: null,
      revokedBy: null,
    });
    await insertBackup(tx, newBackup({ id: backup, cluster: of, reason: 'ON_DEMAND', createdBy: token, now: world.time.now }));
  });
  const { cluster: read } = await world.data<{ cluster: { resources: { nodes: Thing[] } } }>(
    token,
    `{ cluster(id: "${cluster.id}") { resources { nodes { id uuid } } } }`,
  );
  const [resource] = read.resources.nodes;
  if (resource === undefined) throw new Error('The house is not furnished.');
  const globally = (typename: string, uuid: string): Thing => ({ id: encodeId(typename, uuid), uuid });
  return {
    clusterTemplate,
    cluster,
    nodeGroup: { id: made.nodeGroup.id, uuid: made.nodeGroup.uuid },
    operation: { id: made.operation.id, uuid: made.operation.uuid },
    node: globally('ClusterNode', `node-${word}-node`),
    resource,
    kubeconfig: globally('Kubeconfig', kubeconfig),
    backup: globally('Backup', backup),
  } satisfies Record<string, Thing>;
};

type Project = Awaited<ReturnType<typeof furnishProject>>;
type Cloud = Awaited<ReturnType<typeof furnishCloud>>;
/** Whatever a mutation or a subscription can name. */
export type House = Project & Cloud;
export type Kind = keyof House;

const TYPE: Partial<Record<Kind, string>> = {
  seed: 'Seed',
  addonBundle: 'AddonBundle',
  clusterTemplate: 'ClusterTemplate',
  cluster: 'Cluster',
  nodeGroup: 'NodeGroup',
  operation: 'Operation',
  node: 'ClusterNode',
  resource: 'Resource',
  kubeconfig: 'Kubeconfig',
  backup: 'Backup',
};

/** Of the same kind, and not there. */
export const absent = (kind: Kind, like: Thing): Thing => {
  const uuid = newId();
  const typename = TYPE[kind];
  return {
    uuid,
    id: typename === undefined ? uuid : encodeId(typename, uuid),
    ...(like.name !== undefined && { name: `no-${like.name}` }),
  };
};

/** Each way to name a thing. */
export const waysToName = ({ id, uuid, name }: Thing): string[] => [...new Set([id, uuid, ...(name === undefined ? [] : [name])])];

/** An answer without the ways in which the question named the thing: two answers may differ in them and in nothing else. */
export const withoutNames = <Answer>(answer: Answer, thing: Thing): Answer =>
  JSON.parse(waysToName(thing).reduce((text, way) => text.replaceAll(way, 'IT'), JSON.stringify(answer))) as Answer;
