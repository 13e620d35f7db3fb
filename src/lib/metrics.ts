/** What Prometheus may read of the engine; no label ever holds a tenant's name or id. */
import { Counter, Histogram, type Registry } from 'prom-client';

export interface Metrics {
  cloudCall(call: { service: string; method: string; status: number; ms: number }): void;
  seedCall(call: { verb: string; resource: string; status: number; durationMs: number }): void;
  pass(kind: string, ms: number, failed: boolean): void;
}

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
