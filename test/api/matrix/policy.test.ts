import { describe, expect, test } from 'vitest';
import { ACTIONS, type Action, actionNames, createPolicy, KEYSTONE_ROLES, type Policy } from '../../../src/domain/policy.ts';
import { openWorld, type World } from '../world.ts';
import { letIn } from './callers.ts';
import { dump } from './database.ts';
import { furnishCloud, furnishProject, type House } from './furniture.ts';
import { inputFor, mutate, mutationNames } from './inputs.ts';

/** What an action guards that is no mutation of its name: a mutation with something more, or what shows in a query's answer. */
type Guarded = { mutation: string; more(house: House): object } | { query(house: House): string; shows(house: House): string };

const reading = (
  kind: 'cluster' | 'backup' | 'clusterTemplate' | 'addonBundle' | 'seed',
  typename: string,
  more: (house: House) => string,
): Guarded => ({
  query: (house) =>
    `{ one: ${kind}(id: "${house[kind].uuid}") { uuid } list: ${kind}s { nodes { uuid } } node(id: "${house[kind].id}") { ... on ${typename} { uuid } } nodes(ids: ["${house[kind].id}"]) { ... on ${typename} { uuid } } ${more(house)} }`,
  shows: (house) => house[kind].uuid,
});
const ofCluster = (house: House, selection: string): string => `cluster(id: "${house.cluster.id}") { ${selection} }`;

const GUARDED: Partial<Record<Action, Guarded>> = {
  readClusters: reading(
    'cluster',
    'Cluster',
    ({ node, nodeGroup, operation, kubeconfig, resource }) =>
      `parts: nodes(ids: ${JSON.stringify([node, nodeGroup, operation, kubeconfig, resource].map(({ id }) => id))}) { ... on ClusterNode { cluster { uuid } } ... on NodeGroup { cluster { uuid } } ... on Operation { cluster { uuid } } ... on Kubeconfig { cluster { uuid } } }`,
  ),
  readBackups: reading('backup', 'Backup', (house) => ofCluster(house, 'backups { nodes { uuid } }')),
  readClusterTemplates: reading('clusterTemplate', 'ClusterTemplate', (house) => ofCluster(house, 'template { uuid }')),
  readAddonBundles: reading('addonBundle', 'AddonBundle', () => ''),
  readUsage: {
    query: ({ cluster }) =>
      `{ all: usage(from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z") { clusters { clusterId name } } one: usage(clusterId: "${cluster.id}", from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z") { clusters { clusterId name } } }`,
    shows: () => 'leaky-cluster',
  },
  readQuota: { query: () => '{ own: quota { projectId } quota(projectId: "blue") { projectId } }', shows: () => '"projectId":"blue"' },
  readCloud: { query: () => '{ cloud { flavors { name } } }', shows: () => 'small' },
  readAddonBundleManifests: {
    query: ({ addonBundle }) => `{ addonBundle(id: "${addonBundle.id}") { newestRevision { manifests } revisions { manifests } } }`,
    shows: () => 'said-in-manifests',
  },
  readSeeds: reading('seed', 'Seed', () => 'orphans { nodes { seed { uuid } } }'),
  readOrphans: { query: () => '{ orphans { nodes { uuid name } } }', shows: ({ orphan }) => orphan.uuid },
  readAuditLog: { query: () => '{ auditLog { nodes { targetId } } }', shows: ({ cluster }) => cluster.uuid },
  getWritingAccess: { mutation: 'issueKubeconfig', more: () => ({ role: 'ADMIN' }) },
  skipTunnel: { mutation: 'createCluster', more: () => ({ name: 'tunnelless', overrides: { controlPlane: { tunnel: 'NONE' } } }) },
  chooseSeed: { mutation: 'createCluster', more: ({ seed }) => ({ name: 'placed', seed: seed.id }) },
  abandonSeed: { mutation: 'deleteCluster', more: () => ({ abandonSeed: true }) },
  publishClusterTemplate: { mutation: 'createClusterTemplate', more: () => ({ name: 'published', visibility: 'PUBLIC' }) },
};

/** What is guarded by a rule: by its mutation's name, where it has one. */
const guardedBy = (action: Action): Guarded => {
  const guarded = GUARDED[action] ?? (mutationNames().includes(action) ? { mutation: action, more: () => ({}) } : undefined);
  if (guarded === undefined) throw new Error(`What does ${action} guard? Tell it in this file.`);
  return guarded;
};

