/** Who is calling: client certificate, bootstrap token, service account token, or nobody in particular. */
import { createHash, createHmac, createPrivateKey, createPublicKey, type KeyObject, sign, timingSafeEqual, verify } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Cluster, TokenKeys, User } from './cluster.ts';
import { SECRET, SERVICE_ACCOUNT } from './kinds.ts';
import { memoize } from './memo.ts';
import { type Dict, dict, isDict, text } from './objects.ts';

export interface Authentication {
  bootstrapTokens: boolean;
  /** Paths that may be asked without credentials; 'any' or 'none' without an AuthenticationConfiguration. */
  anonymous: 'any' | 'none' | readonly string[];
  /** Asked about tokens that are nobody's otherwise. */
  webhook?: ((token: string) => Promise<User | undefined>) | undefined;
}

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
export const authenticated = (user: User): User => ({ ...user, groups: [...user.groups, 'system:authenticated'] });

/** The user a client certificate names; 'bad' for one that the client CA did not sign or that is out of date. */
const certificateUser = (socket: TLSSocket): User | 'bad' | undefined => {
  const subject = socket.getPeerCertificate().subject as unknown as Dict | undefined;
  if (!isDict(subject)) return undefined;
  if (!socket.authorized) return 'bad';
  const organisations = Array.isArray(subject.O) ? subject.O : [subject.O];
  return authenticated({ name: text(subject.CN), groups: organisations.filter((o): o is string => typeof o === 'string') });
};

const equal = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
const decoded = (secret: Dict, key: string): string => Buffer.from(text(secret[key]), 'base64').toString();

/** The Secret of a bootstrap token that is in force for a use; undefined when missing, wrong or expired. */
export const findBootstrapToken = (cluster: Cluster, token: string, usage: 'authentication' | 'signing'): Dict | undefined => {
  const parts = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token);
  const object = parts && cluster.store.get(SECRET, 'kube-system', `bootstrap-token-${parts[1]}`);
  if (!parts || !object || object.type !== 'bootstrap.kubernetes.io/token' || object.metadata.deletionTimestamp) return undefined;
  const data = dict(object.data);
  const expiration = decoded(data, 'expiration');
  const alive = expiration === '' || Date.parse(expiration) > cluster.now();
  const right = equal(decoded(data, 'token-id'), parts[1] ?? '') && equal(decoded(data, 'token-secret'), parts[2] ?? '');
  return alive && right && decoded(data, `usage-bootstrap-${usage}`) === 'true' ? data : undefined;
};

const bootstrapUser = (cluster: Cluster, token: string): User | undefined => {
  const data = findBootstrapToken(cluster, token, 'authentication');
  if (!data) return undefined;
  const extra = decoded(data, 'auth-extra-groups')
    .split(',')
    .filter((g) => g.startsWith('system:bootstrappers:'));
  return authenticated({ name: `system:bootstrap:${decoded(data, 'token-id')}`, groups: ['system:bootstrappers', ...extra] });
};

const base64Url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const algorithmOf = (key: KeyObject): 'ES256' | 'RS256' => (key.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256');

/** Kubernetes' own: the hash of the public key. */
const keyIdOf = memoize(2000, (keyPem): string =>
  createHash('sha256')
    .update(createPublicKey(keyPem).export({ type: 'spki', format: 'der' }))
    .digest('base64url'),
);

/** A service account token as TokenRequest makes it. `ttlSeconds` from now. */
export const signServiceAccountToken = (
  keys: TokenKeys,
  account: { namespace: string; name: string; uid: string },
  nowMs: number,
  ttlSeconds: number,
): string => {
  const key = createPrivateKey(keys.signingKeyPem);
  const now = Math.floor(nowMs / 1000);
  const claims = {
    iss: keys.issuer,
    aud: [keys.issuer],
    sub: `system:serviceaccount:${account.namespace}:${account.name}`,
    iat: now,
    nbf: now,
    exp: now + ttlSeconds,
    'kubernetes.io': { namespace: account.namespace, serviceaccount: { name: account.name, uid: account.uid } },
  };
  const input = `${base64Url({ alg: algorithmOf(key), kid: keyIdOf(keys.signingKeyPem) })}.${base64Url(claims)}`;
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
};

const serviceAccountUser = (cluster: Cluster, token: string): User | undefined => {
  const [head, body, signature] = token.split('.');
  if (!cluster.tokenKeys || !head || !body || !signature) return undefined;
  const right = cluster.tokenKeys.verifyKeyPems.some((pem) =>
    verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    ),
  );
  if (!right) return undefined;
  const claims = dict(JSON.parse(Buffer.from(body, 'base64url').toString()));
  const account = dict(dict(claims['kubernetes.io']).serviceaccount);
  const namespace = text(dict(claims['kubernetes.io']).namespace);
  const live = cluster.store.get(SERVICE_ACCOUNT, namespace, text(account.name));
  if (Number(claims.exp) * 1000 < cluster.now() || claims.iss !== cluster.tokenKeys.issuer || live?.metadata.uid !== account.uid)
    return undefined;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  return authenticated({ name: text(claims.sub), uid: text(account.uid), groups });
};

/** The user behind a bearer token; undefined: 401. */
const tokenUser = (cluster: Cluster, options: Authentication, token: string): User | undefined => {
  if (token.split('.').length === 3) return serviceAccountUser(cluster, token);
  return options.bootstrapTokens ? bootstrapUser(cluster, token) : undefined;
};

/** The same, with the webhook's word on it. */
export const anyTokenUser = async (cluster: Cluster, options: Authentication, token: string): Promise<User | undefined> =>
  tokenUser(cluster, options, token) ?? (await options.webhook?.(token));

const certificateUsers = new WeakMap<TLSSocket, User | 'bad' | 'none'>();

/** The caller of a request; undefined means 401. Certificates are looked at once per connection. */
export const authenticate = (
  cluster: Cluster,
  options: Authentication,
  request: IncomingMessage,
  path: string,
): User | undefined | Promise<User | undefined> => {
  const socket = request.socket as TLSSocket;
  const known = certificateUsers.get(socket) ?? certificateUser(socket) ?? 'none';
  certificateUsers.set(socket, known);
  if (known !== 'none' && known !== 'bad') return known;
  const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer) return anyTokenUser(cluster, options, bearer);
  if (known === 'bad' || request.headers.authorization) return undefined;
  if (options.anonymous === 'none') return undefined;
  return options.anonymous === 'any' || options.anonymous.includes(path) ? ANONYMOUS : undefined;
};

/** The detached JWS over cluster-info that the bootstrap signer makes and kubeadm checks: HS256, key id = token id. */
export const signClusterInfo = (kubeconfig: string, tokenId: string, tokenSecret: string): string => {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: tokenId })).toString('base64url');
  const payload = Buffer.from(kubeconfig).toString('base64url');
  const signature = createHmac('sha256', `${tokenId}.${tokenSecret}`).update(`${header}.${payload}`).digest('base64url');
  return `${header}..${signature}`;
};
