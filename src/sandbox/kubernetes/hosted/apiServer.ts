/** A simulated kube-apiserver: everything the real one insists on before it serves, then what its flags say to the world. */
import { isIP } from 'node:net';
import { parse } from 'yaml';
import { parseCidrV6, parseRanges } from '../addresses.ts';
import type { Authentication } from '../authentication.ts';
import type { Cluster, TokenKeys } from '../cluster.ts';
import { array, type Dict, dict, dicts, namespaceOf, text } from '../objects.ts';
import type { SealingKeys } from '../sealing.ts';
import { type CommandLine, checkCommandLine, fileOf, versionOf } from './commandLine.ts';
import { readEncryption } from './encryptionConfig.ts';
import { dialEtcd, type EtcdMember, type EtcdRegistry, refusalOf } from './etcd.ts';
import { parseCertificates, parsePair, publicKeyText, requireUsage } from './pkiChecks.ts';
import { messageOf, type Process } from './process.ts';
import { readTokenWebhook, type Webhooks } from './tokenWebhook.ts';
import { readTunnelServer, type TunnelServer } from './tunnel.ts';

export interface ApiServerConfig {
  podUid: string;
  podName: string;
  namespace: string;
  version: string;
  port: number;
  advertiseAddress: string;
  certPem: string;
  keyPem: string;
  clientCaPem: string;
  /** What it shows to kubelets; undefined: nothing. */
  kubeletClientPem: string | undefined;
  /** Of IPv4, and after a comma that of IPv6 if there is one. */
  serviceCidr: string;
  authentication: Authentication;
  tokenKeys: TokenKeys;
  sealing: SealingKeys;
  /** Undefined: it dials nodes and pods itself. */
  tunnel: TunnelServer | undefined;
}

const readAuthentication = (line: CommandLine): Authentication => {
  const bootstrapTokens = line.flag('enable-bootstrap-token-auth') === 'true';
  const path = line.flag('authentication-config');
  if (path === undefined) return { bootstrapTokens, anonymous: line.flag('anonymous-auth') === 'false' ? 'none' : 'any' };
  const config = dict(parse(fileOf(line, 'authentication-config')));
  if (
    config.kind !== 'AuthenticationConfiguration' ||
    !/^apiserver\.(config\.)?k8s\.io\/v1(beta1|alpha1)?$/.test(text(config.apiVersion))
  ) {
    throw new Error(
      `failed to load authentication configuration from file "${path}": no kind "${text(config.kind)}" is registered for version "${text(config.apiVersion)}"`,
    );
  }
  if (line.flag('anonymous-auth') !== undefined)
    throw new Error('--anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file');
  for (const jwt of dicts(config.jwt)) checkIssuer(jwt, line.flag('service-account-issuer'));
  const anonymous = dict(config.anonymous);
  if (config.anonymous !== undefined && anonymous.enabled !== true) return { bootstrapTokens, anonymous: 'none' };
  const paths = dicts(anonymous.conditions).map((c) => text(c.path));
  return { bootstrapTokens, anonymous: paths.length > 0 ? paths : 'any' };
};

/** What the API server would refuse at its start. */
const checkIssuer = (jwt: Dict, own: string | undefined): void => {
  const [issuer, { username }] = [dict(jwt.issuer), dict(jwt.claimMappings)];
  const invalid = (field: string, what: string): Error => new Error(`invalid authentication configuration: jwt[0].${field}: ${what}`);
  if (!text(issuer.url).startsWith('https://')) throw invalid('issuer.url', 'URL scheme must be https');
  if (text(issuer.url).includes('?')) throw invalid('issuer.url', 'URL must not contain a query');
  if (issuer.url === own) throw invalid('issuer.url', `URL must not overlap with disallowed issuers: [${own}]`);
  const audiences = array(issuer.audiences);
  if (audiences.length === 0) throw invalid('issuer.audiences', 'Required value: at least one jwt[0].issuer.audiences is required');
  if (audiences.length > 1 && issuer.audienceMatchPolicy !== 'MatchAny')
    throw invalid('issuer.audienceMatchPolicy', 'audienceMatchPolicy must be MatchAny for multiple audiences');
  if (text(dict(username).claim) === '') throw invalid('claimMappings.username', 'claim or expression is required');
  for (const name of ['username', 'groups'])
    if (text(dict(dict(jwt.claimMappings)[name]).claim) !== '' && dict(dict(jwt.claimMappings)[name]).prefix === undefined)
      throw invalid(
        `claimMappings.${name}.prefix`,
        'Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing',
      );
  if (issuer.certificateAuthority !== undefined) parseCertificates(text(issuer.certificateAuthority), 'jwt[0].issuer.certificateAuthority');
};

const checkAudit = (line: CommandLine): void => {
  if (line.flag('audit-policy-file') !== undefined) {
    const policy = dict(parse(fileOf(line, 'audit-policy-file')));
    if (policy.apiVersion !== 'audit.k8s.io/v1' || policy.kind !== 'Policy' || dicts(policy.rules).length === 0)
      throw new Error(
        `loading audit policy file: failed decoding: no kind "${text(policy.kind)}" with rules in "${text(policy.apiVersion)}"`,
      );
  }
  if (line.flag('audit-webhook-config-file') === undefined) return;
  const config = dict(parse(fileOf(line, 'audit-webhook-config-file')));
  const server = text(dict(dicts(config.clusters)[0]?.cluster).server);
  if (!URL.canParse(server) || text(config['current-context']) === '')
    throw new Error('initializing audit webhook: invalid configuration: no server found for cluster');
};

