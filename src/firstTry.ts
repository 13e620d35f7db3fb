/** The first try: a whole Seedbed with a cloud of its own, from nothing to a READY cluster, through the public API. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join, relative, resolve } from 'node:path';
import { createTokenSource, type Environment, readLogin } from './cli/auth.ts';
import type { Screen } from './cli/progress.ts';
import { waitForOperation } from './cli/wait.ts';
import { type Client, createClient } from './client/client.ts';
import { CLUSTER_BY_NAME, CREATE_CLUSTER, CREATE_TEMPLATE, REGISTER_SEED, SEED_BY_NAME, TEMPLATE_BY_NAME } from './client/documents.ts';
import { ClientError } from './client/errors.ts';
import type { Cluster, ClusterSummary, Operation, Seed, Template } from './client/types.ts';
import { readConfig } from './config.ts';
import type { Handover } from './sandbox/handover.ts';
import { openSandbox } from './sandboxProcess.ts';
import { startServer } from './server.ts';

export interface FirstTryOptions {
  port: number;
  data: string;
  once?: boolean;
  bare?: boolean;
}

export interface Surroundings {
  environment: Environment;
  screen: Screen;
  signal: AbortSignal;
  /** Resolves when somebody asks the program to end. */
  stopped(): Promise<void>;
}

const CLUSTER = 'hello';
const TEMPLATE = 'small';
const WORKERS = 2;
const GRACE_MS = 5_000;
/** Far above the usual few seconds: a first try that hangs should end by itself. */
const LIMIT_MS = 120_000;

/** Runs until it is asked to stop, or with `once` until the cluster is READY. Throws when that fails. */
export const firstTry = async (options: FirstTryOptions, around: Surroundings): Promise<void> => {
  const { screen } = around;
  const data = resolve(options.data);
  screen.write('No cloud is configured, so Seedbed brings its own: a simulated OpenStack and a seed, on loopback.\n');
  const sandbox = await openSandbox(join(data, 'sandbox'));
  const { handover } = sandbox;
  screen.write(sandbox.started ? `The sandbox runs, process ${handover.pid}.\n` : `The sandbox ran already, process ${handover.pid}.\n`);
  try {
    const server = await startServer(await configOf(options, data, around.environment, handover));
    try {
      screen.write(`Seedbed serves ${server.url}, with its database in ${relative('.', data) || '.'}.\n`);
      await furnish(server.url, handover, options, around);
      screen.write(advice(server.url, handover, options));
      if (options.once !== true) await around.stopped();
    } finally {
      await server.close(GRACE_MS);
    }
  } catch (error) {
    if (isPortTaken(error)) throw new Error(`Port ${options.port} is taken; choose another with --port.`, { cause: error });
    throw error;
  } finally {
    await sandbox.stop();
  }
};

