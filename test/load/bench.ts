/** `npm run bench [-- PART… COUNT]`: figures in one table, each beside its goal; a missed goal is told and is no failure. */
import { benchAcknowledge } from './acknowledge.ts';
import { benchBackup } from './backup.ts';
import { benchBusy } from './busy.ts';
import { benchCalls } from './calls.ts';
import { benchDayTwo } from './dayTwo.ts';
import { benchDepth } from './depth.ts';
import { benchFanout } from './fanout.ts';
import { benchFleet } from './fleet.ts';
import { benchHealing } from './healing.ts';
import { benchLab } from './lab.ts';
import { benchList } from './list.ts';
import { benchLive } from './live.ts';
import { benchMemory } from './memory.ts';
import { benchOverhead } from './overhead.ts';
import { choose, measureAll, type Parts } from './parts.ts';
import { print } from './report.ts';
import { benchSafety } from './safety.ts';
import { benchUpgrade } from './upgrade.ts';
import { benchWake } from './wake.ts';

const COUNT = /^\d+$/;
const count = process.argv.slice(2).find((word) => COUNT.test(word));
/** Clusters at once, where a part says nothing else. */
const many = (usual: number): number => (count === undefined ? usual : Number(count));
const parts: Parts = {
  wake: benchWake,
  acknowledge: benchAcknowledge,
  list: benchList,
  fanout: benchFanout,
  live: benchLive,
  depth: benchDepth,
  memory: benchMemory,
  safety: benchSafety,
  calls: benchCalls,
  script: benchOverhead,
  lab: benchLab,
  backup: benchBackup,
  healing: benchHealing,
  upgrade: () => benchUpgrade(many(100)),
  dayTwo: () => benchDayTwo(many(100)),
  busy: () => benchBusy(many(1_000)),
  fleet: () => benchFleet(many(1_000)),
};
// Whoever ends the benchmark ends its processes.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
try {
  const { rows, failed } = await measureAll(
    choose(
      parts,
      process.argv.slice(2).filter((word) => !COUNT.test(word)),
    ),
    (text) => process.stderr.write(text),
  );
  print(rows);
  if (failed.length > 0) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 2;
}