const readTokenKeys = (line: CommandLine): TokenKeys => {
  const issuer = line.flag('service-account-issuer');
  if (!issuer) throw new Error('service-account-issuer is a required flag');
  const signingKeyPem = fileOf(line, 'service-account-signing-key-file');
  publicKeyText(signingKeyPem, 'failed to parse service-account-issuer-key-file');
  const verify = fileOf(line, 'service-account-key-file').match(/-----BEGIN [A-Z ]+-----[\s\S]+?-----END [A-Z ]+-----/g) ?? [];
  const verifyKeyPems = verify.map((pem) => publicKeyText(pem, 'invalid authentication config: parsing service account key file'));
  if (verifyKeyPems.length === 0)
    throw new Error('invalid authentication config: data does not contain any valid RSA or ECDSA public keys');
  return { issuer, signingKeyPem, verifyKeyPems };
};

const inspect = (seed: Cluster, webhooks: Webhooks, line: CommandLine): ApiServerConfig => {
  checkCommandLine(line);
  checkAudit(line);
  const [advertiseAddress, port] = [line.flag('advertise-address') ?? '', Number(line.flag('secure-port') ?? 6443)];
  if (!isIP(advertiseAddress)) throw new Error(`invalid argument "${advertiseAddress}" for "--advertise-address" flag: failed to parse IP`);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`--secure-port ${line.flag('secure-port')} must be between 1 and 65535, inclusive. It cannot be turned off with 0`);
  const serviceCidr = line.flag('service-cluster-ip-range') ?? '';
  const ranges = parseRanges(serviceCidr);
  if (ranges === undefined) throw new Error(`service-cluster-ip-range is not a valid cidr: "${serviceCidr}"`);
  if (ranges.ipv6 !== undefined && (parseCidrV6(ranges.ipv6)?.prefix ?? 0) < 108)
    throw new Error('specified --secondary-service-cluster-ip-range is too large; for 128-bit addresses, the mask must be >= 108');
  if (!(line.flag('authorization-mode') ?? '').split(',').includes('RBAC') && line.flag('authorization-config') === undefined)
    throw new Error('the sandbox evaluates RBAC only: --authorization-mode must contain RBAC');
  const [certPem, keyPem, clientCaPem] = [
    fileOf(line, 'tls-cert-file'),
    fileOf(line, 'tls-private-key-file'),
    fileOf(line, 'client-ca-file'),
  ];
  requireUsage(parsePair(certPem, keyPem, 'failed to load serving certificate'), 'server', 'serving certificate');
  parseCertificates(clientCaPem, 'unable to load client CA file');
  for (const [cert, key] of [
    ['kubelet-client-certificate', 'kubelet-client-key'],
    ['proxy-client-cert-file', 'proxy-client-key-file'],
  ] as const)
    if (line.flag(cert)) parsePair(fileOf(line, cert), fileOf(line, key), `--${cert}`);
  return {
    podUid: line.pod.metadata.uid,
    podName: line.pod.metadata.name,
    namespace: namespaceOf(line.pod),
    version: versionOf(line),
    port,
    advertiseAddress,
    certPem,
    keyPem,
    clientCaPem,
    kubeletClientPem: line.flag('kubelet-client-certificate') && fileOf(line, 'kubelet-client-certificate'),
    serviceCidr,
    authentication: { ...readAuthentication(line), webhook: readTokenWebhook(seed, webhooks, line) },
    tokenKeys: readTokenKeys(line),
    sealing: readEncryption(line),
    tunnel: readTunnelServer(seed, line, { port, clientCaPem }),
  };
};

/** The etcd member that the flags lead to, with both sides' certificates checked. Throws what the API server logs while it cannot connect. */
const connectEtcd = (seed: Cluster, registry: EtcdRegistry, line: CommandLine): EtcdMember => {
  const problems: string[] = [];
  const access = { caPem: fileOf(line, 'etcd-cafile'), certPem: fileOf(line, 'etcd-certfile'), keyPem: fileOf(line, 'etcd-keyfile') };
  for (const server of (line.flag('etcd-servers') ?? '').split(',').filter(Boolean)) {
    try {
      const member = dialEtcd(seed, registry, line.pod, server, access);
      const refusal = refusalOf(registry, member);
      if (refusal !== undefined) throw new Error(refusal);
      return member;
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  throw new Error(problems[0] ?? '--etcd-servers must be specified');
};

/** Starts an API server; throws when its flags or files are wrong. `serve` and `withdraw` tell the plane behind its etcd data. */
export const startApiServer = (
  seed: Cluster,
  registry: EtcdRegistry,
  webhooks: Webhooks,
  line: CommandLine,
  plane: { serve: (config: ApiServerConfig, dataId: string) => void; withdraw: (podUid: string) => void },
): Process => {
  if (line.flag('etcd-servers') === undefined) throw new Error('--etcd-servers must be specified');
  const config = inspect(seed, webhooks, line);
  return {
    check() {
      try {
        plane.serve(config, connectEtcd(seed, registry, line).cluster.dataId);
        return { state: 'ready' };
      } catch (error) {
        plane.withdraw(config.podUid);
        return {
          state: 'waiting',
          log: `Err: connection error: desc = "transport: authentication handshake failed or no connection: ${messageOf(error)}"`,
        };
      }
    },
    stop: () => plane.withdraw(config.podUid),
  };
};
