/** A project with one ordinary member, made for one story by an admin: what others do in the cloud meanwhile cannot disturb its listings. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { type Login, logIn, rootOf, type World } from './world.ts';

export interface OwnProject {
  world: World;
  /** One more user of the project, with this role in it. */
  addUser(role: string): Promise<Login>;
  /** Deletes the member from Keystone; `next` is the member from now on, for openstacksdk, too. */
  deleteMember(next: Login): Promise<void>;
  remove(): Promise<void>;
}

/** The world with a member, and a clouds.yaml in the folder, of its own. The member has these roles and no other. */
export const makeOwnProject = async (world: World, folder: string, name: string, roles: readonly string[]): Promise<OwnProject> => {
  const unique = `real-${name}-${randomBytes(4).toString('hex')}`;
  const keystone = await openKeystone(world.admin);
  const project = await keystone.create('project', { name: unique, domain_id: 'default' });
  const users: string[] = [];
  const add = async (username: string, held: readonly string[]): Promise<Login> => {
    const password = randomBytes(16).toString('hex');
    const user = await keystone.create('user', { name: username, password, domain_id: 'default', default_project_id: project });
    users.push(user);
    for (const role of held) await keystone.call('PUT', `/projects/${project}/users/${user}/roles/${await keystone.findRole(role)}`);
    return { ...world.admin, cloud: unique, username, password, userDomain: 'Default', project: unique, projectDomain: 'Default' };
  };
  const cloudsFile = `${folder}/clouds.yaml`;
  const writeClouds = (member: Login): void => {
    const clouds = { [world.admin.cloud]: entryOf(world.admin), [unique]: entryOf(member) };
    writeFileSync(cloudsFile, stringify({ clouds }), { mode: 0o600 });
  };
  const member = await add(unique, roles);
  writeClouds(member);
  const own = { ...world, member, cloudsFile };
  return {
    world: own,
    addUser: (role) => add(`${unique}-${role}`, [role]),
    deleteMember: async (next) => {
      const { userId } = await logIn(own.member);
      await keystone.call('DELETE', `/users/${userId}`);
      users.splice(users.indexOf(userId), 1);
      own.member = next;
      writeClouds(next);
    },
    remove: async () => {
      for (const user of users) await keystone.call('DELETE', `/users/${user}`);
      await keystone.call('DELETE', `/projects/${project}`);
    },
  };
};

/** Keystone by the rights of this login. */
export const openKeystone = async (login: Login) => {
  const { token } = await logIn(login);
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${rootOf(login.authUrl)}/v3${path}`, {
      method,
      headers: { 'x-auth-token': token, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`Keystone answers ${method} ${path} with ${answer.status}`);
    return answer.status === 204 ? null : answer.json();
  };
  return {
    call,
    create: async (kind: 'project' | 'user', fields: object): Promise<string> => {
      const answer = (await call('POST', `/${kind}s`, { [kind]: fields })) as Record<string, { id: string } | undefined>;
      return answer[kind]?.id ?? '';
    },
    findRole: async (name: string): Promise<string> => {
      const { roles } = (await call('GET', `/roles?name=${name}`)) as { roles: { id: string }[] };
      return roles[0]?.id ?? '';
    },
  };
};

const entryOf = (login: Login): object => ({
  auth: {
    auth_url: login.authUrl,
    username: login.username,
    password: login.password,
    project_name: login.project,
    user_domain_name: login.userDomain,
    project_domain_name: login.projectDomain,
  },
  region_name: login.region,
  identity_api_version: '3',
});
