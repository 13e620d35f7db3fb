/** Kubeconfigs made to run, read, reach or exhaust something: families of them, each with variants, and what a good one with a bad address looks like. */
import { stringify } from 'yaml';
import { base64, certificatePart, clusterPart, document, type Parts } from '../seeds/kubeconfigText.ts';

/** Is in each of them, and must come back in no answer. */
export const MARK = 'S3cretMarkerValue';

interface Hostile {
  family: string;
  text: string;
}

const made = (parts: Parts): string => stringify(document(parts));
const withUser = (more: object): string => made({ user: { ...certificatePart(), ...more } });
const asUser = (user: Record<string, unknown>): string => made({ user });
const withCluster = (more: object): string => made({ cluster: { ...clusterPart(), ...more } });
/** A canary's command would leave this file. */
const touch = (trace: string) => ({ command: '/bin/sh', args: ['-c', `echo ${MARK} > ${trace}`] });

const FILES = [
  '/etc/passwd',
  '../../../etc/passwd',
  '/proc/self/environ',
  '~/.ssh/id_rsa',
  'file:///etc/shadow',
  '/dev/tcp/127.0.0.1/1',
  '\\\\host\\share',
  '/dev/zero',
];

/** Addresses that are never a Kubernetes API, in all the ways in which they can be written. `port`: of a bait that must not be reached. */
export const badServers = (port: number): string[] => [
  ...[
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.0.0.1.',
    'localhost',
    'LOCALHOST',
    'localhost.',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:0:0:1]',
    '[64:ff9b::127.0.0.1]',
    '0.0.0.0',
    '0',
    '[::]',
    '127.255.255.254',
    '①②⑦.0.0.1',
    'rebinds.test',
    'loopback.test',
    'mixed.test',
  ].map((host) => `https://${host}:${port}`),
  ...[
    '169.254.169.254',
    '169.254.1.1',
    '[fe80::1]',
    '[fe80::a9fe:a9fe]',
    '[fd00:ec2::254]',
    '[::ffff:169.254.169.254]',
    '[::ffff:a9fe:a9fe]',
    '2852039166',
    '0xa9fea9fe',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    '224.0.0.1',
    '255.255.255.255',
    '240.0.0.1',
    '[ff02::1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    'metadata.test',
  ].map((host) => `https://${host}/`),
];

/** What the names above lead to: each time the next, and the last one for ever. The first is of a range for documentation, which leads nowhere. */
export const NAMES: Readonly<Record<string, readonly string[]>> = {
  'rebinds.test': ['203.0.113.7', '127.0.0.1'],
  'loopback.test': ['127.0.0.1'],
  'mixed.test': ['127.0.0.1,::1,169.254.169.254'],
  'metadata.test': ['169.254.169.254'],
};

