/** The cluster's own Keystone user, where the operator lets Seedbed make one: with just the roles that it needs on the project, gone with the cluster. */
import {
  type CredentialFacts,
  RENEW_CLUSTER_USER,
  sealedAt,
  type UserCredential,
  type WantedUserCredential,
} from '../../domain/cloudCredential.ts';
import { UserError } from '../../domain/errors.ts';
import { NotYet } from '../../engine/flow.ts';
import { randomToken } from '../../lib/ids.ts';
import type { Identity } from '../../openstack/identity.ts';
import type { Users } from '../../openstack/users.ts';
import { findInventory, type InventoryRow, listInventory, noteState } from '../../store/inventory.ts';
import type { Tx } from '../../store/open.ts';
import { descriptionOf, resourceName } from '../names.ts';
import { ensureResource, forgetResource, presentId, removeResource } from '../resource.ts';
import type { ClusterScope } from './scope.ts';

/** The name of its password's secret, with the cluster as its owner. */
const PASSWORD = 'clusterUserPassword';
/** Keystone's nodes learn of a new user's roles one after the other. */
const FRESH_MS = 60_000;

const userKey = (scope: ClusterScope) => scope.key('IDENTITY', 'user', resourceName(scope.row));
const credentialKey = (scope: ClusterScope, name: string) => scope.key('IDENTITY', 'user-credential', name);
const isUserCredential = (note: InventoryRow): boolean =>
  note.service === 'IDENTITY' && note.kind === 'user-credential' && note.state !== 'GONE';

const usersOf = (scope: ClusterScope): Users => {
  const domain = scope.world.clouds.userDomain();
  if (domain !== null) return domain.users;
  throw new UserError(
    'CLOUD_CREDENTIAL',
    `The cluster's own user ${resourceName(scope.row)} is in a domain that Seedbed is told of no longer; set SEEDBED_USER_DOMAIN as it was.`,
    { whoMustAct: 'CLOUD_ADMIN' },
  );
};

/** Of that name in the domain, if it is this cluster's. */
const findOwn = async ({ row }: ClusterScope, users: Users) => {
  const found = await users.findUser(resourceName(row));
  return found?.description?.includes(row.id) === true ? found : undefined;
};

/** Makes the user where it is not there, and gives it every role that is configured, those that were taken from it included: somebody asks for it. */
export const ensureClusterUser = async (scope: ClusterScope): Promise<void> => {
  const { row } = scope;
  const users = usersOf(scope);
  const name = resourceName(row);
  const password = await passwordOf(scope);
  const known = await presentId(scope.db, userKey(scope));
  if (known !== undefined && (await allowed(`look for the user ${name}`, findOwn(scope, users)))?.id !== known)
    await forgetResource(scope, userKey(scope));
  const userId = await allowed(
    `make the user ${name}`,
    ensureResource(scope, {
      key: userKey(scope),
      find: () => findOwn(scope, users),
      create: () => users.createUser({ name, description: descriptionOf(row), password }),
    }),
  );
  const wanted = scope.world.settings.trustRoles;
  const roles = await allowed('list roles', users.findRoles(wanted));
  if (roles.length === 0)
    throw new UserError('CLOUD_REFUSED', `Keystone knows none of the roles of SEEDBED_TRUST_ROLES (${wanted.join(', ')}).`, {
      whoMustAct: 'CLOUD_ADMIN',
    });
  for (const role of roles)
    await allowed(
      `give the user ${name} the role ${role.name} on project ${row.projectId}`,
      users.assignRole({ projectId: row.projectId, userId, roleId: role.id }),
    );
};

/** Sealed and kept before there is a user: one that is found after a crash has it. */
const passwordOf = async ({ world, db, row, write, clock }: ClusterScope): Promise<string> => {
  const kept = await world.secrets.find(db, row.id, PASSWORD);
  if (kept !== undefined) return kept;
  // Rules for passwords ask for letters of both cases, digits and signs; bcrypt reads 72 bytes.
  const password = `${randomToken(48)}-Aa1`;
  await write((tx) => world.secrets.put(tx, row.id, PASSWORD, password, clock.now()));
  return password;
};

/** Names the setting and the rights behind it where Keystone refuses. */
const allowed = async <T>(what: string, asked: Promise<T>): Promise<T> => {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'CLOUD_REFUSED' || error.detail.openstack?.status !== 403) throw error;
    throw new UserError(
      'CLOUD_REFUSED',
      `Keystone does not let Seedbed ${what}: ${error.message} Seedbed's service user needs the role admin on the domain of SEEDBED_USER_DOMAIN, and the project has to be in that domain, unless Keystone's policy allows more.`,
      { ...error.detail, whoMustAct: 'CLOUD_ADMIN', cause: error },
    );
  }
};

interface Entered {
  userId: string;
  identity: Identity;
}

