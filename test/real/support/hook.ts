/** An HTTPS server inside a cluster that the API server must reach: as an admission webhook and as an aggregated API. */
import { readFileSync } from 'node:fs';
import { run } from './run.ts';

const LABELS = { app: 'hook' };
const HOST = 'hook.default.svc';
const GROUP = 'lab.seedbed.test';

/** Deployment, Service and certificate; `folder` for the files that openssl writes. */
export const hookObjects = async (folder: string): Promise<{ server: object[]; registrations: object[] }> => {
  const [cert, key] = [`${folder}/hook.crt`, `${folder}/hook.key`];
  const request = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', `/CN=${HOST}`];
  await run('openssl', ['req', '-x509', ...request, '-addext', `subjectAltName=DNS:${HOST}`, '-keyout', key, '-out', cert]);
  const caBundle = readFileSync(cert).toString('base64');
  const service = { name: 'hook', namespace: 'default', port: 443 };
  return {
    server: [
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'hook', namespace: 'default' },
        data: { 'tls.crt': caBundle, 'tls.key': readFileSync(key).toString('base64') },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'hook', namespace: 'default' },
        spec: { selector: LABELS, ports: [{ port: 443, targetPort: 8443 }] },
      },
      deployment(),
    ],
    registrations: [
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'hook' },
        webhooks: [
          {
            name: `admit.${GROUP}`,
            clientConfig: { service: { ...service, path: '/admit' }, caBundle },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
            failurePolicy: 'Fail',
            sideEffects: 'None',
            timeoutSeconds: 10,
            admissionReviewVersions: ['v1'],
          },
        ],
      },
      {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: `v1.${GROUP}` },
        spec: { group: GROUP, version: 'v1', groupPriorityMinimum: 100, versionPriority: 100, caBundle, service },
      },
    ],
  };
};

const deployment = (): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'hook', namespace: 'default' },
  spec: {
    replicas: 1,
    selector: { matchLabels: LABELS },
    template: {
      metadata: { labels: LABELS },
      spec: {
        containers: [
          {
            name: 'hook',
            image: 'seedbed.test/hook:1',
            imagePullPolicy: 'IfNotPresent',
            command: ['/hook', '/tls/tls.crt', '/tls/tls.key'],
            readinessProbe: { httpGet: { path: '/healthz', port: 8443, scheme: 'HTTPS' }, periodSeconds: 1 },
            resources: { requests: { cpu: '10m', memory: '16Mi' } },
            volumeMounts: [{ name: 'tls', mountPath: '/tls', readOnly: true }],
          },
        ],
        volumes: [{ name: 'tls', secret: { secretName: 'hook' } }],
      },
    },
  },
});
