/** Reads a kubeconfig that an administrator pasted: takes a server, its CA and one credential by value, and refuses everything that runs, reads or redirects. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { UserError } from '../domain/errors.ts';
import { parseYamlTree, type Tree, TreeRefused } from './yamlTree.ts';

/** All that is needed to speak to a Kubernetes API: exactly one of certificate with key, or token. Secret: key and token. */
export interface KubernetesAccess {
  /** `https://host[:port][/prefix]`, without a slash at its end. */
  server: string;
  caPem: string;
  clientCertPem?: string;
  clientKeyPem?: string;
  token?: string;
}

type Path = readonly (string | number)[];
type MapTree = Extract<Tree, { kind: 'map' }>;

const LIMITS = { maxBytes: 64 * 1024, maxDepth: 12 };
const MAX_CERTIFICATES = 32;

const EMBED = 'embed the data instead (kubectl config view --flatten --minify does it)';
const NO_PROGRAM = 'programs are never run here; use a client certificate or a token';
const NO_OTHER_PERSON = 'acting as somebody else is not offered; use a credential of its own';
/** Fields with a meaning to other clients, and what to do instead. The names are from Kubernetes' own client configuration API, v1. */
const REFUSED_CLUSTER: Record<string, string> = {
  'certificate-authority': `files of this host are never read; ${EMBED}`,
  'insecure-skip-tls-verify': "the server's certificate is always checked; give certificate-authority-data and remove this field",
  'tls-server-name': 'the certificate must be for the name in server; add that name to the certificate and remove this field',
  'proxy-url': 'proxies are not used; give an address that is reached directly',
};
const REFUSED_USER: Record<string, string> = {
  exec: NO_PROGRAM,
  'auth-provider': NO_PROGRAM,
  tokenFile: `files of this host are never read; ${EMBED}`,
  'client-certificate': `files of this host are never read; ${EMBED}`,
  'client-key': `files of this host are never read; ${EMBED}`,
  as: NO_OTHER_PERSON,
  'as-uid': NO_OTHER_PERSON,
  'as-groups': NO_OTHER_PERSON,
  'as-user-extra': NO_OTHER_PERSON,
  username: 'passwords are not taken; use a client certificate or a token',
  password: 'passwords are not taken; use a client certificate or a token',
};

/**
 * The one access that `current-context` selects. Every entry is checked, also those that are not selected.
 * Throws UserError KUBECONFIG_REFUSED, which names the field's path and the remedy and repeats nothing of the text.
 */
export const parseKubeconfig = (text: string): KubernetesAccess => {
  const root = mapOf(readTree(text), []);
  only(root, [], ['apiVersion', 'kind', 'clusters', 'users', 'contexts', 'current-context', 'preferences', 'extensions'], {});
  exactly(root, 'apiVersion', 'v1');
  exactly(root, 'kind', 'Config');
  const clusters = namedEntries(root, 'clusters', 'cluster', (entry, path) =>
    only(entry, path, ['server', 'certificate-authority-data', 'extensions'], REFUSED_CLUSTER),
  );
  const users = namedEntries(root, 'users', 'user', (entry, path) =>
    only(entry, path, ['client-certificate-data', 'client-key-data', 'token', 'extensions'], REFUSED_USER),
  );
  const contexts = namedEntries(root, 'contexts', 'context', (entry, path) =>
    only(entry, path, ['cluster', 'user', 'namespace', 'extensions'], {}),
  );
  const context = select(contexts, needText(root, [], 'current-context'), ['current-context']);
  const cluster = select(clusters, needText(context.entry, context.path, 'cluster'), [...context.path, 'cluster']);
  const user = select(users, needText(context.entry, context.path, 'user'), [...context.path, 'user']);
  if (context.entry.entries.has('namespace')) needText(context.entry, context.path, 'namespace');
  return { server: serverOf(cluster), caPem: caOf(cluster), ...credentialOf(user) };
};

const readTree = (text: string): Tree => {
  try {
    return parseYamlTree(text, LIMITS);
  } catch (error) {
    if (!(error instanceof TreeRefused)) throw error;
    throw new UserError('KUBECONFIG_REFUSED', `The kubeconfig ${error.message}${error.line > 0 ? ` (line ${error.line})` : ''}.`, {
      field: ['kubeconfig'],
    });
  }
};

interface Named {
  entry: MapTree;
  path: Path;
}

const namedEntries = (root: MapTree, listKey: string, key: string, check: (entry: MapTree, path: Path) => void): Map<string, Named> => {
  const list = root.entries.get(listKey);
  if (!list) throw refused([listKey], 'is missing');
  if (list.kind !== 'list') throw refused([listKey], 'must be a list');
  const found = new Map<string, Named>();
  list.items.forEach((item, index) => {
    const path = [listKey, index];
    const holder = mapOf(item, path);
    only(holder, path, ['name', key], {});
    const name = needText(holder, path, 'name');
    if (found.has(name)) throw refused([...path, 'name'], 'is used twice; keep one');
    const entry = mapOf(holder.entries.get(key), [...path, key]);
    check(entry, [...path, key]);
    found.set(name, { entry, path: [...path, key] });
  });
  return found;
};

