/** What the controller manager does for joining nodes: approves and signs their requests, signs cluster-info, and removes tokens that have expired. */
import { findBootstrapToken, signClusterInfo } from '../authentication.ts';
import { type Cluster, writeBack } from '../cluster.ts';
import { CONFIG_MAP, CSR, SECRET } from '../kinds.ts';
import { type Authority, type NodeRequest, readNodeRequest, signNodeRequest } from '../nodeCertificates.ts';
import { type Dict, dict, dicts, type KubeObject, number, sameJson, spec, status, text, texts, timestamp } from '../objects.ts';
import { isAllowed } from '../rbac.ts';

const KUBELET_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
/** Clocks of nodes may be a little behind. */
const BACKDATE_MS = 300_000;
const DEFAULT_TTL_SECONDS = 365 * 86_400;

const requestOf = (request: KubeObject): NodeRequest => readNodeRequest(Buffer.from(text(spec(request).request), 'base64').toString());

const approved = (request: KubeObject): boolean =>
  dicts(status(request).conditions).some((c) => c.type === 'Approved' && c.status === 'True');
const denied = (request: KubeObject): boolean => dicts(status(request).conditions).some((c) => c.type === 'Denied' || c.type === 'Failed');

/** Approves a kubelet's request when its maker may have one (the nodeclient or selfnodeclient right). */
export const approveRequest = (cluster: Cluster, request: KubeObject): void => {
  if (approved(request) || denied(request) || spec(request).signerName !== KUBELET_SIGNER) return;
  const { commonName: name, organizations } = requestOf(request);
  if (!name.startsWith('system:node:') || organizations[0] !== 'system:nodes') return;
  const user = { name: text(spec(request).username), groups: texts(spec(request).groups) };
  const may = (subresource: string): boolean =>
    isAllowed(cluster, user, { verb: 'create', group: CSR.group, resource: CSR.plural, subresource });
  const self = user.name === name && may('selfnodeclient');
  if (!self && !may('nodeclient')) return;
  const message = self
    ? 'Auto approving self kubelet client certificate after SubjectAccessReview.'
    : 'Auto approving kubelet client certificate after SubjectAccessReview.';
  const now = timestamp(cluster.now());
  writeBack(cluster, CSR, {
    ...request,
    status: {
      ...status(request),
      conditions: [
        ...dicts(status(request).conditions),
        { type: 'Approved', status: 'True', reason: 'AutoApproved', message, lastUpdateTime: now, lastTransitionTime: now },
      ],
    },
  });
};

/** Signs an approved request with the cluster's authority. */
export const signRequest = (cluster: Cluster, request: KubeObject, authority: Authority): void => {
  if (!approved(request) || status(request).certificate !== undefined) return;
  const ttlSeconds = number(spec(request).expirationSeconds, DEFAULT_TTL_SECONDS);
  const certificate = signNodeRequest(authority, requestOf(request), {
    notBeforeMs: cluster.now() - BACKDATE_MS,
    notAfterMs: cluster.now() + ttlSeconds * 1000,
    forServers: texts(spec(request).usages).includes('server auth'),
  });
  writeBack(cluster, CSR, { ...request, status: { ...status(request), certificate: Buffer.from(certificate).toString('base64') } });
};

const JWS = 'jws-kubeconfig-';
const TOKEN_TYPE = 'bootstrap.kubernetes.io/token';
const decode = (data: Dict, key: string): string => Buffer.from(text(data[key]), 'base64').toString();

const tokensOf = (cluster: Cluster): KubeObject[] => cluster.store.list(SECRET, 'kube-system').filter((s) => s.type === TOKEN_TYPE);

/** Keeps one signature per signing token in kube-public/cluster-info. */
export const signTokens = (cluster: Cluster): void => {
  const info = cluster.store.get(CONFIG_MAP, 'kube-public', 'cluster-info');
  if (!info) return;
  const data = dict(info.data);
  const kubeconfig = text(data.kubeconfig);
  const kept = Object.entries(data).filter(([key]) => !key.startsWith(JWS));
  const signatures = tokensOf(cluster).flatMap((secret) => {
    const [id, token] = [decode(dict(secret.data), 'token-id'), decode(dict(secret.data), 'token-secret')];
    return findBootstrapToken(cluster, `${id}.${token}`, 'signing') ? [[`${JWS}${id}`, signClusterInfo(kubeconfig, id, token)]] : [];
  });
  const next = Object.fromEntries([...kept, ...signatures]);
  if (!sameJson(next, data)) cluster.store.put(CONFIG_MAP, { ...info, data: next });
};

/** Deletes expired tokens. Returns the milliseconds until the next one expires, or undefined when none will. */
export const cleanTokens = (cluster: Cluster): number | undefined => {
  let next: number | undefined;
  for (const secret of tokensOf(cluster)) {
    const left = Date.parse(decode(dict(secret.data), 'expiration')) - cluster.now();
    if (left <= 0) cluster.store.remove(SECRET, 'kube-system', secret.metadata.name);
    else if (!Number.isNaN(left)) next = Math.min(next ?? left, left);
  }
  return next;
};
