/** What the controller manager does for joining nodes: approves and signs their requests, signs cluster-info, and removes tokens that have expired. */
import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { findBootstrapToken, signClusterInfo } from '../authentication.ts';
import { type Cluster, writeBack } from '../cluster.ts';
import { CONFIG_MAP, CSR, SECRET } from '../kinds.ts';
import { type Dict, dict, dicts, type KubeObject, sameJson, spec, status, text, texts, timestamp } from '../objects.ts';
import { isAllowed } from '../rbac.ts';

const KUBELET_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
const DAY_MS = 86_400_000;
const DEFAULT_TTL_SECONDS = 365 * 86_400;

export interface Authority {
  certPem: string;
  keyPem: string;
}

const signingKeys = new Map<string, Promise<webcrypto.CryptoKey>>();

/** Imported once: the key of a cluster signs for each of its nodes. */
const importKey = (keyPem: string): Promise<webcrypto.CryptoKey> => {
  const known = signingKeys.get(keyPem);
  if (known) return known;
  const made = importPkcs8(keyPem);
  signingKeys.set(keyPem, made);
  return made;
};

const importPkcs8 = (keyPem: string): Promise<webcrypto.CryptoKey> => {
  const key = createPrivateKey(keyPem);
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const algorithm =
    key.asymmetricKeyType === 'ec' ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
};

const decodeRequest = (request: KubeObject): x509.Pkcs10CertificateRequest =>
  new x509.Pkcs10CertificateRequest(Buffer.from(text(spec(request).request), 'base64').toString());

const approved = (request: KubeObject): boolean =>
  dicts(status(request).conditions).some((c) => c.type === 'Approved' && c.status === 'True');
const denied = (request: KubeObject): boolean => dicts(status(request).conditions).some((c) => c.type === 'Denied' || c.type === 'Failed');

/** Approves a kubelet's request when its maker may have one (the nodeclient or selfnodeclient right). */
export const approveRequest = (cluster: Cluster, request: KubeObject): void => {
  if (approved(request) || denied(request) || spec(request).signerName !== KUBELET_SIGNER) return;
  const subject = decodeRequest(request).subjectName;
  const [name = '', organisation = ''] = [subject.getField('CN')[0], subject.getField('O')[0]];
  if (!name.startsWith('system:node:') || organisation !== 'system:nodes') return;
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

const usagesOf = (request: KubeObject): x509.ExtendedKeyUsageExtension =>
  new x509.ExtendedKeyUsageExtension(
    texts(spec(request).usages).includes('server auth') ? ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'] : ['1.3.6.1.5.5.7.3.2'],
  );

/** Signs an approved request with the cluster's authority. */
export const signRequest = async (cluster: Cluster, request: KubeObject, authority: Authority): Promise<void> => {
  if (!approved(request) || status(request).certificate !== undefined) return;
  const asked = decodeRequest(request);
  const issuer = new x509.X509Certificate(authority.certPem);
  const ttlSeconds = typeof spec(request).expirationSeconds === 'number' ? Number(spec(request).expirationSeconds) : DEFAULT_TTL_SECONDS;
  const end = Math.min(cluster.now() + ttlSeconds * 1000, issuer.notAfter.getTime());
  const signingKey = await importKey(authority.keyPem);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `00${randomBytes(8).toString('hex')}`,
    subject: asked.subject,
    issuer: issuer.subject,
    notBefore: new Date(cluster.now() - DAY_MS / 288),
    notAfter: new Date(end),
    publicKey: asked.publicKey,
    signingKey,
    signingAlgorithm: { name: signingKey.algorithm.name, hash: 'SHA-256' },
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      usagesOf(request),
      new x509.BasicConstraintsExtension(false, undefined, true),
    ],
  });
  const live = cluster.store.get(CSR, '', request.metadata.name);
  if (live)
    writeBack(cluster, CSR, {
      ...live,
      status: { ...status(live), certificate: Buffer.from(`${certificate.toString('pem')}\n`).toString('base64') },
    });
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