const select = (entries: Map<string, Named>, name: string, path: Path): Named => {
  const found = entries.get(name);
  if (!found) throw refused(path, 'names an entry that is not there');
  return found;
};

const serverOf = ({ entry, path }: Named): string => {
  const here = [...path, 'server'];
  const text = needText(entry, path, 'server');
  if (text.length > 2048 || !/^[\x21-\x7e]+$/.test(text) || text.includes('\\') || !URL.canParse(text)) throw refused(here, 'is not a URL');
  const url = new URL(text);
  // The URL parser makes a host of what follows any number of slashes, so that a path would be one.
  if (!/^https:\/\/[^/]/i.test(text)) throw refused(here, 'must begin with https:// and a host');
  if (url.username !== '' || url.password !== '' || text.includes('@'))
    throw refused(here, 'must not hold a user or a password; remove them');
  if (/[?#]/.test(text)) throw refused(here, 'must not have a query or a fragment; remove it');
  return url.origin + url.pathname.replace(/\/+$/, '');
};

const caOf = ({ entry, path }: Named): string => {
  if (!entry.entries.has('certificate-authority-data')) {
    throw refused([...path, 'certificate-authority-data'], "is missing; give the CA that signed the server's certificate");
  }
  const pem = pemOf(entry, path, 'certificate-authority-data');
  certificatesOf(pem, [...path, 'certificate-authority-data']);
  return pem;
};

const credentialOf = ({ entry, path }: Named): Pick<KubernetesAccess, 'clientCertPem' | 'clientKeyPem' | 'token'> => {
  const hasToken = entry.entries.has('token');
  const hasCertificate = entry.entries.has('client-certificate-data') || entry.entries.has('client-key-data');
  if (hasToken === hasCertificate) throw refused(path, 'must have either token or client-certificate-data with client-key-data');
  if (hasToken) {
    const token = needText(entry, path, 'token');
    // RFC 6750 section 2.1 (b64token) and room for issuers that are looser; no blank or control character may reach a header.
    if (token.length > 16_384 || !/^[\x21-\x7e]+$/.test(token)) throw refused([...path, 'token'], 'is not a bearer token');
    return { token };
  }
  const clientCertPem = pemOf(entry, path, 'client-certificate-data');
  const clientKeyPem = pemOf(entry, path, 'client-key-data');
  const [leaf] = certificatesOf(clientCertPem, [...path, 'client-certificate-data']);
  checkKey(leaf, clientCertPem, clientKeyPem, [...path, 'client-key-data']);
  return { clientCertPem, clientKeyPem };
};

const checkKey = (leaf: X509Certificate | undefined, certPem: string, keyPem: string, path: Path): void => {
  let matches: boolean;
  try {
    matches = leaf?.checkPrivateKey(createPrivateKey(keyPem)) ?? false;
    // The last word is TLS's own: it also refuses keys that are too short.
    if (matches) createSecureContext({ cert: certPem, key: keyPem });
  } catch {
    throw refused(path, 'is not a private key that can be used (PEM, long enough, without a pass phrase)');
  }
  if (!matches) throw refused(path, 'does not belong to client-certificate-data');
};

const certificatesOf = (pem: string, path: Path): X509Certificate[] => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length > MAX_CERTIFICATES)
    throw refused(path, `must hold 1 to ${MAX_CERTIFICATES} certificates in PEM`);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw refused(path, 'holds a certificate that cannot be read');
  }
};

const pemOf = (entry: MapTree, path: Path, key: string): string => {
  const text = needText(entry, path, key);
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw refused([...path, key], 'is not base64');
  return Buffer.from(text, 'base64').toString('latin1');
};

const exactly = (root: MapTree, key: string, value: string): void => {
  if (needText(root, [], key) !== value) throw refused([key], `must be ${value}`);
};

const needText = (map: MapTree, path: Path, key: string): string => {
  const tree = map.entries.get(key);
  if (!tree) throw refused([...path, key], 'is missing');
  if (tree.kind !== 'text') throw refused([...path, key], 'must be a string; put it in quotes');
  if (tree.value === '') throw refused([...path, key], 'is empty');
  return tree.value;
};

const mapOf = (tree: Tree | undefined, path: Path): MapTree => {
  if (tree?.kind !== 'map') throw refused(path, 'must be a map');
  return tree;
};

/** Only the keys named; those known to be dangerous are called by their name, others by their line, since a key may be a pasted secret. */
const only = (map: MapTree, path: Path, allowed: readonly string[], dangerous: Record<string, string>): void => {
  for (const [key, value] of map.entries) {
    if (allowed.includes(key)) continue;
    if (Object.hasOwn(dangerous, key)) throw refused([...path, key], `is refused: ${dangerous[key]}`);
    throw refused(path, `has a key that is not known here (line ${value.line || map.line}); remove it`);
  }
};

const refused = (path: Path, why: string): UserError => {
  const name = path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
  return new UserError('KUBECONFIG_REFUSED', `${name === '' ? 'The kubeconfig' : `In the kubeconfig, ${name}`} ${why}.`, {
    field: ['kubeconfig', ...path.map(String)],
  });
};
