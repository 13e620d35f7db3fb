import { setTimeout as wait } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createMetrics } from '../../src/lib/metrics.ts';

test('tells how late the event loop was since the last reading', async () => {
  const registry = new Registry();
  createMetrics(registry);
  const latest = async () => Number(/delay_seconds\{quantile="1"\} (\S+)/.exec(await registry.metrics())?.[1]);
  await wait(50);
  const until = performance.now() + 600;
  while (performance.now() < until);
  await wait(50);
  expect(await latest()).toBeGreaterThan(0.5);
  await wait(50);
  expect(await latest()).toBeLessThan(0.5);
});
