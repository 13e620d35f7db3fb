/** The API server's audit log: policy, sinks and the flags that name them. */
import { stringify } from 'yaml';
import type { AuditSpec } from '../domain/audit.ts';

interface AuditFiles {
  /** File name → text; none when nothing is written down. */
  files: Record<string, string>;
  flags: string[];
}

const CORE = '';

/** `folder`: where the files are mounted. */
export const buildAudit = ({ level, stdout, webhook }: AuditSpec, folder: string): AuditFiles => {
  if (level === 'NONE' || (!stdout && webhook === null)) return { files: {}, flags: [] };
  return {
    files: {
      'audit-policy.yaml': policyTexts[level],
      ...(webhook !== null && { 'audit-webhook.yaml': stringify(webhookOf(webhook), { lineWidth: 0 }) }),
    },
    flags: [
      `--audit-policy-file=${folder}/audit-policy.yaml`,
      ...(stdout ? ['--audit-log-path=-'] : []),
      // Batched by default: a receiver that is down holds up no request.
      ...(webhook !== null ? [`--audit-webhook-config-file=${folder}/audit-webhook.yaml`] : []),
    ],
  };
};

/** The first rule that fits decides. https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/ */
const policyOf = (level: 'METADATA' | 'REQUEST'): object => ({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  // Everything would be there twice.
  omitStages: ['RequestReceived'],
  omitManagedFields: true,
  rules: [
    { level: 'None', nonResourceURLs: ['/healthz*', '/livez*', '/readyz*', '/version', '/openapi*'] },
    // What components do every few seconds of their own accord.
    { level: 'None', resources: [{ group: 'coordination.k8s.io', resources: ['leases'] }], userGroups: ['system:nodes'] },
    {
      level: 'None',
      users: ['system:kube-controller-manager', 'system:kube-scheduler', 'system:apiserver'],
      verbs: ['get', 'list', 'watch', 'update'],
      resources: [
        { group: 'coordination.k8s.io', resources: ['leases'] },
        { group: CORE, resources: ['endpoints'] },
      ],
    },
    {
      level: 'None',
      userGroups: ['system:nodes'],
      verbs: ['get', 'patch'],
      resources: [{ group: CORE, resources: ['nodes', 'nodes/status'] }],
    },
    { level: 'None', users: ['system:kube-proxy'], verbs: ['watch'] },
    {
      level: 'None',
      resources: [
        { group: CORE, resources: ['events'] },
        { group: 'events.k8s.io', resources: ['events'] },
      ],
    },
    // Bodies of these hold secrets: never more than who and when.
    {
      level: 'Metadata',
      resources: [
        { group: CORE, resources: ['secrets', 'configmaps', 'serviceaccounts/token'] },
        { group: 'authentication.k8s.io', resources: ['tokenreviews', 'tokenrequests'] },
      ],
    },
    ...(level === 'REQUEST' ? [{ level: 'Metadata', verbs: ['get', 'list', 'watch'] }, { level: 'Request' }] : [{ level: 'Metadata' }]),
  ],
});

const webhookOf = ({ url, caCertificate }: NonNullable<AuditSpec['webhook']>): object => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    {
      name: 'audit',
      cluster: {
        server: url,
        ...(caCertificate !== null && { 'certificate-authority-data': Buffer.from(caCertificate).toString('base64') }),
      },
    },
  ],
  contexts: [{ name: 'audit', context: { cluster: 'audit', user: '' } }],
  'current-context': 'audit',
});

/** Written once: there are only these. */
const policyTexts = { METADATA: stringify(policyOf('METADATA')), REQUEST: stringify(policyOf('REQUEST')) };