/** As the user itself, by its password. @throws CLOUD_CREDENTIAL that says what is wrong with it; `roles`: what it must have. */
export const enterAsUser = async (scope: ClusterScope, roles: readonly string[]): Promise<Entered> => {
  const { row, world } = scope;
  const noted = await findInventory(scope.db, userKey(scope));
  if (noted?.externalId == null) throw dead(scope, 'is not there');
  const userId = noted.externalId;
  const identity = world.clouds.forUser({ userId, password: await passwordOf(scope), projectId: row.projectId }).identity;
  try {
    const held = (await identity.whoAmI()).roles;
    const lost = roles.filter((role) => !held.includes(role));
    if (lost.length > 0) throw dead(scope, `has lost the role ${lost.join(', ')} on the project`);
  } catch (error) {
    if (!(error instanceof UserError) || error.detail.openstack === undefined) throw error;
    const fault = await faultOf(scope, userId);
    if (fault === NOT_LET_IN && scope.clock.now() - noted.updatedAt < FRESH_MS)
      throw new NotYet("Keystone to let in the cluster's own user", 2_000);
    throw dead(scope, fault, error);
  }
  return { userId, identity };
};

const NOT_LET_IN = 'is not let into the project: it has lost its roles there or its password, or the project is disabled';

const faultOf = async (scope: ClusterScope, userId: string): Promise<string> => {
  const found = await findOwn(scope, usersOf(scope));
  if (found?.id !== userId) return 'was deleted';
  if (!found.enabled) return 'is disabled';
  return NOT_LET_IN;
};

const dead = ({ row }: ClusterScope, fault: string, cause?: UserError): UserError =>
  new UserError('CLOUD_CREDENTIAL', `The cluster's own user ${resourceName(row)} ${fault}; ${RENEW_CLUSTER_USER}.`, {
    whoMustAct: 'CLOUD_ADMIN',
    ...(cause?.detail.openstack && { openstack: cause.detail.openstack, cause }),
  });

/** Found by its name or made, with all roles that the user has and those that they imply: an application credential has none but its own. */
export const makeUserCredential = async (scope: ClusterScope, next: WantedUserCredential): Promise<UserCredential & CredentialFacts> => {
  const { row, world } = scope;
  // What was taken from the user is not given back behind an administrator's back, nor done without in silence.
  const { userId, identity } = await enterAsUser(scope, next.again === true ? (row.credential?.current?.roles ?? []) : []);
  const { roles } = await identity.whoAmI();
  const spec = { name: next.name, description: descriptionOf(row), secret: world.secrets.open(next.sealed, sealedAt(row.id)), roles };
  try {
    const id = await ensureResource(scope, {
      key: credentialKey(scope, next.name),
      find: () => identity.findApplicationCredential(userId, next.name),
      create: () => identity.createApplicationCredential(userId, spec),
    });
    const { id: _, ...facts } = await identity.getApplicationCredential(userId, id);
    return { kind: 'CLUSTER_USER', id, sealed: next.sealed, ...facts, userId };
  } catch (error) {
    // Seen on a real Keystone just after roles were given: for seconds it denies roles that its own token names.
    if (error instanceof UserError && error.detail.openstack?.status === 400)
      throw new NotYet(`Keystone to take an application credential: ${error.message}`, 2_000);
    throw error;
  }
};

/** With the write that puts another in its place: all of the user's but this one are ended once nothing uses them. `null`: the user is, too. */
export const doomUserCredentials = async (tx: Tx, scope: ClusterScope, but: string | null): Promise<void> => {
  const now = scope.clock.now();
  for (const note of (await listInventory(tx.db, scope.row.id)).filter(isUserCredential))
    if (note.name !== but) await noteState(tx, credentialKey(scope, note.name), 'DELETING', now);
  const user = but === null ? await findInventory(tx.db, userKey(scope)) : undefined;
  if (user !== undefined && user.state !== 'GONE') await noteState(tx, userKey(scope), 'DELETING', now);
};

/** What is said of those that stay. */
export const endUserCredentials = async (scope: ClusterScope): Promise<string[]> => {
  if ((await findInventory(scope.db, userKey(scope)))?.state === 'DELETING') await endClusterUser(scope);
  const left: string[] = [];
  for (const { name, externalId } of (await listInventory(scope.db, scope.row.id)).filter(isUserCredential)) {
    if ((await findInventory(scope.db, credentialKey(scope, name)))?.state !== 'DELETING') continue;
    try {
      const { userId, identity } = await enterAsUser(scope, []);
      const id = externalId ?? (await identity.findApplicationCredential(userId, name))?.id;
      if (id !== undefined) await identity.deleteApplicationCredential(userId, id);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      left.push(`Application credential ${name} may stay until the cluster's end, when its user goes: ${error.message}`);
    }
    await scope.write((tx) => noteState(tx, credentialKey(scope, name), 'GONE', scope.clock.now()));
  }
  return left;
};

/** The last thing of a removal. With the user Keystone deletes its application credentials, its roles and its tokens. */
export const endClusterUser = async (scope: ClusterScope): Promise<void> => {
  const noted = await findInventory(scope.db, userKey(scope));
  if (noted === undefined || noted.state === 'GONE') return;
  const users = usersOf(scope);
  const remove = async (id: string): Promise<true> => {
    if ((await findOwn(scope, users))?.id === id) await users.deleteUser(id);
    return true;
  };
  await allowed(
    `delete the user ${resourceName(scope.row)}`,
    // Its name is the domain's own: there is no second.
    removeResource(scope, { key: userKey(scope), find: () => findOwn(scope, users), remove, twins: false }),
  );
  await scope.write(async (tx) => {
    for (const note of (await listInventory(tx.db, scope.row.id)).filter(isUserCredential))
      await noteState(tx, credentialKey(scope, note.name), 'GONE', scope.clock.now());
    await scope.world.secrets.remove(tx, scope.row.id, PASSWORD);
  });
};