const FAMILIES: Record<string, (trace: string, port: number) => string[]> = {
  'a plugin': (trace) => [
    withUser({ exec: { apiVersion: 'client.authentication.k8s.io/v1', ...touch(trace) } }),
    asUser({
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1beta1',
        ...touch(trace),
        env: [{ name: 'LD_PRELOAD', value: MARK }],
        interactiveMode: 'Never',
      },
    }),
    asUser({ exec: { command: MARK } }),
    withUser({ exec: null }),
    withUser({ exec: [] }),
  ],
  "a provider's program": (trace) => [
    ...['gcp', 'azure', 'oidc', 'openstack', 'exec', MARK].flatMap((name) => [
      asUser({
        'auth-provider': {
          name,
          config: { 'cmd-path': '/bin/sh', 'cmd-args': `-c "echo ${MARK} > ${trace}"`, 'token-key': '{.t}', 'expiry-key': '{.e}' },
        },
      }),
      asUser({
        'auth-provider': { name, config: { exec: touch(trace), tokenFile: '/etc/passwd', 'idp-issuer-url': 'http://169.254.169.254/' } },
      }),
    ]),
  ],
  'a file in place of data': () =>
    FILES.flatMap((file) => [
      withCluster({ 'certificate-authority': file }),
      asUser({ 'client-certificate': file, 'client-key': file }),
      asUser({ tokenFile: file }),
      withUser({ tokenFile: file }),
      asUser({ token: MARK, tokenFile: file }),
    ]),
  'no check of the certificate': () => [
    withCluster({ 'insecure-skip-tls-verify': true }),
    withCluster({ 'insecure-skip-tls-verify': false }),
    withCluster({ 'insecure-skip-tls-verify': 'true' }),
    made({ cluster: { server: 'https://203.0.113.1', 'insecure-skip-tls-verify': true } }),
    withCluster({ 'tls-server-name': MARK }),
    made({ cluster: { server: 'https://203.0.113.1' } }),
  ],
  'a proxy': (_trace, port) =>
    ['http', 'https', 'socks5', 'socks5h', 'file', 'unix'].map((scheme) =>
      withCluster({ 'proxy-url': `${scheme}://${MARK}@127.0.0.1:${port}` }),
    ),
  'an odd server': (_trace, port) =>
    [
      `http://127.0.0.1:${port}`,
      `HTTP://127.0.0.1:${port}`,
      'unix:///var/run/docker.sock',
      'https+unix:///var/run/docker.sock',
      'https:///var/run/docker.sock',
      'https:203.0.113.1',
      'https:/203.0.113.1',
      'file:///etc/passwd',
      'ftp://127.0.0.1/',
      'gopher://127.0.0.1/',
      `data:text/plain,${MARK}`,
      'javascript:1',
      `ws://127.0.0.1:${port}`,
      '//127.0.0.1',
      '127.0.0.1:6443',
      '',
      ' ',
      'https://',
      'https://[',
      `https://user:${MARK}@127.0.0.1`,
      `https://203.0.113.1\\@127.0.0.1:${port}`,
      `https://203.0.113.1#@127.0.0.1:${port}`,
      `https://203.0.113.1?x=${MARK}`,
      'https://203.0.113.1:99999',
      'https://a\nb',
      'https://a\tb',
      'https://é.example',
      `https://${'a'.repeat(3_000)}`,
      'https://%31%32%37.0.0.1#',
      `https://203.0.113.1/\r\nHost: ${MARK}`,
    ].map((server) => withCluster({ server })),
  'somebody else': () =>
    ['as', 'as-uid', 'as-groups', 'as-user-extra', 'username', 'password'].map((field) =>
      withUser({ [field]: field === 'as-groups' ? [MARK] : MARK }),
    ),
  'a token that is none': () =>
    [`${MARK}\r\nX: y`, `${MARK}\u0000`, ` ${MARK}`, `${MARK} `, 'é', MARK.repeat(2_000), ''].map((token) => asUser({ token })),
  'data that is none': () => [
    withUser({ 'client-key-data': base64(MARK) }),
    withUser({ 'client-key-data': `-----BEGIN PRIVATE KEY-----${MARK}` }),
    withUser({ 'client-certificate-data': base64(`-----BEGIN CERTIFICATE-----\n${base64(MARK)}\n-----END CERTIFICATE-----`) }),
    withCluster({ 'certificate-authority-data': base64(MARK) }),
    withCluster({ 'certificate-authority-data': base64(`-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`.repeat(500)) }),
    withCluster({ 'certificate-authority-data': [MARK] }),
  ],
  'anchors and merges': () => [
    `a: &a ${MARK}\nb: *a\n${made({})}`,
    `x: &x { <<: *x }\n${made({})}`,
    `base: &base { server: ${MARK} }\n${made({}).replace('server:', '<<: *base\n      server:')}`,
    `&a [*a]`,
    `a: &a ["${MARK}"]\n${'bcdefghij'
      .split('')
      .map((c, i) => `${c}: &${c} [${`*${'abcdefghi'[i]},`.repeat(9)}]`)
      .join('\n')}\n`,
    made({}).replace('kind: Config', '<<: { kind: Config }'),
  ],
  'tags and directives': () => [
    `--- !!js/function 'function(){${MARK}}'`,
    `!!python/object/apply:os.system ["echo ${MARK}"]`,
    made({}).replace('server: ', 'server: !!binary '),
    made({}).replace('name: main', 'name: !env HOME'),
  ],
  'several documents': () => [
    `${made({})}---\n${made({})}`,
    `---\n---\n${made({})}`,
    `${made({})}...\n${MARK}`,
    `---\n${made({})}--- ${MARK}`,
  ],
  'keys twice': () => [
    made({}).replace('kind: Config', `kind: Config\nkind: Config`),
    made({}).replace('server: ', `server: https://${MARK}\n      server: `),
    made({
      root: {
        users: [
          { name: 'admin', user: certificatePart() },
          { name: 'admin', user: { exec: { command: MARK } } },
        ],
      },
    }),
    JSON.stringify(document({})).replace('"kind":"Config"', '"kind":"Config","kind":"Config"'),
  ],
  'blanks, marks and control characters': () => [
    made({}).replaceAll('  ', '\t'),
    `\uFEFF\uFEFF${made({})}`,
    `${made({})}\0${MARK}`,
    made({}).replace('main', `ma\u0000in`),
    made({}).replaceAll('\n', '\r'),
    made({}).replace('admin', '\u202Enimda'),
    made({}).replace('kind', 'ｋind'),
  ],
  'names of properties of objects': () => [
    `__proto__: { server: ${MARK} }\n${made({})}`,
    `constructor: { prototype: { exec: { command: ${MARK} } } }\n${made({})}`,
    made({ root: { 'current-context': '__proto__' } }),
    made({ root: { 'current-context': 'toString' } }),
    made({
      root: { contexts: [{ name: '__proto__', context: { cluster: 'constructor', user: '__proto__' } }], 'current-context': '__proto__' },
    }),
  ],
  'other shapes': () => [
    ...[
      '[]',
      '{}',
      'null',
      '~',
      '7',
      MARK,
      `"${MARK}`,
      `{"a":"${MARK}"`,
      '',
      '#',
      '---',
      `- ${MARK}`,
      '? a',
      ': ',
      '|',
      '>',
      '@',
      '`',
      '%',
    ],
    made({ root: { users: [] } }),
    made({ root: { users: {} } }),
    made({ root: { clusters: [MARK] } }),
    made({ root: { contexts: [{ name: 'main', context: null }] } }),
    made({ root: { apiVersion: 'v2' } }),
    made({ root: { kind: 'Secret', data: MARK } }),
    made({ root: { [MARK]: MARK } }),
  ],
  huge: () => [
    `${made({})}#${MARK.repeat(4_000)}`,
    '['.repeat(60_000),
    `${'a: {'.repeat(15_000)}`,
    `${MARK}: "${'x'.repeat(200_000)}"`,
    Array.from({ length: 6_000 }, (_, i) => `k${i}: ${MARK}`).join('\n'),
    made({ root: { users: Array.from({ length: 1_000 }, (_, i) => ({ name: `u${i}`, user: { token: MARK } })) } }),
  ],
};

