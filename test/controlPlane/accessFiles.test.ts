/** What the API server reads of audit and authentication, and the flags that name it. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildApiServer } from '../../src/controlPlane/apiServer.ts';
import { buildAudit } from '../../src/controlPlane/audit.ts';
import { buildAuthenticationConfig } from '../../src/controlPlane/authentication.ts';
import type { AuditSpec } from '../../src/domain/audit.ts';
import type { IssuerSpec } from '../../src/domain/issuer.ts';
import { cluster, pki } from './fixture.ts';

const audit = (more: Partial<AuditSpec>) => buildAudit({ level: 'METADATA', stdout: true, webhook: null, ...more }, '/c');
const webhook = { url: 'https://audit.example.org/k8s', caCertificate: 'PEM' };

interface Policy {
  rules: { level: string; verbs?: string[]; resources?: { group: string; resources: string[] }[] }[];
}

test('no sink or no level: no file and no flag; each sink has its own', () => {
  expect(audit({ level: 'NONE', webhook })).toEqual({ files: {}, flags: [] });
  expect(audit({ stdout: false })).toEqual({ files: {}, flags: [] });
  expect(audit({}).flags).toEqual(['--audit-policy-file=/c/audit-policy.yaml', '--audit-log-path=-']);
  const both = audit({ webhook });
  expect(both.flags).toEqual([...audit({}).flags, '--audit-webhook-config-file=/c/audit-webhook.yaml']);
  expect(parse(both.files['audit-webhook.yaml'] ?? '')).toMatchObject({
    'current-context': 'audit',
    clusters: [{ cluster: { server: webhook.url, 'certificate-authority-data': Buffer.from('PEM').toString('base64') } }],
  });
});

test.each(['METADATA', 'REQUEST'] as const)('at level %s bodies of secrets, configuration and tokens are never written', (level) => {
  const { rules } = parse(audit({ level }).files['audit-policy.yaml'] ?? '') as Policy;
  const names = ['secrets', 'configmaps', 'serviceaccounts/token', 'tokenreviews'];
  // The first rule that fits decides, so none before may be a deeper one.
  const deep = rules.findIndex((rule) => rule.level === 'Request' || rule.level === 'RequestResponse');
  const shielded = rules.findIndex((rule) => names.every((name) => rule.resources?.some((r) => r.resources.includes(name))));
  expect(rules[shielded]?.level).toBe('Metadata');
  if (level === 'METADATA') expect(deep).toBe(-1);
  else expect(deep).toBeGreaterThan(shielded);
  expect(rules.at(-1)).toEqual({ level: level === 'REQUEST' ? 'Request' : 'Metadata' });
});

const issuer: IssuerSpec = {
  url: 'https://login.example.org',
  audiences: ['kubernetes'],
  usernameClaim: 'email',
  usernamePrefix: 'oidc:',
  groupsClaim: null,
  groupsPrefix: 'oidc:',
  requiredClaims: {},
  caCertificate: null,
};

test('anonymous gets at the health paths and cluster-info alone, with issuers and without', () => {
  for (const issuers of [[], [issuer]]) {
    expect(parse(buildAuthenticationConfig(issuers)).anonymous).toEqual({
      enabled: true,
      conditions: ['/livez', '/readyz', '/healthz', '/api/v1/namespaces/kube-public/configmaps/cluster-info'].map((path) => ({ path })),
    });
  }
});

test('issuers become authenticators; what was not asked for is not there', () => {
  const full = { ...issuer, audiences: ['a', 'b'], groupsClaim: 'groups', requiredClaims: { hd: 'example.org' }, caCertificate: 'PEM' };
  expect(parse(buildAuthenticationConfig([issuer, full])).jwt).toEqual([
    { issuer: { url: issuer.url, audiences: ['kubernetes'] }, claimMappings: { username: { claim: 'email', prefix: 'oidc:' } } },
    {
      issuer: { url: issuer.url, audiences: ['a', 'b'], audienceMatchPolicy: 'MatchAny', certificateAuthority: 'PEM' },
      claimValidationRules: [{ claim: 'hd', requiredValue: 'example.org' }],
      claimMappings: { username: { claim: 'email', prefix: 'oidc:' }, groups: { claim: 'groups', prefix: 'oidc:' } },
    },
  ]);
});

test('a change of either rolls the API server and nothing is named that is not mounted', () => {
  const annotationsOf = (more: object) =>
    buildApiServer({ ...cluster, ...more }, pki)
      .filter(({ kind }) => kind === 'Deployment')
      .map((o) => (o as unknown as { spec: { template: { metadata: { annotations: object } } } }).spec.template.metadata.annotations);
  const before = annotationsOf({});
  expect(annotationsOf({ issuers: [issuer] })).not.toEqual(before);
  expect(annotationsOf({ audit: { level: 'REQUEST', stdout: true, webhook: null } })).not.toEqual(before);
});
