/** The application credential by which controllers beside the control plane act in the customer's project: never Seedbed's own password. */
import { isWanted } from '../../domain/addons.ts';
import { CALLER_TOKEN, sealedAt } from '../../domain/cloudCredential.ts';
import { RENEW_TRUST } from '../../domain/cluster.ts';
import { UserError } from '../../domain/errors.ts';
import { NotYet } from '../../engine/flow.ts';
import { randomToken } from '../../lib/ids.ts';
import type { Identity } from '../../openstack/identity.ts';
import type { TokenInfo } from '../../openstack/token.ts';
import { noteState } from '../../store/inventory.ts';
import type { Tx } from '../../store/open.ts';
import { descriptionOf, resourceName } from '../names.ts';
import { ensureResource } from '../resource.ts';
import type { ClusterScope } from './scope.ts';

interface Stored {
  /** Its owner: he alone can make or delete it. */
  userId: string;
  name: string;
  secret: string;
  /** null: being made. */
  id: string | null;
}

/** Secrets' names, with the cluster as their owner: the one in use, and those that another took the place of. */
const SECRET = 'projectCredential';
const RETIRED = 'retiredCredentials';

/** @throws CLOUD_CREDENTIAL when nobody has lent the cluster one that holds. */
export const getProjectCredential = async (scope: ClusterScope): Promise<{ id: string; secret: string }> => {
  const handed = scope.row.credential?.current ?? null;
  // Keystone lets a restricted one make no other, so it serves by itself.
  if (handed !== null) return { id: handed.id, secret: scope.world.secrets.open(handed.sealed, sealedAt(scope.row.id)) };
  const stored = await find(scope);
  // A step beside this one makes another: nobody need act.
  if (stored?.id == null && scope.row.credential?.next != null) throw new NotYet('the new cloud credential', 1_000);
  if (stored?.id == null) throw credentialNeeded('need an application credential of their own');
  const credential = { id: stored.id, secret: stored.secret };
  // On the way to READY the controllers find out by themselves.
  if (scope.look === 'full' && !(await holds(scope, credential, stored))) {
    await forget(scope, stored);
    throw credentialNeeded('had an application credential that holds no longer: it was deleted, or its owner is gone');
  }
  return credential;
};

const credentialNeeded = (what: string): UserError =>
  new UserError(
    'CLOUD_CREDENTIAL',
    `The controllers that act in the project ${what}; ${RENEW_TRUST.replace('a new trust', 'one')}, not logged in with an application credential.`,
    { whoMustAct: 'CUSTOMER' },
  );

/** By the credential itself: its list says what a token that is still remembered does not. */
const holds = async (scope: ClusterScope, credential: { id: string; secret: string }, { userId, name }: Stored): Promise<boolean> => {
  try {
    return (await scope.world.clouds.forCredential(credential).identity.findApplicationCredential(userId, name)) !== undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.code !== 'CLOUD_CREDENTIAL';
  }
};

/** One that its owner alone can end. */
export const hasProjectCredential = async (scope: ClusterScope): Promise<boolean> =>
  (await find(scope)) !== undefined || (await listRetired(scope)).length > 0;

/** While a caller's token is at hand: makes the credential where one is wanted, with the roles that his trust gives. `anew`: in place of one. */
export const lendProjectCredential = async (scope: ClusterScope, trustId: string, anew = false): Promise<void> => {
  const { row } = scope;
  if (row.deleteRequestedAt !== null || !(isWanted('cloudController', row.spec) || isWanted('cinderCsi', row.spec))) return;
  const stored = await find(scope);
  if (stored?.id != null && !anew) return;
  const identity = await identityOfCaller(scope);
  if (identity === null) return;
  try {
    await make(scope, identity, stored, await scope.trusted(trustId).identity.whoAmI());
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Seen on a real Keystone just after roles were given: for seconds it denies roles that its own token names.
    if (error.detail.openstack?.status === 400) throw new NotYet(`Keystone to take an application credential: ${error.message}`, 2_000);
    // It refuses some logins for good; whoever needs the credential says so.
  }
};

const identityOfCaller = async ({ world, db, row }: ClusterScope): Promise<Identity | null> => {
  const token = await world.secrets.find(db, row.id, CALLER_TOKEN);
  return token === undefined ? null : world.clouds.forToken(token).identity;
};

