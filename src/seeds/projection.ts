/** Picks from a live object the parts that we asked for, so that what the server or others added is not taken for drift. */

/** Fields that name an element in the lists of Kubernetes objects; the ones an element has, taken together, find it again. */
const IDENTITY = ['name', 'key', 'type', 'kind', 'mountPath', 'devicePath', 'containerPort', 'port', 'protocol', 'ip', 'topologyKey'];

/**
 * The live value at every path of `desired`; null where there is none. Lists of objects are matched by identity (by place where that
 * finds nothing) and carry their length, so that an element somebody added counts as drift: in a role's rules it would be a new right.
 * Lists of plain values are taken whole, but for finalizers, which others add and remove as their work goes.
 */
export const projectOnto = (desired: unknown, live: unknown, field = ''): unknown => {
  if (Array.isArray(desired)) return Array.isArray(live) ? projectList(desired, live, field) : null;
  if (!isMap(desired)) return live ?? null;
  if (!isMap(live)) return null;
  const entries = Object.entries(desired).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, projectOnto(value, Object.hasOwn(live, key) ? live[key] : undefined, key)]),
  );
};

const projectList = (desired: readonly unknown[], live: readonly unknown[], field: string): unknown => {
  if (field === 'finalizers') return desired.filter((item) => live.includes(item));
  if (!desired.some(isMap)) return live;
  return {
    length: live.length,
    items: desired.map((item, index) => projectOnto(item, (isMap(item) ? findSame(item, live) : undefined) ?? live[index])),
  };
};

const findSame = (desired: Record<string, unknown>, live: readonly unknown[]): unknown => {
  const keys = IDENTITY.filter((key) => ['string', 'number'].includes(typeof desired[key]));
  return keys.length === 0 ? undefined : live.find((item) => isMap(item) && keys.every((key) => item[key] === desired[key]));
};

const isMap = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object' && !Array.isArray(value);
