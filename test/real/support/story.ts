/** The cast of every test on the real thing: a world, a server over a fresh data directory, an admin, a member, a seed and a template. */
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApi, followProgress, type ProgressEvent } from './graphql.ts';
import { createKubectl } from './outside.ts';
import { makeOwnProject } from './ownProject.ts';
import { until } from './run.ts';
import { freePort, type Server, startServer } from './server.ts';
import { type Login, logIn, openWorld, usesLab, type World } from './world.ts';

export interface Story {
  world: World;
  folder: string;
  port: number;
  server: Server;
  adminToken: string;
  memberToken: string;
  memberProjectId: string;
  /** Range for the workers, so that stories side by side do not share a route in the seed. */
  nodeCidr: string;
  /** One more user of the story's own project, with this role in it; goes with the project. */
  addUser: (role: string) => Promise<Login>;
  /** Deletes the member from Keystone; the story goes on as `next`. */
  deleteMember: (next: Login) => Promise<void>;
  /** Takes the story's own project away. */
  removeProject: () => Promise<void>;
}

/** Ends the server; what it wrote is kept when something failed, for its log says why. */
export const closeStory = async (story: Story, failed: boolean): Promise<number | null> => {
  const code = await story.server.stop();
  await story.removeProject();
  if (failed) console.error(`Log and database: ${story.folder}`);
  else rmSync(story.folder, { recursive: true });
  return code;
};

export const openStory = async (
  name: string,
  logLevel?: string,
  roles: readonly string[] = ['member'],
  more: Readonly<Record<string, string>> = {},
): Promise<Story> => {
  const folder = mkdtempSync(join(tmpdir(), `seedbed-real-${name}-`));
  const given = openWorld();
  const notOurs = () => Promise.reject(new Error('The project is not the story’s own, so nobody is added to it.'));
  const { world, addUser, deleteMember, remove } = usesLab
    ? await makeOwnProject(given, folder, name, roles)
    : { world: given, addUser: notOurs, deleteMember: notOurs, remove: async () => {} };
  const port = await freePort();
  const server = await startServer(world, folder, port, logLevel, undefined, more);
  const [admin, member] = [await logIn(world.admin), await logIn(world.member)];
  const story: Story = {
    world,
    folder,
    port,
    server,
    adminToken: admin.token,
    memberToken: member.token,
    memberProjectId: member.projectId,
    nodeCidr: `10.77.${randomInt(256)}.0/24`,
    addUser,
    deleteMember: async (next) => {
      await deleteMember(next);
      story.memberToken = (await logIn(next)).token;
    },
    removeProject: remove,
  };
  return story;
};

export const asMember = (story: Story) => createApi(story.server.url, story.memberToken);

/** The seed of the lab can be given a route to the nodes. */
const WITHOUT_TUNNEL = { tunnel: 'NONE' };
/** Whether a kubeconfig counts, by its id. */
export const kubeconfigState = async (story: Story, id: string): Promise<string> => {
  const query = 'query($id: ID!) { node(id: $id) { ... on Kubeconfig { state } } }';
  return (await asMember(story).ask<{ node: { state: string } }>(query, { id })).node.state;
};

/** An administrator's kubeconfig in a file, once each API server lets it do all it may; its id. */
export const issueKubeconfig = async (story: Story, clusterId: string, path: string, ttlSeconds = 3600): Promise<string> => {
  const { kubeconfig, record } = await asMember(story).change<{ kubeconfig: string; record: { id: string } }>(
    'issueKubeconfig',
    { clusterId, role: 'ADMIN', ttlSeconds },
    'kubeconfig record { id }',
  );
  writeFileSync(path, kubeconfig, { mode: 0o600 });
  await until('the kubeconfig counts', 30, async () => (await kubeconfigState(story, record.id)) === 'ACTIVE' || undefined);
  // An API server learns of a new binding by a watch of its own.
  const kubectl = createKubectl(story.world, path);
  await until('the kubeconfig has its rights', 60, async () => (await kubectl('auth', 'can-i', '*', '*')).includes('yes') || undefined);
  return record.id;
};

