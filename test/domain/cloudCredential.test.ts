import { expect, test } from 'vitest';
import { type CredentialFacts, checkFacts, describeFacts, newUserCredential, sealedAt } from '../../src/domain/cloudCredential.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const DAY = 86_400_000;
const facts: CredentialFacts = {
  name: 'web',
  userId: 'u',
  projectId: 'p',
  roles: ['member', 'reader'],
  unrestricted: false,
  expiresAt: null,
};
const faultOf = (change: Partial<CredentialFacts>): string => {
  try {
    checkFacts({ ...facts, ...change }, { projectId: 'p', wanted: ['member', 'creator'], now: NOW });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

test.each<[Partial<CredentialFacts>, RegExp]>([
  [{}, /^$/],
  [{ roles: ['creator'] }, /^$/],
  [{ expiresAt: NOW + 7 * DAY }, /^$/],
  [{ expiresAt: NOW + 7 * DAY - 1 }, /"web" ends at 2026-01-07T23:59:59.999Z; it must be good for 7 days/],
  [{ projectId: 'q' }, /another project; make it with a login to the cluster's own/],
  [{ roles: ['reader'] }, /none of the roles .*\(member, creator\); make it with them/],
  [{ roles: ['admin', 'member'] }, /role admin, which no cluster needs; make it with/],
  [{ unrestricted: true }, /unrestricted.*without --unrestricted/],
])('%j', (change, fault) => expect(faultOf(change)).toMatch(fault));

test('one that ends within two weeks asks for another', () => {
  expect(describeFacts(facts, NOW)).toBe('Application credential "web" of user u, without an end.');
  expect(describeFacts({ ...facts, expiresAt: NOW + 14 * DAY }, NOW)).toBe(
    'Application credential "web" of user u, until 2026-01-15T00:00:00.000Z.',
  );
  expect(describeFacts({ ...facts, expiresAt: NOW + 13 * DAY }, NOW)).toMatch(
    /\.000Z\. Before that, hand in another with rotateCloudCredential\.$/,
  );
});

test("one for the cluster's own user is named before it is made, and its secret sealed for this cluster", () => {
  const made = newUserCredential(
    { id: 'c1', shortId: 'web-1' },
    { randomToken: (length) => 'x'.repeat(length), seal: (text, place) => `${place}:${text.length}` },
  );
  expect(made).toEqual({ kind: 'CLUSTER_USER', name: 'seedbed-web-1-xxxxxx', sealed: `${sealedAt('c1')}:64` });
});
