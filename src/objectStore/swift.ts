/** A container of the cloud's own Swift. URLs are signed with a key of the container's (TempURL), so that nothing of the account's is touched. */
import { createHmac } from 'node:crypto';
import { Conflict, NotFound, SeedbedError, Unavailable, UserError } from '../domain/errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { ObjectStore } from './objectStore.ts';
import { createSignedStore } from './signedStore.ts';
import type { WireReply } from './wire.ts';

/** The account of the project that Seedbed's own user is in. */
export interface SwiftAccount {
  accountUrl(): Promise<string>;
  /** Its two keys for TempURLs, '' for one that it has not, and who may read it; undefined: there is no such container. */
  findContainer(name: string): Promise<{ keys: readonly [string, string]; readers: string } | undefined>;
  /** Makes it where it is not there, and sets one of the keys. */
  putContainer(name: string, key: { slot: 0 | 1; value: string }): Promise<void>;
}

export interface SwiftDeps {
  account: SwiftAccount;
  container: string;
  /** Signs URLs; the same after a restart, or those that were given out would not count. */
  urlKey: string;
  caPem: string | null;
  clock: Clock;
  timeoutMs: number;
}

const SETTING = 'SEEDBED_BACKUP_SWIFT_CONTAINER';

export const openSwiftStore = (deps: SwiftDeps): ObjectStore => {
  const { container, urlKey, clock } = deps;
  /** The container's URL, once it is known to have the key. */
  let ready: Promise<string> | null = null;
  const prepared = (): Promise<string> => {
    const mine = ready ?? prepare(deps);
    ready = mine;
    mine.catch(() => {
      if (ready === mine) ready = null;
    });
    return mine;
  };
  return createSignedStore({
    store: 'the object store for backups (Swift)',
    placeSetting: 'SEEDBED_REGION',
    caSetting: 'SEEDBED_CLOUD_CA_FILE',
    caPem: deps.caPem,
    timeoutMs: deps.timeoutMs,
    clock,
    sign: async ({ method, name, ttlMs }) =>
      signTempUrl({ method, url: `${await prepared()}/${name}`, key: urlKey, until: clock.now() + ttlMs }),
    isAbsent: ({ status }) => status === 404,
    refusalOf: (reply) => refusalOf(reply, container),
    // The container may have been deleted, or have lost the key.
    signAnew: ({ status }) => {
      if (status === 401) ready = null;
      return status === 401;
    },
  });
};

/** `until`: milliseconds since the epoch. What Swift signs is the path as it sees it, which begins with its version whatever a proxy has put before. */
export const signTempUrl = ({ method, url, key, until }: { method: string; url: string; key: string; until: number }): string => {
  const path = decodeURIComponent(new URL(url).pathname);
  const seen = path.slice(Math.max(0, path.search(/\/v1\//)));
  const expires = Math.ceil(until / 1000);
  const signature = createHmac('sha256', key).update(`${method}\n${expires}\n${seen}`).digest('hex');
  return `${url}?temp_url_sig=${signature}&temp_url_expires=${expires}`;
};

/** The container's URL. Whatever keys others have set there go on to count. */
const prepare = async ({ account, container, urlKey }: SwiftDeps): Promise<string> => {
  try {
    const url = `${(await account.accountUrl()).replace(/\/+$/, '')}/${container}`;
    const found = await account.findContainer(container);
    if (found?.readers.includes('.r:') === true)
      throw refused(
        `Container ${container} may be read by who has no login (.r: in X-Container-Read), and snapshots have all that clusters hold: take that away, or let ${SETTING} name another container.`,
      );
    if (found?.keys.includes(urlKey) === true) return url;
    const free = found === undefined ? 0 : found.keys.indexOf('');
    if (free === -1)
      throw refused(
        `Container ${container} has two keys for TempURLs, neither of them Seedbed's: take one away (Temp-URL-Key-2), or let ${SETTING} name another container.`,
      );
    await account.putContainer(container, { slot: free === 0 ? 0 : 1, value: urlKey });
    return url;
  } catch (error) {
    throw error instanceof SeedbedError ? asOperators(error, container) : error;
  }
};

/** What the cloud refuses here is the operator's to mend, and no customer's. */
const asOperators = (error: SeedbedError, container: string): SeedbedError => {
  if (error instanceof Unavailable || error.detail.whoMustAct === 'CLOUD_ADMIN') return error;
  if (error.detail.openstack?.status === 403 || error instanceof NotFound)
    return refused(
      `Swift does not let SEEDBED_KEYSTONE_USERNAME have container ${container} (${SETTING}) in its project: give that user one of Swift's operator roles there, such as swiftoperator.`,
    );
  if (error instanceof Conflict) return new Unavailable('CLOUD_UNAVAILABLE', error.message, { whoMustAct: 'CLOUD_ADMIN' });
  return refused(`Container ${container} (${SETTING}) could not be made ready. ${error.message}`);
};

const refused = (message: string): UserError => new UserError('CLOUD_REFUSED', message, { whoMustAct: 'CLOUD_ADMIN' });

const refusalOf = ({ status }: WireReply, container: string): Error => {
  const later = (message: string) => new Unavailable('CLOUD_UNAVAILABLE', message, { whoMustAct: 'CLOUD_ADMIN' });
  if (status === 401)
    // A proxy believes for a minute what it has seen of a container.
    return later(
      `Swift does not accept Seedbed's signature for container ${container} (${SETTING}): SEEDBED_KEYSTONE_USERNAME needs one of Swift's operator roles, Swift its TempURL middleware with sha256, and the clock of this machine must be right.`,
    );
  if (status === 403)
    return refused(
      `Swift does not let Seedbed into container ${container} (${SETTING}): SEEDBED_KEYSTONE_USERNAME needs one of Swift's operator roles in its project.`,
    );
  if (status === 413 || status === 507)
    return refused(
      `Container ${container} (${SETTING}) has no room left (status ${status}): raise its quota or that of its account, or delete backups.`,
    );
  if (status >= 300 && status <= 399)
    return refused(
      `The object store for backups (Swift) answered with a redirect (status ${status}), which is never followed: its endpoint in Keystone's catalogue must be its own address.`,
    );
  if (status >= 500 || [408, 425, 429, 498].includes(status))
    return later(`The object store for backups (Swift) failed (status ${status}).`);
  return refused(`The object store for backups (Swift) refused a request (status ${status}); see ${SETTING}.`);
};