/** `lent`: with the roles that they imply, for an application credential has none but its own, and services ask for `reader`. */
const make = async (scope: ClusterScope, identity: Identity, stored: Stored | undefined, lent: TokenInfo): Promise<void> => {
  const { userId, projectId, roles } = await identity.whoAmI();
  if (projectId !== scope.row.projectId) return;
  const shared = roles.filter((role) => lent.roles.includes(role));
  // Keystone takes an empty list for all roles that the token has, an administrator's included.
  if (shared.length === 0) return;
  // The secret is ours to choose and noted first: after a crash the credential is found by its name, and its secret is known.
  const draft: Stored =
    stored?.userId === userId && stored.id === null
      ? stored
      : { userId, name: `${resourceName(scope.row)}-${randomToken(6)}`, secret: randomToken(64), id: null };
  await keep(scope, draft, stored);
  const id = await ensureResource(scope, {
    key: keyOf(scope, draft),
    find: () => identity.findApplicationCredential(userId, draft.name),
    create: () =>
      identity.createApplicationCredential(userId, {
        name: draft.name,
        description: descriptionOf(scope.row),
        secret: draft.secret,
        roles: shared,
      }),
  });
  await keep(scope, { ...draft, id });
};

/** With the write that puts another in its place: it is ended once nothing uses it any more. */
export const retireProjectCredential = async (tx: Tx, scope: ClusterScope): Promise<void> => {
  const stored = await find(scope);
  if (stored === undefined) return;
  await retire(tx, scope, stored);
  await scope.world.secrets.remove(tx, scope.row.id, SECRET);
};

const retire = async (tx: Tx, scope: ClusterScope, stored: Stored): Promise<void> => {
  const before = (await listRetired(scope)).filter(({ name }) => name !== stored.name);
  await scope.world.secrets.put(tx, scope.row.id, RETIRED, JSON.stringify([...before, stored]), scope.clock.now());
};

const listRetired = async (scope: ClusterScope): Promise<Stored[]> => {
  const text = await scope.world.secrets.find(scope.db, scope.row.id, RETIRED);
  return text === undefined ? [] : (JSON.parse(text) as Stored[]);
};

/** What is said of those that stay. */
export const endRetired = async (scope: ClusterScope): Promise<string[]> => {
  const left: string[] = [];
  for (const stored of await listRetired(scope)) {
    const stays = await end(scope, stored);
    if (stays !== null) left.push(stays);
    await scope.write((tx) => noteState(tx, keyOf(scope, stored), 'GONE', scope.clock.now()));
  }
  await scope.write((tx) => scope.world.secrets.remove(tx, scope.row.id, RETIRED));
  return left;
};

/**
 * The last thing of a removal, when nothing needs it any more. Nobody but its owner can end it, and he only with a token of his own login:
 * what is said of one that stays, or null. Its secret is known to nobody then.
 */
export const endProjectCredential = async (scope: ClusterScope): Promise<string | null> => {
  const stored = await find(scope);
  const left = stored === undefined ? null : await end(scope, stored);
  if (stored !== undefined && left === null) await forget(scope, stored);
  return left;
};

const end = async (scope: ClusterScope, stored: Stored): Promise<string | null> => {
  const left = `Application credential ${stored.name} of user ${stored.userId} stays: its owner alone can delete it.`;
  const identity = await identityOfCaller(scope);
  if (identity === null) return left;
  try {
    if ((await identity.whoAmI()).userId !== stored.userId) return left;
    const id = stored.id ?? (await identity.findApplicationCredential(stored.userId, stored.name))?.id;
    if (id !== undefined) await identity.deleteApplicationCredential(stored.userId, id);
  } catch (error) {
    // His token has ended, or was made by an application credential.
    if (error instanceof UserError) return left;
    throw error;
  }
  return null;
};

const forget = (scope: ClusterScope, stored: Stored): Promise<void> =>
  scope.write(async (tx) => {
    await noteState(tx, keyOf(scope, stored), 'GONE', scope.clock.now());
    await scope.world.secrets.remove(tx, scope.row.id, SECRET);
  });

const keyOf = (scope: ClusterScope, { name }: Stored) => scope.key('IDENTITY', 'application-credential', name);

const find = async (scope: ClusterScope): Promise<Stored | undefined> => {
  const text = await scope.world.secrets.find(scope.db, scope.row.id, SECRET);
  return text === undefined ? undefined : (JSON.parse(text) as Stored);
};

const keep = (scope: ClusterScope, stored: Stored, before?: Stored): Promise<void> =>
  scope.write(async (tx) => {
    if (before?.id != null && before.name !== stored.name) await retire(tx, scope, before);
    await scope.world.secrets.put(tx, scope.row.id, SECRET, JSON.stringify(stored), scope.clock.now());
  });
