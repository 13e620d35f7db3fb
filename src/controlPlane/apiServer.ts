/** The cluster's API server: files, configuration and Deployment. */

import { stringify } from 'yaml';
import { ownIssuer } from '../domain/issuer.ts';
import type { ClusterPki } from '../pki/bundle.ts';
import { buildAudit } from './audit.ts';
import { buildAuthenticationConfig } from './authentication.ts';
import { buildDisruptionBudget } from './availability.ts';
import { etcdMembersOf, type HostedCluster, namesOf, type ReachableCluster, serviceRangesOf } from './hostedCluster.ts';
import { imageOf } from './images.ts';
import { buildTokenWebhook } from './keystoneAuth.ts';
import { buildEgressSelection, buildKonnectivitySidecar } from './konnectivity.ts';
import { type KubernetesObject, seedMeta } from './object.ts';
import { buildApiServerSecret, buildKonnectivitySecret } from './secrets.ts';
import { SERVING } from './serving.ts';
import { buildDeployment } from './workload.ts';

/** It serves on after SIGTERM, with its readiness gone: whoever sends it requests has as long to see it. */
const DRAIN_SECONDS = 10;
/** The default of --request-timeout. */
const LONGEST_REQUEST_SECONDS = 60;

const FILES = '/etc/kubernetes/pki';
const CONFIG = '/etc/kubernetes/config';
const EGRESS = 'egress-selector.yaml';

/** Secrets, ConfigMap, Deployment and disruption budget; the Service is apart (`endpoint.ts`), for its address comes first. */
export const buildApiServer = (cluster: ReachableCluster, pki: ClusterPki): KubernetesObject[] => {
  const files = buildApiServerSecret(cluster, pki);
  const audit = buildAudit(cluster.audit, CONFIG);
  const tokens = buildTokenWebhook(cluster, pki, CONFIG);
  const config = buildConfig(cluster, { ...audit.files, ...tokens.files });
  const tunnelFiles = cluster.tunnel === 'NONE' ? null : buildKonnectivitySecret(cluster, pki);
  const deployment = buildDeployment(cluster, {
    component: 'kube-apiserver',
    name: namesOf(cluster).apiServer,
    image: imageOf(cluster, 'kube-apiserver'),
    replicas: cluster.apiServerReplicas,
    command: [...commandOf(cluster), ...audit.flags, ...tokens.flags],
    port: cluster.endpoint.port,
    probes: { live: '/livez', ready: '/readyz' },
    mounts: [
      { volume: 'files', path: FILES, source: files },
      { volume: 'config', path: CONFIG, source: config },
    ],
    resources: cluster.resources.apiServer,
    graceSeconds: DRAIN_SECONDS + LONGEST_REQUEST_SECONDS + 5,
    ...(tunnelFiles === null ? {} : { sidecar: buildKonnectivitySidecar(cluster, tunnelFiles) }),
  });
  return [
    files,
    ...(tunnelFiles === null ? [] : [tunnelFiles]),
    config,
    deployment,
    ...buildDisruptionBudget(cluster, 'kube-apiserver', namesOf(cluster).apiServer, cluster.apiServerReplicas),
  ];
};

const buildConfig = (cluster: HostedCluster, more: Record<string, string>): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: seedMeta(cluster, `${namesOf(cluster).apiServer}-config`, 'kube-apiserver'),
  data: {
    'authentication.yaml': buildAuthenticationConfig(cluster.issuers),
    ...more,
    ...(cluster.tunnel === 'NONE' ? {} : { [EGRESS]: stringify(buildEgressSelection()) }),
  },
});

const commandOf = (cluster: ReachableCluster): string[] => [
  'kube-apiserver',
  // The tenant sees advertise-address:secure-port behind its `kubernetes` Service, so both are the public ones.
  `--advertise-address=${cluster.endpoint.host}`,
  `--secure-port=${cluster.endpoint.port}`,
  '--bind-address=0.0.0.0',
  '--allow-privileged=true',
  '--authorization-mode=Node,RBAC',
  '--enable-admission-plugins=NodeRestriction',
  '--enable-bootstrap-token-auth=true',
  `--authentication-config=${CONFIG}/authentication.yaml`,
  `--client-ca-file=${FILES}/ca.crt`,
  `--tls-cert-file=${FILES}/apiserver.crt`,
  `--tls-private-key-file=${FILES}/apiserver.key`,
  `--kubelet-client-certificate=${FILES}/apiserver-kubelet-client.crt`,
  `--kubelet-client-key=${FILES}/apiserver-kubelet-client.key`,
  '--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname',
  `--proxy-client-cert-file=${FILES}/front-proxy-client.crt`,
  `--proxy-client-key-file=${FILES}/front-proxy-client.key`,
  `--requestheader-client-ca-file=${FILES}/front-proxy-ca.crt`,
  '--requestheader-allowed-names=front-proxy-client',
  '--requestheader-extra-headers-prefix=X-Remote-Extra-',
  '--requestheader-group-headers=X-Remote-Group',
  '--requestheader-username-headers=X-Remote-User',
  `--service-account-issuer=${ownIssuer(cluster.dnsDomain)}`,
  `--service-account-key-file=${FILES}/sa.pub`,
  `--service-account-signing-key-file=${FILES}/sa.key`,
  `--service-cluster-ip-range=${serviceRangesOf(cluster)}`,
  // Each by its name: the client then knows which one does not answer, where a Service would go on sending it there.
  `--etcd-servers=${etcdMembersOf(cluster, cluster.etcd.endpoints)
    .map(({ host }) => `https://${host}:2379`)
    .join(',')}`,
  `--etcd-cafile=${FILES}/etcd-ca.crt`,
  `--etcd-certfile=${FILES}/apiserver-etcd-client.crt`,
  `--etcd-keyfile=${FILES}/apiserver-etcd-client.key`,
  ...(cluster.tunnel === 'NONE' ? [] : [`--egress-selector-config-file=${CONFIG}/${EGRESS}`]),
  `--encryption-provider-config=${FILES}/encryption.yaml`,
  `--shutdown-delay-duration=${DRAIN_SECONDS}s`,
  // After the delay late requests on open connections are told to come again, instead of being cut off.
  '--shutdown-send-retry-after=true',
  // Connections live for days, and after a roll-out all would be with the same server; of one server nobody can go away.
  ...(cluster.apiServerReplicas > 1 ? ['--goaway-chance=0.001'] : []),
  ...SERVING,
];
