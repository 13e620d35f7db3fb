/** Kubeconfigs and certificates that were given to people: who has them, until when, and whether they still count. */
import { and, eq, gt, isNotNull, isNull, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import type { KubeconfigKind, KubeconfigRole, KubeconfigState } from '../domain/kubeconfig.ts';
import { inserter } from './insert.ts';
import { isOneOf } from './isOneOf.ts';
import type { Db, Tx } from './open.ts';
import { type Order, type Page, readPages, type Slice } from './page.ts';
import { perConnection } from './prepared.ts';
import { inSightOfCluster, type Sight } from './sight.ts';
import { kubeconfigs } from './tables.ts';

export type KubeconfigRow = typeof kubeconfigs.$inferSelect;

export const insertKubeconfig = inserter(kubeconfigs);

const order: Order = { at: kubeconfigs.createdAt, id: kubeconfigs.id, newestFirst: true };

export interface KubeconfigFilter {
  kinds?: readonly KubeconfigKind[] | null;
  roles?: readonly KubeconfigRole[] | null;
  /** As of `now`, in milliseconds since the epoch. */
  states?: { among: readonly KubeconfigState[]; now: number };
}

/** As `kubeconfigState` has it. */
const isIn = (state: KubeconfigState, now: number): SQL | undefined => {
  const { revokedAt, unboundAt, expiresAt, boundAt } = kubeconfigs;
  const goesOn = and(isNull(revokedAt), gt(expiresAt, now));
  if (state === 'REVOKING') return and(isNotNull(revokedAt), isNull(unboundAt));
  if (state === 'REVOKED') return and(isNotNull(revokedAt), isNotNull(unboundAt));
  if (state === 'EXPIRED') return and(isNull(revokedAt), lte(expiresAt, now));
  return and(goesOn, state === 'PENDING' ? isNull(boundAt) : isNotNull(boundAt));
};

const isWanted = ({ kinds, roles, states }: KubeconfigFilter): SQL | undefined =>
  and(
    kinds == null ? undefined : isOneOf(kubeconfigs.kind, kinds),
    roles == null ? undefined : isOneOf(kubeconfigs.role, roles),
    // In none of no states.
    states === undefined ? undefined : or(sql`false`, ...[...new Set(states.among)].map((state) => isIn(state, states.now))),
  );

/** Newest first, those that have ended included. */
export const listKubeconfigsByClusters = (
  db: Db,
  clusterIds: readonly string[],
  filter: KubeconfigFilter,
  page: Page,
): Promise<Map<string, Slice<KubeconfigRow>>> =>
  readPages(db, { table: kubeconfigs, parent: 'clusterId', order, where: isWanted(filter) }, clusterIds, page);

/** By id, of clusters that are seen. */
export const loadKubeconfigs = (db: Db, sight: Sight, ids: readonly string[]): Promise<KubeconfigRow[]> =>
  db
    .select()
    .from(kubeconfigs)
    .where(and(isOneOf(kubeconfigs.id, ids), inSightOfCluster(db, kubeconfigs.clusterId, sight)));

const openOf = perConnection((db) =>
  db
    .select()
    .from(kubeconfigs)
    .where(and(eq(kubeconfigs.clusterId, sql.placeholder('id')), isNull(kubeconfigs.unboundAt)))
    .prepare(),
);

/** Those whose binding is, or may be, in the cluster. */
export const listOpenKubeconfigs = async (db: Db, clusterId: string): Promise<KubeconfigRow[]> => openOf(db).execute({ id: clusterId });

export const patchKubeconfigs = async (
  tx: Tx,
  ids: readonly string[],
  patch: Partial<Pick<KubeconfigRow, 'boundAt' | 'unboundAt' | 'revokedAt' | 'revokedBy'>>,
): Promise<void> => {
  if (ids.length === 0) return;
  await tx.db.update(kubeconfigs).set(patch).where(isOneOf(kubeconfigs.id, ids));
};

/** Forgets those that ended before a moment (milliseconds since the epoch). */
export const purgeKubeconfigs = async (tx: Tx, before: number): Promise<void> => {
  await tx.db.delete(kubeconfigs).where(lt(kubeconfigs.expiresAt, before));
};
