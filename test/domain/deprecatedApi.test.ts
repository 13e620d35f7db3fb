import { expect, test } from 'vitest';
import { afterLook, isLookDue, readDeprecatedApis, removedBetween, sayRemoved } from '../../src/domain/deprecatedApi.ts';
import type { Release } from '../../src/domain/version.ts';

const DAY = 86_400_000;
const release = (minor: string) => ({ minor }) as Release;
const METRICS = `# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{group="storage.k8s.io",removed_release="1.37",resource="volumeattributesclasses",subresource="",version="v1beta1"} 1
apiserver_requested_deprecated_apis{group="storage.k8s.io",removed_release="1.37",resource="volumeattributesclasses",subresource="status",version="v1beta1"} 1
apiserver_requested_deprecated_apis{group="policy",removed_release="1.25",resource="never",subresource="",version="v1beta1"} 0
apiserver_requested_deprecated_apis{group="a\\"}b",removed_release="soon",resource="odd",subresource="",version="v1"} 1e+00
apiserver_request_total{group="policy",resource="other",version="v1"} 7
`;

test('the metric is read, whatever else there is, and a resource is named once', () => {
  expect(readDeprecatedApis(METRICS)).toEqual([
    { group: '', version: 'v1', resource: 'endpoints', removedIn: null },
    { group: 'storage.k8s.io', version: 'v1beta1', resource: 'volumeattributesclasses', removedIn: '1.37' },
    { group: 'a\\"}b', version: 'v1', resource: 'odd', removedIn: null },
  ]);
  expect(readDeprecatedApis('')).toEqual([]);
});

test('what is not seen any more is known for five weeks, for it may come once a month', () => {
  const first = afterLook(null, readDeprecatedApis(METRICS), DAY);
  expect(first).toMatchObject({ lookedAt: DAY, apis: [{ seenAt: DAY }, { seenAt: DAY }, { seenAt: DAY }] });
  const second = afterLook(first, readDeprecatedApis(METRICS).slice(1, 2), 2 * DAY);
  expect(second.apis.map(({ resource, seenAt }) => [resource, seenAt / DAY])).toEqual([
    ['volumeattributesclasses', 2],
    ['endpoints', 1],
    ['odd', 1],
  ]);
  expect(afterLook(second, [], 36 * DAY).apis.map(({ resource }) => resource)).toEqual(['volumeattributesclasses']);
  expect(afterLook(second, [], 37 * DAY)).toEqual({ lookedAt: 37 * DAY, apis: [] });
});

test('a new cluster is not looked at at once, and each only now and then', () => {
  expect(isLookDue({ deprecatedApis: null, createdAt: 0 }, DAY / 4 - 1)).toBe(false);
  expect(isLookDue({ deprecatedApis: null, createdAt: 0 }, DAY / 4)).toBe(true);
  expect(isLookDue({ deprecatedApis: { lookedAt: DAY, apis: [] }, createdAt: 0 }, DAY * 1.2)).toBe(false);
});

test('an upgrade warns of what it takes away, and of nothing that is gone already or goes later', () => {
  const known = afterLook(null, readDeprecatedApis(METRICS), Date.parse('2026-11-28T00:00:00Z'));
  const removed = (from: string, to: string) => removedBetween(known, release(from), release(to)).map(({ resource }) => resource);
  expect(removed('1.36', '1.37')).toEqual(['volumeattributesclasses']);
  // Not as texts: 1.9 is before 1.37.
  expect(removed('1.9', '1.38')).toEqual(['volumeattributesclasses']);
  expect(removed('1.35', '1.36')).toEqual([]);
  expect(removed('1.37', '1.38')).toEqual([]);
  expect(removedBetween(null, release('1.36'), release('1.37'))).toEqual([]);
  expect(removedBetween(known, release('1.36'), release('1.37')).map(sayRemoved)).toEqual([
    'Something in the cluster asks for volumeattributesclasses of storage.k8s.io/v1beta1, which Kubernetes 1.37 and later do not serve (last seen 2026-11-28): have it use a newer version of that API before.',
  ]);
});
