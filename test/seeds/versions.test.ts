import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { type Kubernetes, openKubernetes } from '../../src/seeds/connection.ts';
import type { KubernetesObject } from '../../src/seeds/kinds.ts';
import { openVersions, type Versions } from '../../src/seeds/versions.ts';
import { type Api, json, startApi, until } from './tlsServer.ts';

/** Two collections, steered by hand. */
let items: KubernetesObject[];
let streams: Map<string, ServerResponse>;
let api: Api;
let k: Kubernetes;
let versions: Versions;
let drifted: string[];

const deployment = (generation: number, resourceVersion: string, uid = 'u'): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd', namespace: 'n', uid, generation, resourceVersion },
});
const secret = (resourceVersion: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's', namespace: 'n', uid: 'u', resourceVersion },
});
const D = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'n', name: 'd' };
const S = { apiVersion: 'v1', kind: 'Secret', namespace: 'n', name: 's' };
const send = (plural: string, type: string, object: object): void =>
  void streams.get(plural)?.write(`${JSON.stringify({ type, object })}\n`);

beforeEach(async () => {
  items = [deployment(1, '1'), secret('2')];
  streams = new Map();
  drifted = [];
  api = await startApi((seen, response) => {
    const plural = seen.path.split('/').at(-1) ?? '';
    if (seen.query.get('watch') !== 'true')
      return json(response, 200, {
        metadata: { resourceVersion: '2' },
        items: items.filter(({ kind }) => `${kind.toLowerCase()}s` === plural),
      });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    streams.set(plural, response);
  });
  k = openKubernetes({ access: api.access, clock: systemClock, policy: { allowPrivate: false, allowLoopback: true }, random: () => 0 });
  versions = openVersions(k, {
    labelSelector: 'a=b',
    kinds: [
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      { apiVersion: 'v1', kind: 'Secret' },
    ],
    onDrift: ({ metadata }) => drifted.push(metadata.name),
  });
  await until('both streams', () => streams.size === 2);
});
afterEach(async () => {
  versions.close();
  k.close();
  await api.close();
});

test('only metadata is asked for, so that no secret travels', () => {
  expect(api.seen.map(({ headers }) => headers.accept)).toEqual(
    expect.arrayContaining([expect.stringMatching(/PartialObjectMetadataList;/), expect.stringMatching(/PartialObjectMetadata;/)]),
  );
  expect(api.seen.every(({ headers }) => /as=PartialObjectMetadata/.test(headers.accept ?? ''))).toBe(true);
});

test('nothing is believed before it was confirmed', () => {
  expect(versions.unchanged(D)).toBe(false);
  versions.confirm(deployment(1, '1'));
  expect(versions.unchanged(D)).toBe(true);
  expect(versions.unchanged({ ...D, name: 'other' })).toBe(false);
  expect(versions.unchanged({ ...D, kind: 'StatefulSet' })).toBe(false);
});

test('a new status is no change; a new generation, a new object of the name and a deletion are, and are told', async () => {
  versions.confirm(deployment(1, '1'));
  versions.confirm(secret('2'));
  send('deployments', 'MODIFIED', deployment(1, '7'));
  send('secrets', 'MODIFIED', secret('8'));
  await until('the secret to drift', () => drifted.length > 0);
  expect(drifted).toEqual(['s']);
  expect([versions.unchanged(D), versions.unchanged(S)]).toEqual([true, false]);
  versions.confirm(secret('8'));
  expect(versions.unchanged(S)).toBe(true);
  send('deployments', 'MODIFIED', deployment(2, '9'));
  await until('the deployment to drift', () => drifted.length > 1);
  versions.confirm(deployment(2, '9'));
  send('deployments', 'MODIFIED', deployment(2, '10', 'another'));
  send('deployments', 'DELETED', deployment(2, '11', 'another'));
  await until('both to be told', () => drifted.length === 4);
  expect(versions.unchanged(D)).toBe(false);
});

test('while a watch is cut, nothing of its kind is believed', async () => {
  versions.confirm(secret('2'));
  versions.confirm(deployment(1, '1'));
  const closed = api.close();
  streams.get('secrets')?.destroy();
  streams.get('deployments')?.destroy();
  await until('the cut to be noticed', () => !versions.unchanged(S));
  await closed;
});
