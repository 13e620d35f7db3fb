/** `kubeadm join` as it happens on the wire: discovery with signature and pin, configuration, and the kubelet's certificate. */
import { createHash, timingSafeEqual, type X509Certificate } from 'node:crypto';
import { parse } from 'yaml';
import { signClusterInfo } from '../authentication.ts';
import { coversHost, parseCertificates } from '../hosted/pkiChecks.ts';
import { memoize } from '../memo.ts';
import { createNodeRequest } from '../nodeCertificates.ts';
import { at, type Dict, dict, dicts, text } from '../objects.ts';
import { type ApiAnswer, type ApiClient, createApiClient } from './apiClient.ts';
import type { JoinConfiguration } from './joinConfiguration.ts';

export interface Joined {
  server: string;
  caPem: string;
  certPem: string;
  keyPem: string;
  kubernetesVersion: string;
}

export interface JoinDeps {
  log: (line: string) => void;
  /** Rejects when the machine is switched off. */
  pause: (ms: number) => Promise<void>;
}

/** kubeadm's own limit for each wait. */
const WAIT_MS = 300_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2000;
/** The nodes of a cluster read the same few documents at about the same time. */
const parseYaml = memoize(300, (document): unknown => parse(document) ?? null);
const CLUSTER_INFO = '/api/v1/namespaces/kube-public/configmaps/cluster-info';

/** Asks again until the answer is there, with growing pauses; says each new reason once. */
const retry = async <T>(deps: JoinDeps, what: string, ask: () => Promise<T>): Promise<T> => {
  const until = Date.now() + WAIT_MS;
  let said = '';
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5)) {
    try {
      return await ask();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (error instanceof Fatal || Date.now() > until) throw new Error(`error execution phase preflight: ${what}: ${why}`);
      if (why !== said) deps.log(`[discovery] Retrying due to error: ${why}`);
      said = why;
      await deps.pause(pause);
    }
  }
};

/** No repetition would help. */
class Fatal extends Error {}

const expectOk = (answer: ApiAnswer): Dict => {
  if (answer.status < 300) return answer.body;
  throw new Error(text(answer.body.message) || `the server answered ${answer.status}`);
};

const pinOf = (certificate: X509Certificate): string =>
  `sha256:${createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')}`;

const sameText = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** The kubeconfig in cluster-info once its signature and the pin are right. */
const checkClusterInfo = (info: Dict, token: string, pins: string[]): { server: string; caPem: string } => {
  const [id = '', secret = ''] = token.split('.');
  const kubeconfig = text(at(info, 'data', 'kubeconfig'));
  const signature = text(at(info, 'data', `jws-kubeconfig-${id}`));
  if (signature === '')
    throw new Error(
      `there is no JWS signed token in the cluster-info ConfigMap. This token id "${id}" is invalid for this cluster, can't connect`,
    );
  if (!sameText(signature, signClusterInfo(kubeconfig, id, secret)))
    throw new Fatal("failed to verify JWS signature of received cluster info object, can't trust this API Server");
  const cluster = dict(dicts(dict(parseYaml(kubeconfig)).clusters)[0]?.cluster);
  const caPem = Buffer.from(text(cluster['certificate-authority-data']), 'base64').toString();
  const certificates = parseCertificates(caPem, 'cluster-info');
  if (pins.length > 0 && !certificates.some((c) => pins.some((p) => sameText(p.toLowerCase(), pinOf(c))))) {
    throw new Fatal(
      `cluster CA found in cluster-info ConfigMap is invalid: none of the public keys ${certificates.map((c) => `"${pinOf(c)}"`).join(',')} are pinned`,
    );
  }
  return { server: text(cluster.server), caPem };
};

/** kubeadm dials a second time with the CA it just learned. The certificate of the open connection is checked instead: it proves the same and spares a handshake. */
const trustServer = (client: ApiClient, server: string, caPem: string): void => {
  const certificate = client.serverCertificate();
  const host = new URL(server).hostname;
  const authorities = parseCertificates(caPem, 'cluster-info');
  if (!certificate || !authorities.some((a) => certificate.checkIssued(a) && certificate.verify(a.publicKey)))
    throw new Fatal('tls: failed to verify certificate: x509: certificate signed by unknown authority');
  if (!coversHost(certificate, host))
    throw new Fatal(
      `tls: failed to verify certificate: x509: certificate is valid for ${(certificate.subjectAltName ?? '').replaceAll(/(DNS|IP Address):/g, '')}, not ${host}`,
    );
  if (Date.now() > Date.parse(certificate.validTo) || Date.now() < Date.parse(certificate.validFrom))
    throw new Fatal('tls: failed to verify certificate: x509: certificate has expired or is not yet valid');
};

const discover = async (deps: JoinDeps, config: JoinConfiguration): Promise<{ client: ApiClient; server: string; caPem: string }> => {
  const { discovery } = config;
  if (discovery.kind === 'file')
    return { client: createApiClient(discovery.server, { caPem: discovery.caPem }), server: discovery.server, caPem: discovery.caPem };
  const first = `https://${discovery.endpoint}`;
  const client = createApiClient(first, undefined);
  try {
    const { server, caPem } = await retry(deps, "couldn't validate the identity of the API Server", async () =>
      checkClusterInfo(expectOk(await client.call('GET', CLUSTER_INFO)), discovery.token, discovery.unsafe ? [] : discovery.pins),
    );
    if (new URL(server).host !== new URL(first).host) {
      client.close();
      return { client: createApiClient(server, { caPem }), server, caPem };
    }
    trustServer(client, server, caPem);
    return { client, server, caPem };
  } catch (error) {
    client.close();
    throw error;
  }
};

