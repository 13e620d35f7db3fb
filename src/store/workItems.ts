/** Work items: the durable set of keys that the engine works through. */
import { and, asc, eq, inArray, isNotNull, isNull, lte, or, sql } from 'drizzle-orm';
import type { ObjectKind } from '../domain/condition.ts';
import type { Claim, Queue } from '../domain/work.ts';
import type { Clock } from '../lib/clock.ts';
import type { Store, Tx } from './open.ts';
import { workItems } from './tables.ts';

/** Makes the key due at `dueAt`, or sooner if it already is; a pass that is under way will be followed by another. */
export const enqueue = async (tx: Tx, kind: ObjectKind, id: string, dueAt: number): Promise<void> => {
  await tx.db
    .insert(workItems)
    .values({ kind, id, dueAt, wake: 1 })
    .onConflictDoUpdate({
      target: [workItems.kind, workItems.id],
      set: { dueAt: sql`min(${workItems.dueAt}, ${dueAt})`, wake: sql`${workItems.wake} + 1` },
    });
  tx.work.push({ kind, id });
};

/** The claim still holds its lease: nobody has claimed the key since. */
export const holdsLease = async (tx: Tx, claim: Claim): Promise<boolean> => {
  const [row] = await tx.db
    .select({ fence: workItems.fence })
    .from(workItems)
    .where(and(eq(workItems.kind, claim.kind), eq(workItems.id, claim.id)));
  return row?.fence === claim.fence;
};

export const createQueue = (deps: { store: Store; clock: Clock }): Queue => {
  const { store, clock } = deps;
  return {
    claim: ({ owner, limit, leaseMs }) =>
      store.transaction(async (tx) => {
        const now = clock.now();
        const due = tx.db
          .select({ rowid: sql`rowid` })
          .from(workItems)
          .where(and(lte(workItems.dueAt, now), or(isNull(workItems.leaseUntil), lte(workItems.leaseUntil, now))))
          .orderBy(asc(workItems.dueAt))
          .limit(limit);
        return await tx.db
          .update(workItems)
          .set({ leaseOwner: owner, leaseUntil: now + leaseMs, fence: sql`${workItems.fence} + 1` })
          .where(sql`rowid in ${due}`)
          .returning({
            kind: workItems.kind,
            id: workItems.id,
            fence: workItems.fence,
            wake: workItems.wake,
            attempts: workItems.attempts,
          });
      }),
    renew: (owner, claims, leaseMs) =>
      store.transaction(async (tx) => {
        if (claims.length === 0) return;
        await tx.db
          .update(workItems)
          .set({ leaseUntil: clock.now() + leaseMs })
          .where(
            and(
              eq(workItems.leaseOwner, owner),
              inArray(
                workItems.id,
                claims.map((c) => c.id),
              ),
            ),
          );
      }),
    settle: (settlements) =>
      store.transaction(async (tx) => {
        for (const { claim, dueAt, attempts } of settlements) {
          const mine = and(eq(workItems.kind, claim.kind), eq(workItems.id, claim.id), eq(workItems.fence, claim.fence));
          const unasked = eq(workItems.wake, claim.wake);
          if (dueAt === null) await tx.db.delete(workItems).where(and(mine, unasked));
          else await tx.db.update(workItems).set({ leaseOwner: null, leaseUntil: null, dueAt, attempts }).where(and(mine, unasked));
          // Somebody asked for another pass meanwhile: it is due now.
          const again = await tx.db
            .update(workItems)
            .set({ leaseOwner: null, leaseUntil: null, dueAt: clock.now(), attempts: 0 })
            .where(and(mine, sql`${workItems.wake} <> ${claim.wake}`))
            .returning({ id: workItems.id });
          if (again.length > 0) tx.work.push({ kind: claim.kind, id: claim.id });
        }
      }),
    release: (owner) =>
      store.transaction(async (tx) => {
        await tx.db
          .update(workItems)
          .set({ leaseOwner: null, leaseUntil: null, dueAt: clock.now() })
          .where(eq(workItems.leaseOwner, owner));
      }),
    releaseAll: () =>
      store.transaction(async (tx) => {
        await tx.db.update(workItems).set({ leaseOwner: null, leaseUntil: null }).where(isNotNull(workItems.leaseUntil));
      }),
    nextDueAt: async () => {
      const [row] = await store.db
        .select({ at: sql<number | null>`min(max(${workItems.dueAt}, coalesce(${workItems.leaseUntil}, 0)))` })
        .from(workItems);
      return row?.at ?? null;
    },
    onHint: (listener) =>
      store.onCommit((committed) => {
        if (committed.work.length > 0) listener(committed.work);
      }),
  };
};
