/** One event to 5,000 subscribers, until the last has it: Seedbed against a plain `ws` server that sends the same bytes to the same client. */
import { startStreams } from '../hostile/streams.ts';
import { connectAll, subscribeAll, untilAllHear } from './audience.ts';
import { pin, startBroadcast } from './peers.ts';
import { median, type Row } from './report.ts';
import { rssMiB } from './world.ts';

const SUBSCRIBERS = 5_000;
const EVENTS = 21;
const PORT = 4_593;
const PADDING = 200;
const QUERY = 'subscription { clusters { what cluster { id name state caCertificate } missed } }';
const GOAL = 1.5;

export const benchFanout = async (): Promise<Row[]> => {
  const seedbed = await startStreams({ built: true });
  const plain = await startBroadcast(PORT);
  try {
    pin(plain, 0);
    pin({ pid: seedbed.pid }, 0);
    pin(process, 1);
    await seedbed.order({ projects: 1, clusters: 1 });
    const change = () => void seedbed.order({ change: 1, pauseMs: 0, padding: PADDING });
    const before = { seedbed: rssMiB(seedbed), plain: rssMiB(plain) };
    const ours = await subscribeAll(seedbed.url, SUBSCRIBERS, () => 'p0', QUERY);
    const theirs = await connectAll(PORT, SUBSCRIBERS, () => 'p0');
    // Whoever hears of a change is subscribed; the first events warm both up.
    const { text } = await untilAllHear(ours, change);
    const send = () => void plain.send({ path: '/p0', text });
    const times = { seedbed: [] as number[], plain: [] as number[] };
    for (let event = -3; event < EVENTS; event += 1) {
      const [seedbedMs, plainMs] = [(await untilAllHear(ours, change)).ms, (await untilAllHear(theirs, send)).ms];
      if (event < 0) continue;
      times.seedbed.push(seedbedMs);
      times.plain.push(plainMs);
    }
    const grown = { seedbed: rssMiB(seedbed) - before.seedbed, plain: rssMiB(plain) - before.plain };
    for (const socket of [...ours, ...theirs]) socket.terminate();
    return rowsOf({ seedbed: median(times.seedbed), plain: median(times.plain) }, grown, text.length);
  } finally {
    plain.kill('SIGTERM');
    await seedbed.close();
  }
};

const rowsOf = (ms: Figures, grownMiB: Figures, bytes: number): Row[] => {
  const [time, memory] = [ms.seedbed / ms.plain, grownMiB.seedbed / grownMiB.plain];
  return [
    {
      what: `one event of ${bytes} bytes to ${SUBSCRIBERS} subscribers, committed and told to the last, median of ${EVENTS}`,
      figure: `${ms.seedbed.toFixed(0)} ms`,
      goal: 'told only',
      met: null,
    },
    {
      what: '  against the same bytes by a plain ws server',
      figure: `${time.toFixed(2)} × (${ms.plain.toFixed(0)} ms)`,
      goal: `≤ ${GOAL} ×`,
      met: time <= GOAL,
    },
    {
      what: '  memory that they take, against its',
      figure: `${memory.toFixed(2)} × (${grownMiB.seedbed} and ${grownMiB.plain} MiB)`,
      goal: `≤ ${GOAL} ×`,
      met: memory <= GOAL,
    },
  ];
};

interface Figures {
  seedbed: number;
  plain: number;
}
