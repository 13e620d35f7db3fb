/** What Prometheus may read of the engine; no label ever holds a tenant's name or id. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface Metrics {
  cloudCall(call: { service: string; method: string; status: number; ms: number }): void;
  seedCall(call: { verb: string; resource: string; status: number; durationMs: number }): void;
  pass(kind: string, ms: number, failed: boolean): void;
}

/** The event loop is looked at this often: seldom enough to cost nothing to speak of. */
const TICK_MS = 10;

export const createMetrics = (registry: Registry): Metrics => {
  const registers = [registry];
  const cloud = new Histogram({
    name: 'seedbed_cloud_call_seconds',
    help: 'Calls to OpenStack, by service, method and status class.',
    labelNames: ['service', 'method', 'status'],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    registers,
  });
  const seed = new Histogram({
    name: 'seedbed_seed_call_seconds',
    help: 'Calls to the Kubernetes APIs of seeds, by verb, resource and status class.',
    labelNames: ['verb', 'resource', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 5, 30],
    registers,
  });
  const passes = new Histogram({
    name: 'seedbed_pass_seconds',
    help: 'Passes of the reconcile engine, by kind of object.',
    labelNames: ['kind'],
    buckets: [0.002, 0.01, 0.05, 0.25, 1, 5, 30],
    registers,
  });
  const failures = new Counter({
    name: 'seedbed_pass_failures_total',
    help: 'Passes that ended with a failed step.',
    labelNames: ['kind'],
    registers,
  });
  const delays = monitorEventLoopDelay({ resolution: TICK_MS });
  delays.enable();
  new Gauge({
    name: 'seedbed_event_loop_delay_seconds',
    help: 'How late the event loop came to what was due, by quantile, since these figures were last read.',
    labelNames: ['quantile'],
    registers,
    collect() {
      // A tick that is on time took a tick.
      for (const quantile of [0.5, 0.99, 1])
        this.set({ quantile: String(quantile) }, Math.max(0, delays.percentile(quantile * 100) / 1e9 - TICK_MS / 1e3));
      delays.reset();
    },
  });
  const classOf = (status: number) => (status === 0 ? 'none' : `${Math.floor(status / 100)}xx`);
  return {
    cloudCall: ({ service, method, status, ms }) => cloud.observe({ service, method, status: classOf(status) }, ms / 1000),
    seedCall: ({ verb, resource, status, durationMs }) => seed.observe({ verb, resource, status: classOf(status) }, durationMs / 1000),
    pass: (kind, ms, failed) => {
      passes.observe({ kind }, ms / 1000);
      if (failed) failures.inc({ kind });
    },
  };
};
