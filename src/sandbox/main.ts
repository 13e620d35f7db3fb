/** The sandbox as a process of its own: `main.js --data DIR [--port N] [--range N] [--seeds N] [--latency SCALE] [--volatile] [--shared]`. */
import { parseArgs } from 'node:util';
import { systemClock } from '../lib/clock.ts';
import { createLog } from '../lib/log.ts';
import { startKubernetes } from './kubernetes/start.ts';
import { bootMachine } from './machine.ts';
import { startSandbox } from './start.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    port: { type: 'string' },
    range: { type: 'string' },
    seeds: { type: 'string', default: '1' },
    latency: { type: 'string', default: '1' },
    volatile: { type: 'boolean', default: false },
    shared: { type: 'boolean', default: false },
  },
});

const numberOf = (name: string, value: string): number => {
  const parsed = Number(value);
  if (value === '' || !Number.isFinite(parsed) || parsed < 0) throw new Error(`--${name} must be a number of at least 0, not "${value}".`);
  return parsed;
};

if (values.data === undefined) throw new Error('--data DIR is needed: the directory the sandbox keeps its world in.');
const log = createLog('info');
const sandbox = await startSandbox({
  dataDir: values.data,
  port: values.port === undefined ? null : numberOf('port', values.port),
  range: values.range === undefined ? null : numberOf('range', values.range),
  seeds: numberOf('seeds', values.seeds),
  volatile: values.volatile,
  shared: values.shared,
  latencyScale: numberOf('latency', values.latency),
  log,
  startKubernetes,
  bootMachine,
  now: systemClock.now,
  random: Math.random,
});
// Whoever started the sandbox waits for this line; passwords stay in the file.
const { users: _, ...shown } = sandbox.handover;
process.stdout.write(`${JSON.stringify(shown)}\n`);

const stop = (): void => {
  sandbox.close().then(
    () => process.exit(0),
    (error: unknown) => {
      log.error({ err: error }, 'The sandbox did not stop cleanly.');
      process.exit(1);
    },
  );
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