/** Registers a seed with load balancers and waits until it is READY; its id. */
export const registerSeed = async ({ server, adminToken }: Story, name: string, kubeconfigPath: string): Promise<string> => {
  const admin = createApi(server.url, adminToken);
  const { seed } = await admin.change<{ seed: { id: string } }>(
    'registerSeed',
    { name, kubeconfig: readFileSync(kubeconfigPath, 'utf8'), exposure: 'LOAD_BALANCER' },
    'seed { id }',
  );
  await until('the seed is READY', 60, async () => {
    const found = await admin.ask<{ seed: { state: string } }>(
      'query($id: ID!) { seed(id: $id) { state conditions { name status message } } }',
      {
        id: seed.id,
      },
    );
    if (found.seed.state === 'READY') return true;
    throw new Error(JSON.stringify(found));
  });
  return seed.id;
};

/** Registers the world's seed and publishes a template, both under a name; waits until the seed is ready. `more`: what else its template says. */
export const prepareSeedAndTemplate = async (
  story: Story,
  name: string,
  controlPlane: object = WITHOUT_TUNNEL,
  more: object = {},
  kubeconfigPath: string = story.world.seedKubeconfigPath,
): Promise<void> => {
  const { server, adminToken, world } = story;
  await registerSeed(story, name, kubeconfigPath);
  const admin = createApi(server.url, adminToken);
  await admin.change(
    'createClusterTemplate',
    {
      name,
      visibility: 'PUBLIC',
      kubernetesVersion: 'v1.36.3',
      image: world.image,
      flavor: world.flavor,
      externalNetwork: world.externalNetwork,
      networkDriver: 'FLANNEL',
      controlPlane,
      nodeCidr: story.nodeCidr,
      ...more,
    },
    'clusterTemplate { id }',
  );
};

/** Waits until an operation has succeeded, also while the server dies and comes back; an error says what became of it. */
export const untilSucceeded = async (story: Story, operationId: string, clusterId: string, seconds: number): Promise<void> => {
  const query = 'query($id: ID!) { node(id: $id) { ... on Operation { state problem { code message } steps { name state message } } } }';
  type Seen = { state: string; problem: object | null; steps: { name: string; state: string; message: string }[] };
  let last: Seen | undefined;
  const over = async () => {
    last = (await asMember(story).ask<{ node: Seen }>(query, { id: operationId })).node;
    return ['PENDING', 'RUNNING'].includes(last.state) ? undefined : last;
  };
  const end = await until('the operation is over', seconds, over, 1_000).catch(async (error: unknown) => {
    throw new Error(`${String(error)}; ${JSON.stringify(last)}; ${await tellStand(story, clusterId)}`, { cause: error });
  });
  if (end.state !== 'SUCCEEDED') throw new Error(JSON.stringify(end));
};

/** Follows a cluster's progress to rest and keeps what was told, in the order of arrival. */
export const followToRest = async (story: Story, clusterId: string, events: ProgressEvent[], seconds = 400): Promise<ProgressEvent> => {
  const after = events.at(-1)?.number ?? 0;
  try {
    await followProgress(story.server.url, story.memberToken, clusterId, after, (event) => events.push(event), seconds);
  } catch (error) {
    throw new Error(`${String(error)}; it stands at ${await tellStand(story, clusterId)}`, { cause: error });
  }
  const last = events.findLast(({ subjectKind, step }) => subjectKind === 'CLUSTER' && step === null);
  if (last === undefined) throw new Error('no event of the cluster itself came');
  return last;
};

/** What a cluster and its nodes still wait for: for the message of a story that ran out of time. */
const tellStand = async (story: Story, clusterId: string): Promise<string> => {
  const stand = await asMember(story).ask<{ cluster: object | null }>(
    `query($id: ID!) { cluster(id: $id) { state conditions { name state message }
      nodeGroups { nodes { nodes { nodes { name state conditions { name state message } } } } } } }`,
    { id: clusterId },
  );
  return JSON.stringify(stand.cluster, (_, value) =>
    Array.isArray(value) ? value.filter((entry) => !['DONE', 'REMOVED'].includes(entry.state)) : value,
  );
};
