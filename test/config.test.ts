import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../src/config.ts';

const dir = mkdtempSync(join(tmpdir(), 'seedbed-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

const fileOf = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};

const CLOUD = {
  SEEDBED_KEYSTONE_URL: 'https://keystone.example:5000/v3',
  SEEDBED_KEYSTONE_USERNAME: 'seedbed',
  SEEDBED_KEYSTONE_PASSWORD: 'hunter-2',
  SEEDBED_KEYSTONE_PROJECT: 'service',
};

const mistakesOf = (environment: Record<string, string>): string => {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('it was taken');
};

test('the environment goes before the file, and the file before the defaults', () => {
  const path = fileOf('seedbed.yaml', 'region: north\nlisten: 0.0.0.0:4001\n');
  expect(readConfig({ ...CLOUD, SEEDBED_CONFIG: path, SEEDBED_REGION: 'south' })).toMatchObject({
    region: 'south',
    listen: '0.0.0.0:4001',
    data: 'var',
  });
});

test('every mistake is named at once, with its setting and variable, and no value is repeated', () => {
  const path = fileOf('wrong.yaml', 'regoin: north\nkeystonePassword: 4711\n');
  const { SEEDBED_KEYSTONE_PASSWORD: _, ...rest } = CLOUD;
  const text = mistakesOf({
    ...rest,
    SEEDBED_CONFIG: path,
    SEEDBED_KEYSTONE_URL: 'ftp://secret.example',
    SEEDBED_DRIFT_SECONDS: 'often',
    SEEDBED_LISTEN: '127.0.0.1:65536',
    SEEDBED_EGRESS_CIDRS: '10.0.0.0/33',
    SEEDBED_CLOUD_CA_FILE: join(dir, 'absent.pem'),
    SEEDBED_TLS_KEY_FILE: path,
  });
  for (const said of [
    '\n  unknown setting regoin',
    'keystoneUrl (SEEDBED_KEYSTONE_URL)',
    'keystonePassword (SEEDBED_KEYSTONE_PASSWORD)',
    'driftSeconds (SEEDBED_DRIFT_SECONDS): must be a number',
    'listen (SEEDBED_LISTEN): must be host:port, with a port of at most 65535',
    'egressCidrs (SEEDBED_EGRESS_CIDRS): must be IPv4 ranges',
    'absent.pem cannot be read',
  ])
    expect(text).toContain(said);
  expect(text).not.toMatch(/4711|ftp:|often|\/33/);
});

test('digests of images come from lines of a file, and a wrong line is named by its number', () => {
  const digest = `sha256:${'0a'.repeat(32)}`;
  const lines = ['# pinned', '', `registry.k8s.io/etcd:3.6.8-0@${digest}`];
  const path = fileOf('digests', lines.join('\n'));
  expect([...readConfig({ ...CLOUD, SEEDBED_IMAGE_DIGESTS_FILE: path }).imageDigests]).toEqual([['registry.k8s.io/etcd:3.6.8-0', digest]]);
  const wrong = fileOf('wrong-digests', [...lines, `registry.k8s.io/etcd@${digest}`, 'registry.k8s.io/pause:3.10.2@sha256:0a'].join('\n'));
  const text = mistakesOf({ ...CLOUD, SEEDBED_IMAGE_DIGESTS_FILE: wrong });
  expect(text).toContain('has 2 mistakes');
  expect(text).toContain('line 4 of the file is not of the form');
  expect(text).toContain('line 5 of the file is not of the form');
});

test("the domain of clusters' own users is named by the environment or the file, and their roles are never an administrator's", () => {
  expect(readConfig(CLOUD).userDomain).toBeNull();
  expect(readConfig({ ...CLOUD, SEEDBED_USER_DOMAIN: 'clusters' }).userDomain).toBe('clusters');
  const path = fileOf('domain.yaml', 'userDomain: default\n');
  expect(readConfig({ ...CLOUD, SEEDBED_CONFIG: path }).userDomain).toBe('default');
  const roles = { ...CLOUD, SEEDBED_TRUST_ROLES: 'member,admin' };
  expect(readConfig(roles).trustRoles).toContain('admin');
  expect(mistakesOf({ ...roles, SEEDBED_USER_DOMAIN: 'clusters' })).toMatch(
    /trustRoles \(SEEDBED_TRUST_ROLES\): .*leave out the role admin/,
  );
});

test('a package repository comes with the key that signs it, as apt writes keys', () => {
  const key = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZw+/=\n=AbCd\n-----END PGP PUBLIC KEY BLOCK-----\n';
  const repository = { ...CLOUD, SEEDBED_PACKAGE_REPOSITORY: 'https://packages.example.org/v{minor}/deb/' };
  expect(readConfig({ ...repository, SEEDBED_PACKAGE_KEY_FILE: fileOf('key.asc', key) })).toMatchObject({
    packageRepository: repository.SEEDBED_PACKAGE_REPOSITORY,
    packageKey: key,
  });
  expect(mistakesOf({ ...repository, SEEDBED_PACKAGE_REPOSITORY: 'https://user:hush-hush@packages.example.org/v{minor}/deb/' })).toMatch(
    /^(?!.*hush-hush).*packageRepository \(SEEDBED_PACKAGE_REPOSITORY\): must hold no user name or password/s,
  );
  expect(mistakesOf(repository)).toMatch(/packageKey \(SEEDBED_PACKAGE_KEY_FILE\): a package repository needs the key/);
  for (const [name, text] of [
    ['binary.gpg', '\u0099\u0001'],
    ['two.asc', `${key}\nTypes: deb\n`],
    ['long.asc', key.replace('mDM', 'm'.repeat(4_096))],
  ] as const)
    expect(mistakesOf({ ...repository, SEEDBED_PACKAGE_KEY_FILE: fileOf(name, text) })).toMatch(
      /packageKey \(SEEDBED_PACKAGE_KEY_FILE\): must be an armoured public key/,
    );
});

const S3 = {
  SEEDBED_BACKUP_S3_ENDPOINT: 'https://s3.example.org',
  SEEDBED_BACKUP_S3_BUCKET: 'seedbed-backups',
  SEEDBED_BACKUP_S3_ACCESS_KEY: 'AKIDEXAMPLE',
  SEEDBED_BACKUP_S3_SECRET_KEY: 'hush-hush',
};
const FOLDER = { SEEDBED_BACKUP_LISTEN: '127.0.0.1:4100', SEEDBED_BACKUP_ADDRESS: 'seedbed.example:4100' };
const SWIFT = { SEEDBED_BACKUP_SWIFT_CONTAINER: 'seedbed-backups' };

test('backups are kept in a folder, in Swift or in S3, whose secret key may be in a file', () => {
  expect(readConfig({ ...CLOUD, ...SWIFT })).toMatchObject({ backupSwiftContainer: 'seedbed-backups', backupS3Endpoint: null });
  expect(readConfig({ ...CLOUD, ...S3 })).toMatchObject({ backupS3SecretKey: 'hush-hush', backupS3Region: null, backupListen: null });
  const { SEEDBED_BACKUP_S3_SECRET_KEY: _, ...rest } = S3;
  const given = { ...rest, SEEDBED_BACKUP_S3_SECRET_KEY_FILE: fileOf('secret-key', 'from-a-file\n'), SEEDBED_BACKUP_S3_REGION: 'eu-1' };
  expect(readConfig({ ...CLOUD, ...given })).toMatchObject({ backupS3SecretKeyFile: 'from-a-file', backupS3Region: 'eu-1' });
});

test.each([
  ['a folder beside Swift', { ...FOLDER, ...SWIFT }, [/backupListen .*settings of Swift/, /backupAddress .*settings of Swift/]],
  ['a folder beside S3', { ...S3, SEEDBED_BACKUP_FOLDER: '/backups' }, [/backupFolder .*settings of S3/]],
  ['Swift beside S3', { ...S3, ...SWIFT }, [/backupSwiftContainer .*settings of S3/]],
  ['half of an address', { SEEDBED_BACKUP_LISTEN: '127.0.0.1:4100' }, [/backupAddress .*need both/]],
  [
    'a region without S3',
    { SEEDBED_BACKUP_S3_REGION: 'eu-1' },
    [/backupS3Endpoint .*is missing/, /backupS3Bucket .*is missing/, /backupS3AccessKey .*is missing/, /backupS3SecretKey .*is missing/],
  ],
  [
    'an authority without S3',
    { SEEDBED_BACKUP_S3_CA_FILE: fileOf('ca.pem', 'x') },
    [/backupS3Endpoint .*is missing/, /backupS3Bucket .*is missing/, /backupS3AccessKey .*is missing/, /backupS3SecretKey .*is missing/],
  ],
  ['no secret key', { ...S3, SEEDBED_BACKUP_S3_SECRET_KEY: '' }, [/backupS3SecretKey .*is missing.*SEEDBED_BACKUP_S3_SECRET_KEY_FILE/]],
  ['no access key', { ...S3, SEEDBED_BACKUP_S3_ACCESS_KEY: '' }, [/backupS3AccessKey .*is missing/]],
  [
    'two secret keys',
    { ...S3, SEEDBED_BACKUP_S3_SECRET_KEY_FILE: fileOf('other-key', 'hush-file') },
    [/backupS3SecretKeyFile .*leave one of them out/],
  ],
  [
    'an empty file',
    { ...S3, SEEDBED_BACKUP_S3_SECRET_KEY: '', SEEDBED_BACKUP_S3_SECRET_KEY_FILE: fileOf('no-key', '\n') },
    [/backupS3SecretKeyFile .*the file is empty/],
  ],
  ['S3 without TLS', { ...S3, SEEDBED_BACKUP_S3_ENDPOINT: 'http://s3.example.org' }, [/backupS3Endpoint .*must be an https URL/]],
  ['a user in the URL', { ...S3, SEEDBED_BACKUP_S3_ENDPOINT: 'https://me:hush@s3.example.org' }, [/backupS3Endpoint .*without a user/]],
  ['names that are paths', { ...S3, SEEDBED_BACKUP_S3_BUCKET: '../other' }, [/backupS3Bucket .*3 to 63 letters/]],
])('%s is a mistake that is named, without any value', (_what, settings, said) => {
  const text = mistakesOf({ ...CLOUD, ...settings });
  for (const pattern of said) expect(text).toMatch(pattern);
  expect(text).toContain(`has ${said.length} mistake`);
  expect(text).not.toMatch(/hush|AKIDEXAMPLE|other/);
});

test('a policy with mistakes is refused with its lines, and names of roles that no rule could hold', () => {
  const path = fileOf('policy.yaml', '"seedbed:cluster:create": "role:operator"\n"seedbed:cluster:craete": "@"\n');
  expect(mistakesOf({ ...CLOUD, SEEDBED_POLICY_FILE: path })).toMatch(
    /policyFile \(SEEDBED_POLICY_FILE\): line 2: there is no rule "seedbed:cluster:craete"/,
  );
  expect(mistakesOf({ ...CLOUD, SEEDBED_MEMBER_ROLES: 'member,the boss' })).toMatch(
    /memberRoles \(SEEDBED_MEMBER_ROLES\): .*without spaces/,
  );
  expect(readConfig({ ...CLOUD, SEEDBED_MEMBER_ROLES: '_member_, member' }).memberRoles).toEqual(['_member_', 'member']);
});

test('rates are at least 1, or off; proxies are addresses and ranges of both families', () => {
  expect(readConfig(CLOUD)).toMatchObject({
    addressRequestsPerMinute: 12_000,
    projectRequestsPerMinute: 6_000,
    projectMutationsPerMinute: 600,
    trustedProxies: [],
  });
  const given = { ...CLOUD, SEEDBED_PROJECT_MUTATIONS_PER_MINUTE: '-1', SEEDBED_TRUSTED_PROXIES: '10.1.0.0/16, 192.0.2.7, fd00::/8,::1' };
  expect(readConfig(given)).toMatchObject({
    projectMutationsPerMinute: -1,
    trustedProxies: ['10.1.0.0/16', '192.0.2.7', 'fd00::/8', '::1'],
  });
  expect(mistakesOf({ ...CLOUD, SEEDBED_ADDRESS_REQUESTS_PER_MINUTE: '0', SEEDBED_TRUSTED_PROXIES: 'proxy.example.org' })).toMatch(
    /addressRequestsPerMinute \(SEEDBED_ADDRESS_REQUESTS_PER_MINUTE\): must be at least 1, or -1 for no limit\n.*trustedProxies \(SEEDBED_TRUSTED_PROXIES\): must be addresses or ranges/,
  );
});
