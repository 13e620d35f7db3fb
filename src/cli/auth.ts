/** Logging in to Keystone as every OpenStack client does: by OS_* variables or by clouds.yaml. */
import { readFileSync } from 'node:fs';
import { ClientError } from '../client/errors.ts';
import { postJson } from '../client/post.ts';
import { type Places, readCloud } from './cloudsYaml.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Login {
  /** Keystone's v3 address; null when a token is used as it is. */
  authUrl: string | null;
  /** The body of POST /auth/tokens. */
  body: object;
  /** A ready token without a login. */
  token: string | null;
  ca: string | null;
}

/** What a login is made of, in the names of clouds.yaml's `auth`. */
type Parts = Record<string, string | undefined>;

const PARTS = [
  'auth_url',
  'username',
  'user_id',
  'password',
  'token',
  'user_domain_name',
  'user_domain_id',
  'project_name',
  'project_id',
  'project_domain_name',
  'project_domain_id',
  'application_credential_id',
  'application_credential_name',
  'application_credential_secret',
  'system_scope',
] as const;

/** `cloud`: --os-cloud, before OS_CLOUD. Variables win over the file, as in openstacksdk. Throws ClientError USAGE naming what is missing. */
export const readLogin = (environment: Environment, places: Omit<Places, 'file'>, cloud?: string): Login => {
  const name = cloud ?? environment['OS_CLOUD'];
  const entry = name === undefined ? null : readCloud(name, { ...places, file: environment['OS_CLIENT_CONFIG_FILE'] });
  if (entry?.verify === false) throw new ClientError('USAGE', 'verify: false is not supported: name the authority in cacert instead.');
  const parts: Parts = {};
  for (const part of PARTS) {
    const given = entry === null ? undefined : (entry.auth[part] ?? (part === 'system_scope' ? entry.system_scope : undefined));
    // With a cloud chosen by name its login is taken whole: half of another one's variables would only confuse.
    const value = entry === null ? environment[`OS_${part.toUpperCase()}`] : given;
    if (value !== undefined && value !== null && value !== '') parts[part] = String(value);
  }
  const caPath = entry === null ? environment['OS_CACERT'] : entry.cacert;
  const ca = typeof caPath === 'string' && caPath !== '' ? readCa(caPath) : null;
  if (parts['token'] !== undefined && (parts['auth_url'] === undefined || entry === null)) {
    return { authUrl: null, body: {}, token: parts['token'], ca };
  }
  if (parts['auth_url'] === undefined) {
    throw new ClientError(
      'USAGE',
      'No login: set OS_CLOUD to a cloud of clouds.yaml, or OS_AUTH_URL with the other OS_* variables, or OS_TOKEN.',
    );
  }
  return { authUrl: versioned(parts['auth_url']), body: { auth: { identity: identityOf(parts), ...scopeOf(parts) } }, token: null, ca };
};

/** A token and when it ends, in milliseconds since the epoch. Throws ClientError UNAUTHENTICATED, UNREACHABLE. */
export const logIn = async (login: Login, signal?: AbortSignal): Promise<{ token: string; expiresAt: number }> => {
  if (login.token !== null) return { token: login.token, expiresAt: Number.POSITIVE_INFINITY };
  const url = `${login.authUrl}/auth/tokens`;
  const answer = await postJson({
    url,
    body: login.body,
    remedy: `That is Keystone by OS_AUTH_URL or clouds.yaml${LOOPBACK.test(url) ? '; that of the sandbox is there while "npm start" runs' : ''}.`,
    trustRemedy: 'Name a PEM of the authorities that sign its certificate by OS_CACERT, or as cacert in clouds.yaml.',
    ca: login.ca,
    ...(signal !== undefined && { signal }),
  });
  const token = answer.headers['x-subject-token'];
  if (answer.status === 201 && typeof token === 'string') {
    const { token: body } = answer.json as { token?: { expires_at?: string } };
    return { token, expiresAt: Date.parse(body?.expires_at ?? '') || Number.POSITIVE_INFINITY };
  }
  if (answer.status === 401)
    throw new ClientError('UNAUTHENTICATED', 'Keystone refused the login: user, password, project or domain is wrong.');
  throw new ClientError('UNREACHABLE', `${login.authUrl} answered HTTP ${answer.status} to a login; is it Keystone's address?`);
};

const LOOPBACK = /^https?:\/\/(?:127\.|localhost|\[::1\])/;

/** Keeps one token until a minute before its end. */
export const createTokenSource = (login: Login, now: () => number, signal?: AbortSignal): ((fresh: boolean) => Promise<string>) => {
  let held: { token: string; expiresAt: number } | null = null;
  return async (fresh) => {
    if (held === null || fresh || held.expiresAt - now() < 60_000) held = await logIn(login, signal);
    return held.token;
  };
};

const versioned = (url: string): string => {
  const trimmed = url.replace(/\/+$/, '');
  return /\/v3$/.test(trimmed) ? trimmed : `${trimmed.replace(/\/v2\.0$/, '')}/v3`;
};

const readCa = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ClientError('USAGE', `The CA file ${path} cannot be read.`, { cause: error });
  }
};

/** By id when there is one; names live in a domain. */
const ownerOf = (parts: Parts, kind: 'user' | 'project'): object => {
  const id = parts[`${kind}_id`];
  if (id !== undefined) return { id };
  const domainId = parts[`${kind}_domain_id`];
  const name = kind === 'user' ? parts['username'] : parts['project_name'];
  return { name, domain: domainId === undefined ? { name: parts[`${kind}_domain_name`] ?? 'Default' } : { id: domainId } };
};

const identityOf = (parts: Parts): object => {
  const { application_credential_id: id, application_credential_name: name, application_credential_secret: secret } = parts;
  if (secret !== undefined) {
    return {
      methods: ['application_credential'],
      application_credential: id !== undefined ? { id, secret } : { name, secret, user: ownerOf(parts, 'user') },
    };
  }
  if (parts['token'] !== undefined) return { methods: ['token'], token: { id: parts['token'] } };
  const { password } = parts;
  if (password === undefined || (parts['username'] === undefined && parts['user_id'] === undefined)) {
    throw new ClientError('USAGE', 'The login lacks a user name with a password, an application credential, or a token.');
  }
  return { methods: ['password'], password: { user: { ...ownerOf(parts, 'user'), password } } };
};

const scopeOf = (parts: Parts): object => {
  // An application credential has its project already, and Keystone refuses another.
  if (parts['application_credential_secret'] !== undefined) return {};
  if (parts['project_id'] !== undefined || parts['project_name'] !== undefined) return { scope: { project: ownerOf(parts, 'project') } };
  return parts['system_scope'] === 'all' ? { scope: { system: { all: true } } } : {};
};
