/** How lists and maps merge, by field name: which lists are maps by key, which are sets, and what is replaced as a whole. */
import { type Dict, isDict } from './objects.ts';

/** Lists that merge by key under server-side apply. Port lists depend on what their items look like; see `listKeys`. */
const KEYED: Record<string, readonly string[]> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  resourceClaims: ['name'],
  schedulingGates: ['name'],
  conditions: ['type'],
  ownerReferences: ['uid'],
};

/** Maps that are one value: a changed entry replaces all of them. */
const ATOMIC_MAPS: ReadonlySet<string> = new Set([
  'selector',
  'nodeSelector',
  'podSelector',
  'namespaceSelector',
  'labelSelector',
  'fieldRef',
  'resourceFieldRef',
  'configMapKeyRef',
  'secretKeyRef',
  'roleRef',
  'claimRef',
  'scaleTargetRef',
  'involvedObject',
]);

/** Kinds whose lists of the same names as a pod's are whole values. */
const ATOMIC_KINDS: ReadonlySet<string> = new Set(['NetworkPolicy', 'ServiceAccount', 'EndpointSlice', 'Endpoints', 'Ingress']);

export const isAtomicMap = (field: string): boolean => ATOMIC_MAPS.has(field);
export const isSetList = (field: string): boolean => field === 'finalizers';

/** The key fields of an associative list, or undefined for a list that is one value. */
export const listKeys = (kind: string, field: string, items: readonly unknown[]): readonly string[] | undefined => {
  if (ATOMIC_KINDS.has(kind) && field !== 'ownerReferences' && field !== 'conditions') return undefined;
  if (field === 'ports') return kind === 'Service' ? ['port', 'protocol'] : ['containerPort', 'protocol'];
  const keys = KEYED[field];
  return keys && items.every(isDict) ? keys : undefined;
};

/** The item's key values; a port without a protocol is TCP, as the API defaults it. */
export const itemKey = (keys: readonly string[], item: unknown): Dict => {
  const found: Dict = {};
  for (const key of keys) {
    const value = isDict(item) ? item[key] : undefined;
    if (value !== undefined || key === 'protocol') found[key] = value ?? 'TCP';
  }
  return found;
};

export const sameKey = (keys: readonly string[], a: unknown, b: unknown): boolean => {
  const [left, right] = [itemKey(keys, a), itemKey(keys, b)];
  return keys.every((k) => left[k] === right[k]);
};

/** The merge key that strategic merge patches use for a list of objects; undefined: the list is replaced. */
export const strategicKey = (kind: string, field: string): string | undefined => {
  if (field === 'ports') return kind === 'Service' ? 'port' : kind === 'NetworkPolicy' ? undefined : 'containerPort';
  if (field === 'topologySpreadConstraints') return 'topologyKey';
  if (field === 'addresses' && kind === 'Node') return 'type';
  if (field === 'taints' && kind === 'Node') return 'key';
  if (field === 'secrets' && kind === 'ServiceAccount') return 'name';
  return KEYED[field]?.[0];
};