const readConfigMap = async (client: ApiClient, token: string, name: string): Promise<Dict> => {
  const answer = await client.call('GET', `/api/v1/namespaces/kube-system/configmaps/${name}`, { token });
  if (answer.status >= 300)
    throw new Error(
      `error execution phase preflight: unable to fetch the ${name} ConfigMap: failed to get config map: ${text(answer.body.message) || answer.status}`,
    );
  return dict(answer.body.data);
};

const checkName = async (client: ApiClient, token: string, nodeName: string): Promise<void> => {
  const answer = await client.call('GET', `/api/v1/nodes/${encodeURIComponent(nodeName)}`, { token });
  if (answer.status === 404) return;
  if (answer.status >= 300)
    throw new Error(`error execution phase kubelet-start: cannot get Node "${nodeName}": ${text(answer.body.message)}`);
  const ready = dicts(at(answer.body, 'status', 'conditions')).some((c) => c.type === 'Ready' && c.status === 'True');
  if (ready)
    throw new Error(
      `error execution phase kubelet-start: a Node with name "${nodeName}" and status "Ready" already exists in the cluster. You must delete the existing Node or change the name of this new joining Node`,
    );
};

/** The kubelet's TLS bootstrap: key, request, and the wait for somebody to approve and sign it. */
const bootstrapTls = async (
  deps: JoinDeps,
  client: ApiClient,
  token: string,
  nodeName: string,
): Promise<{ certPem: string; keyPem: string }> => {
  const { keyPem, requestPem } = createNodeRequest('system:nodes', `system:node:${nodeName}`);
  const body = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'csr-' },
    spec: {
      request: Buffer.from(requestPem).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
    },
  };
  const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const posted = await client.call('POST', path, { token, body });
  if (posted.status >= 300)
    throw new Error(`error execution phase kubelet-start: cannot create certificate signing request: ${text(posted.body.message)}`);
  const until = Date.now() + WAIT_MS;
  for (let pause = 40; Date.now() < until; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.6)) {
    await deps.pause(pause);
    const answer = await client.call('GET', `${path}/${text(at(posted.body, 'metadata', 'name'))}`, { token });
    const certificate = text(at(answer.body, 'status', 'certificate'));
    if (certificate) return { certPem: Buffer.from(certificate, 'base64').toString(), keyPem };
  }
  throw new Error(
    'error execution phase kubelet-start: timed out waiting for the condition: the kubelet has no certificate: was its request approved?',
  );
};

const minorOf = (version: string): number => Number(/^v?1\.(\d+)\./.exec(version)?.[1] ?? 0);

/**
 * One run of kubeadm join, as far as it is the same for all; throws with the error that ends it. `own`: the machine's kubelet and kubeadm; null: the
 * cluster's version.
 */
export const runKubeadmJoin = async (
  deps: JoinDeps,
  config: JoinConfiguration,
  own: string | null,
): Promise<{ access: Joined; clusterConfiguration: Dict }> => {
  deps.log('[preflight] Running pre-flight checks');
  const { client, server, caPem } = await discover(deps, config);
  try {
    deps.log('[preflight] Reading configuration from the "kubeadm-config" ConfigMap in namespace "kube-system"...');
    const cluster = await readConfigMap(client, config.bootstrapToken, 'kubeadm-config');
    const clusterConfiguration = dict(parseYaml(text(cluster.ClusterConfiguration)));
    const clusterVersion = text(clusterConfiguration.kubernetesVersion);
    const kubernetesVersion = own ?? clusterVersion;
    if (minorOf(kubernetesVersion) > minorOf(clusterVersion))
      throw new Error(
        `error execution phase preflight: [preflight] Some fatal errors occurred:\n\t[ERROR KubeletVersion]: the kubelet version is higher than the control plane version. This is not a supported version skew and may lead to a malfunctional cluster. Kubelet version: "${kubernetesVersion}" Control plane version: "${clusterVersion}"`,
      );
    const kubelet = await readConfigMap(client, config.bootstrapToken, 'kubelet-config');
    if (dict(parseYaml(text(kubelet.kubelet))).kind !== 'KubeletConfiguration')
      throw new Error('error execution phase preflight: the ConfigMap kubelet-config holds no KubeletConfiguration');
    await checkName(client, config.bootstrapToken, config.nodeName);
    deps.log('[kubelet-start] Writing kubelet configuration to file "/var/lib/kubelet/config.yaml"');
    deps.log('[kubelet-start] Starting the kubelet');
    deps.log('[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap');
    const pair = await bootstrapTls(deps, client, config.bootstrapToken, config.nodeName);
    return { access: { server, caPem, kubernetesVersion, ...pair }, clusterConfiguration };
  } finally {
    client.close();
  }
};
