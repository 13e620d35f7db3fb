/** The API's own figures. Labels name no tenant. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RateName } from './rates.ts';

export interface ApiMetrics {
  request(route: string, status: number): void;
  operation(kind: string, outcome: 'ok' | 'error', seconds: number): void;
  rateLimited(limit: RateName): void;
}

export const createApiMetrics = (registry: Registry, live: { streams(): number; sockets(): number }): ApiMetrics => {
  const registers = [registry];
  const requests = new Counter({
    name: 'seedbed_http_requests_total',
    help: 'HTTP requests answered.',
    labelNames: ['route', 'status'],
    registers,
  });
  const seconds = new Histogram({
    name: 'seedbed_graphql_operation_seconds',
    help: 'Time to answer a GraphQL query or mutation.',
    labelNames: ['kind', 'outcome'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  const refused = new Counter({
    name: 'seedbed_rate_limited_total',
    help: 'Requests, and operations on WebSockets, that were refused because there were too many.',
    labelNames: ['limit'],
    registers,
  });
  new Gauge({
    name: 'seedbed_live_streams',
    help: 'Subscriptions that are open.',
    registers,
    collect() {
      this.set(live.streams());
    },
  });
  new Gauge({
    name: 'seedbed_websockets',
    help: 'WebSockets that are open.',
    registers,
    collect() {
      this.set(live.sockets());
    },
  });
  return {
    request: (route, status) => requests.inc({ route, status: String(status) }),
    operation: (kind, outcome, time) => seconds.observe({ kind, outcome }, time),
    rateLimited: (limit) => refused.inc({ limit }),
  };
};