const configOf = async (options: FirstTryOptions, data: string, environment: Environment, { authUrl, region, users }: Handover) => {
  const settings = {
    listen: `127.0.0.1:${options.port}`,
    data,
    keystoneUrl: authUrl,
    keystoneUsername: users.service.username,
    keystonePassword: users.service.password,
    keystoneUserDomain: users.service.userDomainName,
    keystoneProject: users.service.projectName,
    keystoneProjectDomain: users.service.projectDomainName,
    region,
    introspection: true,
    seedsOnLoopback: true,
    sourceCidrs: '127.0.0.0/8',
    // The progress is drawn on the same terminal.
    ...(environment['SEEDBED_LOG_LEVEL'] === undefined && { logLevel: 'error' as const }),
  };
  const config = readConfig(environment, settings);
  if (config.backupListen !== null || config.backupSwiftContainer !== null || config.backupS3Endpoint !== null) return config;
  // Backups can be tried as well: in a folder, at whatever port is free.
  const address = `127.0.0.1:${await freePort()}`;
  return readConfig(environment, { ...settings, backupListen: address, backupAddress: address });
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

const isPortTaken = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';

/** A client as one of clouds.yaml's clouds, by the same way in as the command line. */
const clientAs = (cloud: string, url: string, handover: Handover, around: Surroundings): Client => {
  const login = readLogin({ OS_CLIENT_CONFIG_FILE: handover.cloudsYaml }, { cwd: '/', home: '/' }, cloud);
  return createClient({ url, token: createTokenSource(login, around.screen.now, around.signal), signal: around.signal });
};

/** Seed, template and cluster, each only if it is not there yet. */
const furnish = async (url: string, handover: Handover, options: FirstTryOptions, around: Surroundings): Promise<void> => {
  const admin = clientAs('sandbox-admin', url, handover, around);
  await ensureSeed(admin, handover, around);
  await ensureTemplate(admin, around);
  if (options.bare !== true) await ensureCluster(clientAs('sandbox-member', url, handover, around), options.once === true, around);
};

const ensureSeed = async (admin: Client, handover: Handover, around: Surroundings): Promise<void> => {
  const [given] = handover.seeds;
  if (given === undefined) throw new Error('The sandbox has no seed.');
  const { seed } = await admin.request<{ seed: Seed | null }>(SEED_BY_NAME, { name: given.name });
  if (seed !== null) return around.screen.write(`Seed ${seed.name} is registered: ${seed.state}.\n`);
  const input = { name: given.name, kubeconfig: readFileSync(given.kubeconfigFile, 'utf8') };
  const { operation } = await admin.mutate<{ operation: Operation }>(REGISTER_SEED, { input });
  await follow(admin, operation, `Register seed ${given.name}`, around);
};

const ensureTemplate = async (admin: Client, around: Surroundings): Promise<void> => {
  const { clusterTemplate } = await admin.request<{ clusterTemplate: Template | null }>(TEMPLATE_BY_NAME, { name: TEMPLATE });
  if (clusterTemplate !== null) return;
  const input = { name: TEMPLATE, visibility: 'PUBLIC', image: 'debian-12-node', flavor: 'm1.small', externalNetwork: 'public' };
  await admin.mutate(CREATE_TEMPLATE, { input });
  around.screen.write(`Template ${TEMPLATE} is published.\n`);
};

const ensureCluster = async (member: Client, once: boolean, around: Surroundings): Promise<void> => {
  const { cluster } = await member.request<{ cluster: Cluster | null }>(CLUSTER_BY_NAME, { name: CLUSTER });
  if (cluster === null) {
    const began = around.screen.now();
    const input = { name: CLUSTER, clusterTemplate: TEMPLATE, nodeCount: WORKERS };
    const made = await member.mutate<{ cluster: ClusterSummary; operation: Operation }>(CREATE_CLUSTER, { input });
    await follow(member, made.operation, `Create cluster ${CLUSTER}`, around, made.cluster.uuid);
    const seconds = ((around.screen.now() - began) / 1000).toFixed(1);
    return around.screen.write(`Cluster ${CLUSTER} is READY, ${seconds} s after it was asked for.\n`);
  }
  const open = cluster.operations.nodes.find(({ state }) => state === 'PENDING' || state === 'RUNNING');
  if (open !== undefined) await follow(member, open, `Go on with cluster ${CLUSTER}`, around, cluster.uuid);
  const { cluster: now } = await member.request<{ cluster: Cluster | null }>(CLUSTER_BY_NAME, { id: cluster.uuid });
  if (now === null || now.state === 'READY') around.screen.write(`Cluster ${CLUSTER} is ${now?.state ?? 'gone'}.\n`);
  else {
    const why = `Cluster ${CLUSTER} is ${now.state}, not READY: seedbed cluster show ${CLUSTER} says why.`;
    // Who wants to see why needs a server to ask.
    if (once) throw new ClientError('NOT_READY', why);
    around.screen.write(`${why}\n`);
  }
};

const follow = (client: Client, operation: Operation, title: string, around: Surroundings, clusterId?: string): Promise<Operation> =>
  waitForOperation({
    client,
    operation,
    title,
    screen: around.screen,
    timeoutMs: LIMIT_MS,
    signal: around.signal,
    ...(clusterId !== undefined && { cluster: { id: clusterId, after: 0 } }),
  });

/** Written so that each line can be copied as it is, from the folder of the project. */
const advice = (url: string, { cloudsYaml, shared }: Handover, options: FirstTryOptions): string => {
  if (options.once === true) return 'All of it is kept: without --once it goes on from here and keeps serving.\n';
  const program = new URL('./main.js', import.meta.url).pathname;
  const own = options.port === 4000 ? '' : ` SEEDBED_URL=${url}`;
  const kubeconfig =
    options.bare === true
      ? ''
      : `
  kubectl           seedbed cluster kubeconfig ${CLUSTER} --file ${CLUSTER}.kubeconfig
                    kubectl --kubeconfig ${CLUSTER}.kubeconfig get nodes`;
  return `
How to go on:
  command line      alias seedbed='node ${program}'
                    export OS_CLIENT_CONFIG_FILE=${relative('.', cloudsYaml)} OS_CLOUD=sandbox-member${own}
                    (or sandbox-admin, sandbox-reader, sandbox-other)
                    seedbed cluster list${kubeconfig}
  a token           seedbed token
  GraphiQL          ${url} with the header {"X-Auth-Token": "<token>"}

Seedbed goes on serving; Ctrl-C ends it${shared ? ' and its sandbox' : '; the sandbox, which was started by itself, goes on'}, and a second start resumes.
`;
};
