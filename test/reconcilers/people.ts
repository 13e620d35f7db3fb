/** People of the sandbox's Keystone who come and go, and the application credentials that they make. */
import type { Story } from './story.ts';
import type { Living } from './world.ts';

type World = Pick<Story, 'sandbox' | 'admin'>;

/** Throws with Keystone's words on anything but a success. */
export const askKeystone = async (world: World, token: string, method: string, path: string, body?: object) => {
  const answer = await fetch(`${world.sandbox.authUrl}${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-auth-token': token },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return { token: answer.headers.get('x-subject-token') ?? '', body: answer.status === 204 ? {} : ((await answer.json()) as unknown) };
};

export interface Person {
  id: string;
  token: string;
}

/** Another user with these roles in the project, who can be removed; the roles come with those that they imply. */
export const hireMember = async (
  world: World,
  name: string,
  { roles = ['member'], projectId = world.sandbox.users.member.projectId }: { roles?: string[]; projectId?: string } = {},
): Promise<Person> => {
  const ask = (method: string, path: string, body?: object) => askKeystone(world, world.admin, method, path, body);
  const { user } = (await ask('POST', '/users', { user: { name, password: 'secret' } })).body as { user: { id: string } };
  for (const role of await rolesOf(world)) if (roles.includes(role.name)) await ask('PUT', grantOf(projectId, user.id, role.id));
  const auth = {
    identity: { methods: ['password'], password: { user: { id: user.id, password: 'secret' } } },
    scope: { project: { id: projectId } },
  };
  return { id: user.id, token: (await askKeystone(world, '', 'POST', '/auth/tokens', { auth })).token };
};

export const rolesOf = async (world: World) =>
  ((await askKeystone(world, world.admin, 'GET', '/roles')).body as { roles: { id: string; name: string }[] }).roles;

export const grantOf = (projectId: string, userId: string, roleId: string) => `/projects/${projectId}/users/${userId}/roles/${roleId}`;

/** As createCluster takes it. */
export const makeCredential = async (world: World, owner: Person, name: string, more: object = {}) => {
  const body = { application_credential: { name, secret: `secret-of-${name}-${'x'.repeat(24)}`, ...more } };
  const { application_credential: made } = (
    await askKeystone(world, owner.token, 'POST', `/users/${owner.id}/application_credentials`, body)
  ).body as { application_credential: { id: string; secret: string } };
  return { applicationCredentialId: made.id, applicationCredentialSecret: made.secret };
};

export const listCredentials = async (world: World, userId: string): Promise<{ id: string; name: string }[]> =>
  (
    (await askKeystone(world, world.admin, 'GET', `/users/${userId}/application_credentials`)).body as {
      application_credentials: { id: string; name: string }[];
    }
  ).application_credentials;

/** cloud.conf of each of the cluster's controllers in the seed. */
export const cloudConfs = async ({ seed, rows }: Pick<Living, 'seed' | 'rows'>, clusterId: string): Promise<string[]> => {
  const [row] = rows<{ short_id: string }>(`select short_id from clusters where id = '${clusterId}'`);
  const { items } = await seed.list({ apiVersion: 'v1', kind: 'Secret', namespace: `kc-${row?.short_id}` });
  const texts = items.flatMap((item) => (item as unknown as { data?: Record<string, string> }).data?.['cloud.conf'] ?? []);
  return texts.map((text) => Buffer.from(text, 'base64').toString());
};

const fieldOf = (conf: string, key: string): string => new RegExp(`application-credential-${key} = "([^"]+)"`).exec(conf)?.[1] ?? '';
export const idIn = (conf: string): string => fieldOf(conf, 'id');

/** Whether Keystone takes what a cloud.conf holds. */
export const logsIn = async ({ sandbox }: Pick<Story, 'sandbox'>, conf: string): Promise<boolean> => {
  const application_credential = { id: idIn(conf), secret: fieldOf(conf, 'secret') };
  const auth = { identity: { methods: ['application_credential'], application_credential } };
  const headers = { 'content-type': 'application/json' };
  return (await fetch(`${sandbox.authUrl}/auth/tokens`, { method: 'POST', headers, body: JSON.stringify({ auth }) })).ok;
};

/** Keystone fails at everything but to say whose a token is: a server that has forgotten that since would not let the test in. */
export const takeKeystoneAway = async (world: Story): Promise<void> => {
  const fault = { service: 'identity', kind: 'status', status: 503 };
  await world.control('POST', 'faults', { ...fault, path: '^(?!.*/auth/tokens)' });
  await world.control('POST', 'faults', { ...fault, method: 'POST', path: '/auth/tokens' });
};
