/** What nobody asks for and must be done all the same: old idempotency keys, kubeconfigs long over, orphans long gone and old rows of the audit log go, hour by hour. */
import type { Clock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { purgeAuditLog } from './store/auditLog.ts';
import { purgeIdempotency } from './store/idempotency.ts';
import { purgeKubeconfigs } from './store/kubeconfigs.ts';
import type { Store } from './store/open.ts';
import { purgeOrphans } from './store/orphans.ts';

const HOUR_MS = 3_600_000;
/** Longer than the day that is promised, so that a retry at its end still finds its answer. */
const KEEP_MS = 25 * HOUR_MS;

/** Long enough to answer who had access last week. */
const KEEP_KUBECONFIGS_MS = 90 * 24 * HOUR_MS;

/** Of orphans that are gone. */
const KEEP_ORPHANS_MS = 30 * 24 * HOUR_MS;

/** Returns what ends it. `auditDays`: how long the audit log is kept; 0: for ever. */
export const startHousekeeping = (deps: { store: Store; clock: Clock; log: Log; auditDays: number }): (() => void) => {
  const purge = async () => {
    let gone = 1;
    while (gone > 0) gone = await deps.store.transaction((tx) => purgeIdempotency(tx, deps.clock.now() - KEEP_MS));
    await deps.store.transaction((tx) => purgeKubeconfigs(tx, deps.clock.now() - KEEP_KUBECONFIGS_MS));
    await deps.store.transaction((tx) => purgeOrphans(tx, deps.clock.now() - KEEP_ORPHANS_MS));
    const now = deps.clock.now();
    if (deps.auditDays > 0) await deps.store.transaction((tx) => purgeAuditLog(tx, now - deps.auditDays * 24 * HOUR_MS, now));
  };
  const timer = setInterval(() => {
    purge().catch((error) => deps.log.error({ err: error }, 'purging what is old failed'));
  }, HOUR_MS);
  return () => clearInterval(timer);
};