/** All variants of all families that must be refused; then mixtures of them until there are so many. */
export const hostileKubeconfigs = (count: number, random: () => number, trace: string, port: number): Hostile[] => {
  const all = Object.entries(FAMILIES).flatMap(([family, make]) => make(trace, port).map((text) => ({ family, text })));
  const oneOf = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const mixtures = Array.from({ length: Math.max(0, count - all.length) }, () => {
    const [one, other] = [oneOf(all), oneOf(all)];
    const at = Math.floor(random() * one.text.length);
    // The beginning of the one and the end of the other, or one line of it in the midst.
    const lines = other.text.split('\n');
    const text =
      random() < 0.5 ? one.text.slice(0, at) + other.text.slice(at) : `${one.text.slice(0, at)}\n${oneOf(lines)}\n${one.text.slice(at)}`;
    return { family: `${one.family}, ${other.family}`, text };
  });
  if (all.length <= count) return [...all, ...mixtures];
  // A sample: of each family at least one.
  const firsts = Object.keys(FAMILIES).map((family) => oneOf(all.filter((one) => one.family === family)));
  return [...firsts, ...Array.from({ length: count - firsts.length }, () => oneOf(all))];
};

/** Good in all but where it leads. */
export const kubeconfigTo = (server: string): string => made({ cluster: { ...clusterPart(), server }, user: { token: MARK } });
