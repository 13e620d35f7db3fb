/** Outside witnesses: openstacksdk, kubectl and openssl. Nothing here uses code of the product. */
import { run } from './run.ts';
import type { World } from './world.ts';

/** One thing of the cloud as a listing shows it. */
export interface Thing {
  kind: string;
  id: string;
  name: string;
  project: string;
  tags: string[];
  description: string;
}

export interface ServerSeen {
  id: string;
  name: string;
  status: string;
  project: string;
  tags: string[];
  metadata: Record<string, string>;
  /** null when the login may not see it. */
  userData: string | null;
  /** Policies of the server groups that the server is in. */
  serverGroups: string[];
  ports: { id: string; network: string; tags: string[]; securityGroups: string[]; addresses: string[] }[];
}

export interface RouterSeen {
  id: string;
  external: string[];
}

const PROGRAM = new URL('./outside.py', import.meta.url).pathname;

// Debian's own Python has openstacksdk; a shim in PATH may not.
const look = async <T>(world: World, args: readonly string[]): Promise<T> =>
  JSON.parse(
    await run('/usr/bin/python3', [PROGRAM, `${world.admin.cloud},${world.member.cloud}`, ...args], {
      env: { OS_CLIENT_CONFIG_FILE: world.cloudsFile },
    }),
  ) as T;

export const listThings = (world: World): Promise<Thing[]> => look(world, ['listing']);
export const listServers = (world: World, tag: string): Promise<ServerSeen[]> => look(world, ['servers', tag]);
export const listRouters = (world: World, tag: string): Promise<RouterSeen[]> => look(world, ['router', tag]);

/** In Seedbed's own project, which only its administrator looks into. */
export const deleteServerAsAdmin = async ({ admin, cloudsFile }: World, id: string): Promise<void> => {
  await run('/usr/bin/python3', [PROGRAM, admin.cloud, 'delete-server', id], { env: { OS_CLIENT_CONFIG_FILE: cloudsFile } });
};

const asMember = async <T>({ member, cloudsFile }: World, ...args: string[]): Promise<T> =>
  JSON.parse(await run('/usr/bin/python3', [PROGRAM, member.cloud, ...args], { env: { OS_CLIENT_CONFIG_FILE: cloudsFile } })) as T;

export const deleteVolume = (world: World, id: string): Promise<unknown> => asMember(world, 'delete-volume', id);
export const deleteServer = (world: World, id: string): Promise<unknown> => asMember(world, 'delete-server', id);

/** A security group that nobody but its description connects with anything. */
export const makeGroup = async (world: World, description: string): Promise<string> => {
  const [made] = await asMember<{ id: string }[]>(world, 'make-group', description);
  if (made === undefined) throw new Error('no security group was made');
  return made.id;
};

/** kubectl with a kubeconfig's file. */
export type Kubectl = (...args: string[]) => Promise<string>;

export const createKubectl =
  (world: World, kubeconfigPath: string): Kubectl =>
  (...args) =>
    run(world.kubectl, ['--kubeconfig', kubeconfigPath, '--request-timeout=20s', ...args]);

/** Applies objects with server-side apply, as a customer's tool would. */
export const applyObjects = (world: World, kubeconfigPath: string, objects: readonly object[], ...flags: string[]): Promise<string> =>
  run(world.kubectl, ['--kubeconfig', kubeconfigPath, 'apply', '--server-side', ...flags, '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
  });

/** What `openssl s_client` says of the chain that is served at host:port, checked against an authority and the address. */
export const verifyChain = (host: string, port: number, caFile: string): Promise<string> =>
  run('openssl', [
    's_client',
    '-connect',
    `${host}:${port}`,
    '-CAfile',
    caFile,
    '-verify_ip',
    host,
    '-verify_return_error',
    '-showcerts',
    '-brief',
  ]);
