/** Keystone's users in one domain, and their roles on projects: with a login for that domain, as its administrator. */
import { z } from 'zod';
import { UserError } from '../domain/errors.ts';
import type { Login, Service } from './service.ts';
import { part } from './service.ts';

interface User {
  id: string;
  name: string;
  description: string | null;
  enabled: boolean;
}

interface UserSpec {
  name: string;
  description: string;
  password: string;
}

/** A role on a project. */
interface Grant {
  projectId: string;
  userId: string;
  roleId: string;
}

export interface Users {
  /**
   * By its name, which is the domain's own. To a domain's administrator this alone tells a user that is gone: Keystone refuses (403) to show or
   * delete what is not there, as it cannot see then whose it would be.
   */
  findUser(name: string): Promise<User | undefined>;
  /** The domain's whose names begin so. */
  listUsers(prefix: string): Promise<User[]>;
  /** Throws Conflict when there is one of that name. */
  createUser(spec: UserSpec): Promise<User>;
  /** With it go its roles, application credentials and tokens. True when deleted, false when it was gone. */
  deleteUser(id: string): Promise<boolean>;
  /** Ids of the roles by these names, of those that Keystone knows. */
  findRoles(names: readonly string[]): Promise<{ id: string; name: string }[]>;
  /** The same when it has the role already. */
  assignRole(grant: Grant): Promise<void>;
}

const user = z
  .object({ id: z.string(), name: z.string(), description: z.string().nullish(), enabled: z.boolean() })
  .transform(({ description, ...rest }): User => ({ ...rest, description: description ?? null }));
const role = z.object({ id: z.string(), name: z.string() });
const oneUser = z.object({ user });

export const createUsers = ({ service, login }: { service: Service; login: Login }): Users => {
  const domainId = async (): Promise<string> => {
    const { domainId: id } = (await login.token()).info;
    if (id === null) throw new UserError('CLOUD_CREDENTIAL', 'The login is for no domain.', { whoMustAct: 'CLOUD_ADMIN' });
    return id;
  };
  return {
    findUser: async (name) =>
      (await service.list(user, '/users', 'users', { name, domain_id: await domainId() })).find((found) => found.name === name),
    // Keystone leaves out a filter that its backend does not know.
    listUsers: async (prefix) =>
      (await service.list(user, '/users', 'users', { name__startswith: prefix, domain_id: await domainId() })).filter(({ name }) =>
        name.startsWith(prefix),
      ),
    createUser: async (spec) => {
      // Where passwords end, or have to be changed at the first login, nobody would be there to do so.
      const options = { ignore_password_expiry: true, ignore_change_password_upon_first_use: true };
      const body = { user: { ...spec, domain_id: await domainId(), enabled: true, options } };
      return (await service.call(oneUser, 'POST', '/users', { body })).user;
    },
    deleteUser: (id) => service.remove(`/users/${part(id)}`),
    findRoles: async (names) => (await service.list(role, '/roles', 'roles')).filter(({ name }) => names.includes(name)),
    assignRole: ({ projectId, userId, roleId }) =>
      service.send('PUT', `/projects/${part(projectId)}/users/${part(userId)}/roles/${part(roleId)}`),
  };
};