/** How an attempt ended: `shown` is the query's answer or the mutation's error. */
const attempt = async (
  world: World,
  token: string,
  house: House,
  action: Action,
): Promise<{ allowed: boolean; told: string; code: string | undefined }> => {
  const guarded = guardedBy(action);
  if ('query' in guarded) {
    const { data, errors } = await world.post(token, guarded.query(house));
    return {
      allowed: JSON.stringify(data).includes(guarded.shows(house)),
      told: JSON.stringify([data, errors]),
      code: errors[0]?.extensions.code,
    };
  }
  const { code, message } = await mutate(world, token, guarded.mutation, { ...inputFor(guarded.mutation, house), ...guarded.more(house) });
  return { allowed: code !== 'FORBIDDEN', told: message ?? '', code };
};

const open = async () => {
  const world = await openWorld();
  const cloud = await furnishCloud(world, 'common');
  const house: House = { ...(await furnishProject(world, { token: 'anna', projectId: 'blue', word: 'leaky' })), ...cloud };
  return { world, house };
};

const without = (action: Action): Policy => createPolicy(KEYSTONE_ROLES, [{ name: ACTIONS[action].rule, check: '!', line: 1 }]);
const ADMINS = {
  'the project': { projectId: 'blue', roles: ['manager', 'member', 'reader'] },
  'the cloud': { projectId: 'blue', roles: ['admin', 'manager', 'member', 'reader'] },
};

describe.each(Object.entries(ADMINS))('an admin of %s', (_of, who) => {
  test('is refused what one rule forbids to all, and is told which', async () => {
    const { world, house } = await open();
    const before = dump(world);
    for (const action of actionNames) {
      const token = `without-${action}`;
      letIn(world, token, who, without(action));
      const { allowed, told, code } = await attempt(world, token, house, action);
      expect([action, allowed, told]).toEqual([action, false, told]);
      const isList = 'query' in guardedBy(action) && action !== 'readCloud';
      // What may not be read is not there, and nobody is told why.
      if (isList) expect([action, code]).toEqual([action, undefined]);
      else expect([action, told]).toEqual([action, expect.stringContaining(ACTIONS[action].rule)]);
    }
    expect(dump(world)).toBe(before);
  });
});

/** Those that take things away come last. */
const inOrder = [...actionNames].sort(
  (a, b) => Number(/^(?:delete|abandon|unregister)/.test(a)) - Number(/^(?:delete|abandon|unregister)/.test(b)),
);

/** Right, but for a seed that was registered and shows node ports, and for a cluster that has its template's newest settings. */
const AS_THINGS_ARE: Action[] = ['moveClusterToTemplate', 'scaleSeed', 'upgradeSeed', 'drainSeed'];

const CALLERS = {
  'a reader': { projectId: 'blue', roles: ['reader'] },
  'a member': { projectId: 'blue', roles: ['member', 'reader'] },
  'a cloud reader': { projectId: null, isSystemScoped: true, roles: ['reader'] },
  // Keystone gives them with the first; without them there is nothing to lend that Seedbed could act by.
  'a cloud admin': { projectId: 'blue', roles: ['admin', 'member', 'reader'] },
};

test.each(Object.entries(CALLERS))('viewer.can says of %s what the mutations then answer', async (_name, who) => {
  const { world, house } = await open();
  // What is said of things with an owner is said of the caller's own.
  letIn(world, 'caller', { ...who, userId: 'user-anna' });
  const { viewer } = await world.data<{ viewer: { can: Record<Action, boolean> } }>(
    'caller',
    `{ viewer { can { ${actionNames.join(' ')} } } }`,
  );
  expect(Object.keys(viewer.can).sort()).toEqual([...actionNames].sort());
  const blamed: string[] = [];
  for (const action of inOrder) {
    const { allowed, told, code } = await attempt(world, 'caller', house, action);
    expect([action, allowed, told]).toEqual([action, viewer.can[action], told]);
    if (viewer.can[action] && !AS_THINGS_ARE.includes(action) && /^(?:NOT_FOUND|INVALID_INPUT)$/.test(code ?? ''))
      blamed.push(`${action}: ${told}`);
  }
  // The calls are right, so that each gets to where the policy is asked.
  expect(blamed).toEqual([]);
});
