import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../src/domain/errors.ts';
import {
  compareVersions,
  defaultRelease,
  findRelease,
  getOfferedRelease,
  kubeletMayJoin,
  listReleases,
  mayUpgrade,
  parseVersion,
} from '../../src/domain/version.ts';

const parse = (text: string) => parseVersion(text) ?? expect.unreachable(text);

test('the catalogue is newest first, one release a minor, and the default is on offer', () => {
  const versions = listReleases().map((r) => parse(r.version));
  expect(versions).toEqual(versions.toSorted((a, b) => compareVersions(b, a)));
  expect(new Set(listReleases().map((r) => r.minor)).size).toBe(versions.length);
  expect(findRelease(defaultRelease.version)).toEqual(defaultRelease);
  expect(getOfferedRelease(defaultRelease.version).status).toBe('SUPPORTED');
  expect(listReleases().map((r) => r.minor)).toEqual(expect.arrayContaining(['1.34', '1.35', '1.36']));
});

test.each(['v1.20.0', '1.36.3', '', 'latest', 'v1.36.3 '.repeat(50), 'v1.33.13'])('%j is refused with what is offered', (version) => {
  const refuse = () => getOfferedRelease(version, ['template', 'kubernetesVersion']);
  expect(refuse).toThrow(UserError);
  expect(refuse).toThrow(/v1\.36\.3.*v1\.35\.4/);
  expect(refuse).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_VERSION', detail: { field: ['template', 'kubernetesVersion'] } }));
});

test('an expired release is never among those offered', () => {
  expect(() => getOfferedRelease('v1.33.13')).toThrow(/has expired. Choose one of (?!.*v1\.33)/);
});

test.each([
  ['v1.36.3', 'v1.36.0', true],
  ['v1.33.9', 'v1.36.3', true],
  ['v1.32.9', 'v1.36.3', false],
  ['v1.37.0', 'v1.36.3', false],
  ['v2.36.0', 'v1.36.3', false],
])('kubelet %s on API server %s: %s', (kubelet, apiServer, allowed) => {
  expect(kubeletMayJoin(parse(kubelet), parse(apiServer))).toBe(allowed);
});

test('an upgrade goes at most one minor up and never back', () => {
  const version = fc.record({ major: fc.constant(1), minor: fc.integer({ min: 20, max: 40 }), patch: fc.integer({ min: 0, max: 9 }) });
  fc.assert(
    fc.property(version, version, (from, to) => {
      const up = to.minor > from.minor || (to.minor === from.minor && to.patch > from.patch);
      expect(mayUpgrade(from, to)).toBe(up && to.minor <= from.minor + 1);
    }),
  );
});

test.each(['v1.36', '1', 'v1.36.x', 'vv1.36.3', 'v1.36.3 x'])('%j is no version', (text) => {
  expect(parseVersion(text)).toBeUndefined();
});
