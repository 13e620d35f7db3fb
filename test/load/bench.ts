/** `npm run bench [-- PART… COUNT]`: figures in one table, each beside its goal; a missed goal is told and is no failure. */
import { inspect } from 'node:util';
import { benchAcknowledge } from './acknowledge.ts';
import { benchBackup } from './backup.ts';
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
import { print, type Row } from './report.ts';
import { benchSafety } from './safety.ts';
import { benchUpgrade } from './upgrade.ts';
import { benchWake } from './wake.ts';

const clusters = Number(process.argv.find((word) => /^\d+$/.test(word)) ?? 1_000);
const parts: Record<string, () => Promise<Row[]>> = {
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
  upgrade: benchUpgrade,
  dayTwo: benchDayTwo,
  fleet: () => benchFleet(clusters),
};
// Whoever ends the benchmark ends its processes.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const named = Object.keys(parts).filter((part) => process.argv.includes(part));
const rows: Row[] = [];
for (const [name, part] of Object.entries(parts)) {
  if (named.length > 0 && !named.includes(name)) continue;
  try {
    rows.push(...(await part()));
  } catch (error) {
    // The other parts' figures are worth having all the same.
    process.exitCode = 1;
    process.stderr.write(`${name} could not be measured: ${inspect(error)}\n`);
  }
}
print(rows);
