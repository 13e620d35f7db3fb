/** What the seed shows of a workload, in the forms it ought to have and in those it ought not. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readyReplicas, trimmed } from '../../src/reconcilers/workload.ts';
import type { KubernetesObject } from '../../src/seeds/kinds.ts';

const deployment = (status: unknown, generation = 2): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'kube-scheduler', namespace: 'a', generation, annotations: { note: 'x'.repeat(1000) } },
  spec: { replicas: 3 },
  status,
});

test.each([
  [{ observedGeneration: 2, readyReplicas: 2, updatedReplicas: 3 }, 2],
  [{ observedGeneration: 2, readyReplicas: 3, updatedReplicas: 1 }, 1],
  [{ observedGeneration: 1, readyReplicas: 3, updatedReplicas: 3 }, 0],
  [{ observedGeneration: 2, readyReplicas: 1 }, 1],
  [undefined, 0],
])('%j counts as %i ready', (status, ready) => {
  expect(readyReplicas(trimmed(deployment(status)))).toBe(ready);
});

test('only what passes read is kept', () => {
  expect(JSON.stringify(trimmed(deployment({})))).not.toMatch(/xxx|replicas/);
});

test('a status that cannot be read is told with the name of the object and of the field', () => {
  const kept = trimmed(deployment({ observedGeneration: 2, readyReplicas: 'three' }));
  expect(() => readyReplicas(kept)).toThrow(/Deployment kube-scheduler with status\.readyReplicas/);
});

test('whatever a seed shows, reading it never throws, and counting gives a number or says why not', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (status, labels) => {
      const object = deployment(status);
      const kept = trimmed({ ...object, metadata: { ...object.metadata, labels: labels as Record<string, string> } });
      try {
        expect(Number.isInteger(readyReplicas(kept))).toBe(true);
      } catch (error) {
        expect(error).toMatchObject({ code: 'SEED_REFUSED', detail: { whoMustAct: 'CLOUD_ADMIN' } });
      }
    }),
  );
});
