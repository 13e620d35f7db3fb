/** Work items: the durable set of keys that the engine works through. */
import { and, asc, eq, gt, inArray, isNotNull, isNull, lte, or, sql } from 'drizzle-orm';
import type { ObjectKind } from '../domain/condition.ts';
import type { Claim, Queue } from '../domain/work.ts';
import type { Clock } from '../lib/clock.ts';
import type { Store, Tx } from './open.ts';
import { perConnection } from './prepared.ts';
import { workItems } from './tables.ts';

const at = and(eq(workItems.kind, sql.placeholder('kind')), eq(workItems.id, sql.placeholder('id')));

/** Anywhere among 2^48: a key that is taken out and put again must not come to a number that somebody had of it before. */
export const newFence = sql`(random() & ${sql.raw(String(2 ** 48 - 1))})`;

const put = perConnection((db) =>
  db
    .insert(workItems)
    .values({ kind: sql.placeholder('kind'), id: sql.placeholder('id'), dueAt: sql.placeholder('dueAt'), wake: 1, fence: newFence })
    .onConflictDoUpdate({
      target: [workItems.kind, workItems.id],
      set: { dueAt: sql`min(${workItems.dueAt}, excluded.due_at)`, wake: sql`${workItems.wake} + 1` },
    })
    .prepare(),
);
const fenceOf = perConnection((db) => db.select({ fence: workItems.fence }).from(workItems).where(at).prepare());

/** A pass that waits for a hint looks by itself after this long; what is at rest is looked at much later. */
const LONGEST_WAIT_MS = 60_000;

/** Makes the key due at `dueAt`, or sooner if it already is; a pass that is under way will be followed by another. */
export const enqueue = async (tx: Tx, kind: ObjectKind, id: string, dueAt: number): Promise<void> => {
  await put(tx.db).execute({ kind, id, dueAt });
  tx.work.push({ kind, id });
};

/** The claim still holds its lease: nobody has claimed the key since. */
export const holdsLease = async (tx: Tx, claim: Claim): Promise<boolean> => {
  const [row] = await fenceOf(tx.db).execute({ kind: claim.kind, id: claim.id });
  return row?.fence === claim.fence;
};

const claimDue = perConnection((db) => {
  const now = sql.placeholder('now');
  const due = db
    .select({ rowid: sql`rowid` })
    .from(workItems)
    .where(and(lte(workItems.dueAt, now), or(isNull(workItems.leaseUntil), lte(workItems.leaseUntil, now))))
    .orderBy(asc(workItems.dueAt))
    .limit(sql.placeholder('limit'));
  return db
    .update(workItems)
    .set({ leaseOwner: sql`${sql.placeholder('owner')}`, leaseUntil: sql`${sql.placeholder('until')}`, fence: sql`${workItems.fence} + 1` })
    .where(sql`rowid in ${due}`)
    .returning({ kind: workItems.kind, id: workItems.id, fence: workItems.fence, wake: workItems.wake, attempts: workItems.attempts })
    .prepare();
});

const mine = and(at, eq(workItems.fence, sql.placeholder('fence')));
const unasked = eq(workItems.wake, sql.placeholder('wake'));
const takeOut = perConnection((db) => db.delete(workItems).where(and(mine, unasked)).returning({ id: workItems.id }).prepare());
const putBack = perConnection((db) =>
  db
    .update(workItems)
    .set({ leaseOwner: null, leaseUntil: null, dueAt: sql`${sql.placeholder('dueAt')}`, attempts: sql`${sql.placeholder('attempts')}` })
    .where(and(mine, unasked))
    .returning({ id: workItems.id })
    .prepare(),
);
/** Somebody asked for another pass during this one. */
const askedAgain = perConnection((db) =>
  db
    .update(workItems)
    .set({ leaseOwner: null, leaseUntil: null, dueAt: sql`${sql.placeholder('now')}`, attempts: 0 })
    .where(mine)
    .returning({ id: workItems.id })
    .prepare(),
);
const soonest = perConnection((db) =>
  db
    .select({ at: sql<number | null>`min(max(${workItems.dueAt}, coalesce(${workItems.leaseUntil}, 0)))` })
    .from(workItems)
    .prepare(),
);

export const createQueue = (deps: { store: Store; clock: Clock }): Queue => {
  const { store, clock } = deps;
  return {
    claim: ({ owner, limit, leaseMs }) =>
      store.transaction(async (tx) => {
        const now = clock.now();
        return claimDue(tx.db).execute({ now, limit, owner, until: now + leaseMs });
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
          const { kind, id, fence, wake } = claim;
          const settled =
            dueAt === null
              ? await takeOut(tx.db).execute({ kind, id, fence, wake })
              : await putBack(tx.db).execute({ kind, id, fence, wake, dueAt, attempts });
          if (settled.length > 0) continue;
          const again = await askedAgain(tx.db).execute({ kind, id, fence, now: clock.now() });
          if (again.length > 0) tx.work.push({ kind, id });
        }
      }),
    release: (owner) =>
      store.transaction(async (tx) => {
        await tx.db
          .update(workItems)
          .set({ leaseOwner: null, leaseUntil: null, dueAt: clock.now() })
          .where(eq(workItems.leaseOwner, owner));
      }),
    takeOver: () =>
      store.transaction(async (tx) => {
        const now = clock.now();
        await tx.db.update(workItems).set({ leaseOwner: null, leaseUntil: null }).where(isNotNull(workItems.leaseUntil));
        await tx.db
          .update(workItems)
          .set({ dueAt: now })
          .where(and(gt(workItems.dueAt, now), lte(workItems.dueAt, now + LONGEST_WAIT_MS)));
      }),
    nextDueAt: async () => {
      const [row] = await soonest(store.db).execute();
      return row?.at ?? null;
    },
    onHint: (listener) =>
      store.onCommit((committed) => {
        if (committed.work.length > 0) listener(committed.work);
      }),
  };
};
