import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseKubeconfig } from '../../src/seeds/kubeconfig.ts';
import {
  base64,
  caPem,
  certificatePart,
  client,
  clusterPart,
  document,
  type Parts,
  refusalOf,
  SECRET,
  USER_FIELDS,
} from './kubeconfigText.ts';
import { makeCertificates } from './tlsServer.ts';

const { client: other } = await makeCertificates();

test('a kubeconfig with an inline certificate, in YAML and in JSON', () => {
  const expected = { server: 'https://seed.example:6443', caPem, clientCertPem: client.certPem, clientKeyPem: client.keyPem };
  expect(parseKubeconfig(stringify(document()))).toEqual(expected);
  expect(parseKubeconfig(JSON.stringify(document()))).toEqual(expected);
});

test('a token, a path prefix, an unused entry and the inert extras of common tools', () => {
  const doc = document({
    cluster: { ...clusterPart(), server: 'https://[fd00::1]/k8s/clusters/c-1/', extensions: [{ name: 'tool', extension: { version: 1 } }] },
    user: { token: 'abc.def-1_2' },
    root: { preferences: {} },
  });
  (doc.users as object[]).push({ name: 'second', user: { token: 'x' } });
  expect(parseKubeconfig(stringify(doc))).toEqual({ server: 'https://[fd00::1]/k8s/clusters/c-1', caPem, token: 'abc.def-1_2' });
});

test.each(USER_FIELDS)('users[0].user.%s is refused by name, beside a good credential and also when it is empty', (field) => {
  for (const value of [SECRET, { command: SECRET }, null, false, []]) {
    const error = refusalOf(stringify(document({ user: { ...certificatePart(), [field]: value } })));
    expect(error.message).toContain(`users[0].user.${field} is refused`);
    expect(error.detail.field).toEqual(['kubeconfig', 'users', '0', 'user', field]);
    expect(error.message).not.toContain(SECRET);
  }
});

test.each(['certificate-authority', 'insecure-skip-tls-verify', 'tls-server-name', 'proxy-url'])(
  'clusters[0].cluster.%s is refused by name',
  (field) => {
    for (const value of [SECRET, true, false]) {
      expect(refusalOf(stringify(document({ cluster: { ...clusterPart(), [field]: value } }))).message).toContain(
        `clusters[0].cluster.${field} is refused`,
      );
    }
  },
);

test('an entry that is not selected is checked as well', () => {
  const doc = document();
  (doc.users as object[]).push({ name: 'second', user: { exec: { command: 'sh' } } });
  expect(refusalOf(stringify(doc)).message).toContain('users[1].user.exec');
});

test.each([
  ['http://seed.example', 'https://'],
  ['file:///etc/passwd', 'https://'],
  ['unix:/run/x', 'https://'],
  ['https://user:S3cretMarkerValue@seed.example', 'user'],
  ['https://seed.example?x=S3cretMarkerValue', 'query'],
  ['https://seed.example#x', 'fragment'],
  ['https://seed.example\\@evil', 'URL'],
  ['https://', 'URL'],
  ['seed.example:6443', 'https://'],
  ['https://a b', 'URL'],
])('server %s is refused', (server, word) => {
  const { message } = refusalOf(stringify(document({ cluster: { ...clusterPart(), server } })));
  expect(message).toContain('clusters[0].cluster.server');
  expect(message).toContain(word);
  expect(message).not.toContain(SECRET);
});

const short = generateKeyPairSync('rsa', {
  modulusLength: 512,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
test.each<[string, () => Parts, string]>([
  ['no CA', () => ({ cluster: { server: 'https://x' } }), 'certificate-authority-data is missing'],
  ['a CA that is no base64', () => ({ cluster: { ...clusterPart(), 'certificate-authority-data': `${SECRET}!` } }), 'is not base64'],
  ['a CA that is no PEM', () => ({ cluster: { ...clusterPart(), 'certificate-authority-data': base64(SECRET) } }), 'certificates in PEM'],
  [
    'a broken certificate',
    () => ({ cluster: { ...clusterPart(), 'certificate-authority-data': base64(caPem.replace(/M/g, 'N')) } }),
    'cannot be read',
  ],
  ['a key of another certificate', () => ({ user: { ...certificatePart(), 'client-key-data': base64(other.keyPem) } }), 'does not belong'],
  [
    'a key that is a certificate',
    () => ({ user: { ...certificatePart(), 'client-key-data': base64(client.certPem) } }),
    'not a private key',
  ],
  ['a key of another kind', () => ({ user: { ...certificatePart(), 'client-key-data': base64(short.privateKey) } }), 'does not belong'],
  ['a certificate without key', () => ({ user: { 'client-certificate-data': base64(client.certPem) } }), 'client-key-data is missing'],
  ['both token and certificate', () => ({ user: { ...certificatePart(), token: SECRET } }), 'either token or'],
  ['no credential', () => ({ user: {} }), 'either token or'],
  ['a token with a line end', () => ({ user: { token: `${SECRET}\r\nX-Header: 1` } }), 'not a bearer token'],
  ['a token that is a number', () => ({ user: { token: 12345 } }), 'must be a string'],
  ['a context that is not there', () => ({ root: { 'current-context': SECRET } }), 'names an entry that is not there'],
  ['no context selected', () => ({ root: { 'current-context': '' } }), 'current-context is empty'],
  ['no clusters', () => ({ root: { clusters: null } }), 'clusters must be a list'],
  ['a key nobody knows', () => ({ root: { [SECRET]: 1 } }), 'not known'],
  ['another kind', () => ({ root: { kind: SECRET } }), 'kind must be Config'],
])('%s is refused', (_name, parts, words) => {
  const { message } = refusalOf(stringify(document(parts())));
  expect(message).toContain(words);
  expect(message).not.toContain(SECRET);
});

test('two entries of one name are refused', () => {
  const doc = document();
  (doc.clusters as object[]).push({ name: 'seed', cluster: clusterPart() });
  expect(refusalOf(stringify(doc)).message).toContain('clusters[1].name is used twice');
});

test.each<[string, (text: string) => string, string]>([
  ['a byte order mark', (text) => `\uFEFF${text}`, 'byte order mark'],
  ['an anchor', (text) => text.replace('kind: Config', 'kind: &a Config'), 'anchor'],
  ['an alias', (text) => `${text}preferences: &a {}\nextensions: *a\n`, 'a YAML a'],
  ['a merge key', (text) => `${text}preferences:\n  <<: {a: b}\n`, 'merge key'],
  ['a tag', (text) => text.replace('kind: Config', 'kind: !!str Config'), 'tag'],
  ['a tag of a language', (text) => text.replace('kind: Config', 'kind: !!js/function Config'), 'YAML'],
  ['a key twice', (text) => `${text}kind: Config\n`, 'same key twice'],
  ['__proto__', (text) => `${text}__proto__: {token: x}\n`, 'not known'],
  ['constructor', (text) => `${text}constructor: {token: x}\n`, 'not known'],
  ['a key that is a list', (text) => `${text}? [a]\n: b\n`, 'key that is not a string'],
  ['two documents', (text) => `${text}---\n${text}`, 'not well-formed'],
  ['depth', (text) => `${text}preferences: ${'{a: '.repeat(30)}x${'}'.repeat(30)}\n`, 'too deeply'],
  ['size', (text) => `${text}# ${'x'.repeat(65_536)}\n`, 'larger than 64 KiB'],
  ['nothing', () => '', 'must be a map'],
])('%s is refused', (_name, change, words) => {
  expect(refusalOf(change(stringify(document()))).message).toContain(words);
});
