/** What is shown of clusters' certificates. */
import { asc, eq, sql } from 'drizzle-orm';
import type { CertificateFact } from '../domain/certificate.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db, Tx } from './open.ts';
import { perConnection } from './prepared.ts';
import { certificates } from './tables.ts';

export type CertificateRow = typeof certificates.$inferSelect;

const insertCertificate = inserter(certificates);

const anyOf = perConnection((db) =>
  db
    .select({ name: certificates.name })
    .from(certificates)
    .where(eq(certificates.clusterId, sql.placeholder('id')))
    .limit(1)
    .prepare(),
);

export const hasCertificates = async (db: Db, clusterId: string): Promise<boolean> =>
  (await anyOf(db).execute({ id: clusterId })).length > 0;

export const removeCertificates = async (tx: Tx, clusterId: string): Promise<void> => {
  await tx.db.delete(certificates).where(eq(certificates.clusterId, clusterId));
};

/** These and no others, in this order. */
export const saveCertificates = async (tx: Tx, clusterId: string, facts: readonly CertificateFact[]): Promise<void> => {
  await removeCertificates(tx, clusterId);
  for (const [ordinal, fact] of facts.entries()) await insertCertificate(tx, { ...fact, clusterId, ordinal });
};

export const listCertificatesByClusters = async (db: Db, clusterIds: readonly string[]): Promise<Map<string, CertificateRow[]>> => {
  const rows = await db.select().from(certificates).where(isOneOf(certificates.clusterId, clusterIds)).orderBy(asc(certificates.ordinal));
  const lists = new Map<string, CertificateRow[]>(clusterIds.map((id) => [id, []]));
  for (const row of rows) lists.get(row.clusterId)?.push(row);
  return lists;
};
