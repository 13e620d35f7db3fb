/** APIs that a cluster is asked for and that Kubernetes does not serve for ever, as its API server's metrics tell. */
import { parseVersion, type Release } from './version.ts';

export interface DeprecatedApi {
  /** "" is the core group. */
  group: string;
  version: string;
  resource: string;
  /** The minor release without "v" from which on it is not served, such as "1.37"; null: none has been named. */
  removedIn: string | null;
  /** When the metrics last named it, in milliseconds since the epoch: they do until the API server is started anew. */
  seenAt: number;
}

export interface DeprecatedApis {
  lookedAt: number;
  apis: DeprecatedApi[];
}

export type SeenApi = Omit<DeprecatedApi, 'seenAt'>;

const HOUR_MS = 3_600_000;
/** An API server's metrics are some megabytes. */
const LOOK_EVERY_MS = 6 * HOUR_MS;
/** What runs once a month is told all the same. */
const KEPT_MS = 35 * 24 * HOUR_MS;
const MOST_KEPT = 200;

export const isLookDue = (
  { deprecatedApis, createdAt }: { deprecatedApis: DeprecatedApis | null; createdAt: number },
  now: number,
): boolean => now >= (deprecatedApis?.lookedAt ?? createdAt) + LOOK_EVERY_MS;

/** `metrics`: in Prometheus' text form, where one line is such as `apiserver_requested_deprecated_apis{group="policy",removed_release="1.25",…} 1`. */
export const readDeprecatedApis = (metrics: string): SeenApi[] => {
  const seen = new Map<string, SeenApi>();
  for (const [, text = '', value] of metrics.matchAll(/^apiserver_requested_deprecated_apis\{(.*)\} (\S+)$/gm)) {
    if (!(Number(value) > 0)) continue;
    const labels = Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, label]) => [name, label]));
    const { group = '', version = '', resource = '', removed_release: removed = '' } = labels;
    if (resource !== '') seen.set(keyOf({ group, version, resource }), { group, version, resource, removedIn: minorIn(removed) });
  }
  return [...seen.values()];
};

const keyOf = ({ group, version, resource }: Pick<SeenApi, 'group' | 'version' | 'resource'>): string => `${group}/${version}/${resource}`;

const minorIn = (text: string): string | null => (/^\d{1,4}\.\d{1,4}$/.test(text) ? text : null);

/** What is known after a look: what it has seen, and what was seen not too long before. */
export const afterLook = (before: DeprecatedApis | null, seen: readonly SeenApi[], now: number): DeprecatedApis => {
  const apis = new Map((before?.apis ?? []).filter(({ seenAt }) => now - seenAt < KEPT_MS).map((api) => [keyOf(api), api]));
  for (const api of seen) apis.set(keyOf(api), { ...api, seenAt: now });
  return { lookedAt: now, apis: [...apis.values()].toSorted((a, b) => b.seenAt - a.seenAt).slice(0, MOST_KEPT) };
};

/** Those that `to` does not serve and `from` still does. */
export const removedBetween = (known: DeprecatedApis | null, from: Release, to: Release): DeprecatedApi[] =>
  (known?.apis ?? []).filter(({ removedIn }) => removedIn !== null && isBefore(from.minor, removedIn) && !isBefore(to.minor, removedIn));

/** Of minor releases without "v". */
const isBefore = (a: string, b: string): boolean => {
  const [one, other] = [parseVersion(`${a}.0`), parseVersion(`${b}.0`)];
  return one !== undefined && other !== undefined && (one.major - other.major || one.minor - other.minor) < 0;
};

/** What whoever upgrades should know before. */
export const sayRemoved = ({ group, version, resource, removedIn, seenAt }: DeprecatedApi): string =>
  `Something in the cluster asks for ${resource} of ${group === '' ? version : `${group}/${version}`}, which Kubernetes ${removedIn} and later do not serve (last seen ${new Date(seenAt).toISOString().slice(0, 10)}): have it use a newer version of that API before.`;
