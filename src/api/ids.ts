/** Relay's global ids: the type's name and the plain id, opaque to clients. Arguments take either form. */
import type { ObjectKind } from '../domain/condition.ts';

export interface GlobalId {
  typename: string;
  id: string;
}

export const encodeId = (typename: string, id: string): string => Buffer.from(`${typename}:${id}`).toString('base64url');

const TYPE_OF_KIND = {
  SEED: 'Seed',
  CLUSTER: 'Cluster',
  NODE_GROUP: 'NodeGroup',
  NODE: 'ClusterNode',
  ORPHANS: 'Operation',
  BACKUP: 'Backup',
} as const;

/** For `node`. */
export const idOf = (kind: ObjectKind, id: string): string => encodeId(TYPE_OF_KIND[kind], id);

/** Null for anything that was not made by `encodeId`. */
export const decodeId = (text: string): GlobalId | null => {
  if (text.length > 500) return null;
  const plain = Buffer.from(text, 'base64url').toString('utf8');
  const colon = plain.indexOf(':');
  if (colon < 1) return null;
  const decoded = { typename: plain.slice(0, colon), id: plain.slice(colon + 1) };
  return encodeId(decoded.typename, decoded.id) === text ? decoded : null;
};

/** The plain id behind a global id of this type, or the text as it came. A global id of another type finds nothing. */
export const plainId = (typename: string, text: string): string => {
  const decoded = decodeId(text);
  if (decoded === null) return text;
  return decoded.typename === typename ? decoded.id : text;
};
