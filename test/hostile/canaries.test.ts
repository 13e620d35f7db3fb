/**
 * Secrets of all kinds on their way through a server that logs all it can, and then a search for them, in every form, wherever they must not be:
 * the database with its journal, the log, the audit trail, metrics, answers and the list of processes. What Seedbed made by itself is read out of
 * the sealed rows with the operator's key, so that a new kind of secret is looked for without being named here.
 */
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { parse, stringify } from 'yaml';
import { readEncryptionKeys } from '../../src/keyFile.ts';
import { createSealer } from '../../src/store/sealing.ts';
import { queriesNear } from '../api/matrix/walks.ts';
import { bundleServer } from '../crash/mortal.ts';
import { type FakeS3, startFakeS3 } from '../objectStore/fakeS3.ts';
import { openStory, type Settings, type Story, until } from '../reconcilers/story.ts';
import { type Apart, serveApart } from './apart.ts';
import { formsOf, formsOfKey, keysIn } from './secretForms.ts';

let serial = 0;
const next = (): string => {
  serial += 1;
  return `${serial}-${Math.random().toString(36).slice(2)}`;
};
/** Of letters that each alphabet writes in its own way. */
const canary = (kind: string): string => `${kind}"'/+?<&%41~${next()}zZ`;
/** Where only plain letters may be. */
const plainCanary = (kind: string): string => `${kind}-${next()}zZ`;

const BUNDLE = `
apiVersion: v1
kind: Secret
metadata: { name: login, namespace: default }
stringData: { password: "\${options.password}" }
`;
const BUNDLE_SCHEMA = JSON.stringify({
  type: 'object',
  properties: { password: { type: 'string', minLength: 8, format: 'password' } },
  required: ['password'],
});

describe.each([
  ['a Keystone user for each cluster', { userDomain: 'Default' }],
  ['trusts', {}],
])('with %s', (_name, settings: Settings) => {
  let story: Story;
  let server: Apart;
  let s3: FakeS3;
  const folder = mkdtempSync(join(tmpdir(), 'seedbed-canaries-'));
  /** Forms by the kind of secret. */
  const secrets = new Map<string, string[]>();
  /** All that the server answered, but for what must have a secret in it. */
  const answers: string[] = [];
  const hide = (kind: string, secret: string): string => {
    secrets.set(kind, formsOf(secret));
    return secret;
  };

  beforeAll(async () => {
    s3 = await startFakeS3();
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, s3.caPem);
    hide("the backup store's key", s3.secretKey);
    const { endpoint: backupS3Endpoint, bucket: backupS3Bucket, region: backupS3Region, accessKey: backupS3AccessKey } = s3;
    const store = { backupS3Endpoint, backupS3Bucket, backupS3Region, backupS3AccessKey, backupS3SecretKey: s3.secretKey, backupS3Ca: ca };
    story = await openStory({
      settings: { logLevel: 'debug', ...store, ...settings },
      serve: serveApart('canaries', {
        started: (apart) => {
          server = apart;
        },
      }),
    });
    if ('userDomain' in settings) await makeDomainAdmin();
    hide("Seedbed's own password", story.sandbox.users.service.password);
    hide("a member's token", story.member);
    hide("an administrator's token", story.admin);
  });
  afterAll(async () => {
    await story?.close();
    await s3.close();
    rmSync(folder, { recursive: true });
  });

  const makeDomainAdmin = async (): Promise<void> => {
    const keystone = (method: string, path: string) =>
      fetch(`${story.sandbox.authUrl}${path}`, { method, headers: { 'x-auth-token': story.admin } });
    const { roles } = (await (await keystone('GET', '/roles')).json()) as { roles: { id: string; name: string }[] };
    const role = roles.find(({ name }) => name === 'admin');
    await keystone('PUT', `/domains/default/users/${story.sandbox.users.service.userId}/roles/${role?.id}`);
  };

  /** Answered by anything, which is kept. */
  const send = async (body: string, headers: Record<string, string> = {}, path = ''): Promise<void> => {
    const answer = await fetch(`${story.served.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': story.member, ...headers },
      body,
    });
    answers.push(`${JSON.stringify([...answer.headers])}${await answer.text()}`);
  };
  const ask = (token: string, query: string, variables: object = {}) =>
    send(JSON.stringify({ query, variables }), { 'x-auth-token': token });
  const mutate = (token: string, name: string, input: object) =>
    ask(
      token,
      `mutation ($input: ${name[0]?.toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { __typename ... on Problem { code message field remedy openstack { service status } } } }`,
      { input },
    );
  const key = (): string =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const seedText = (): string => readFileSync(story.sandbox.seeds[0]?.kubeconfigFile ?? '', 'utf8');
  const base64 = (text: string): string => Buffer.from(text).toString('base64');

  /** The seed's kubeconfig with another user. */
  const kubeconfigOf = (user: object, more: object = {}): string => {
    const config = parse(seedText());
    config.users[0].user = user;
    return stringify({ ...config, ...more });
  };

  const pasteEverywhere = async (): Promise<void> => {
    const token = (kind: string) => ({ kubeconfig: kubeconfigOf({ token: hide(kind, plainCanary('token')) }) });
    await mutate(story.admin, 'registerSeed', { name: 'by-token', ...token("a seed's token") });
    await mutate(story.admin, 'registerSeed', { name: 'Not a name', ...token("a refused seed's token") });
    await mutate(story.admin, 'registerSeed', {
      name: 'by-password',
      kubeconfig: kubeconfigOf({ username: 'admin', password: hide("a seed's password", canary('password')) }),
    });
    const proxy = parse(seedText());
    proxy.clusters[0].cluster['proxy-url'] = `http://user:${hide("a proxy's password", plainCanary('proxy'))}@proxy.example.org:3128`;
    await mutate(story.admin, 'registerSeed', { name: 'by-proxy', kubeconfig: stringify(proxy) });
    const exec = { exec: { command: 'sh', env: [{ name: 'SECRET', value: hide("a plugin's environment", canary('exec')) }] } };
    await mutate(story.admin, 'registerSeed', { name: 'by-exec', kubeconfig: kubeconfigOf(exec) });
    const foreign = key();
    secrets.set('a key that fits no certificate', formsOfKey(foreign));
    const { 'client-certificate-data': certificate } = parse(seedText()).users[0].user;
    const misfit = kubeconfigOf({ 'client-certificate-data': certificate, 'client-key-data': base64(foreign) });
    await mutate(story.admin, 'registerSeed', { name: 'by-misfit', kubeconfig: misfit });
    await mutate(story.admin, 'registerSeed', {
      name: 'by-mistake',
      kubeconfig: `${hide('a text in place of a kubeconfig', canary('text'))}: [`,
    });
    await mutate(story.member, 'registerSeed', { name: 'by-a-member', ...token("a member's kubeconfig") });

    const credential = { applicationCredentialId: 'f'.repeat(32) };
    await mutate(story.member, 'createCluster', {
      name: 'lent',
      clusterTemplate: 'small',
      credential: { ...credential, applicationCredentialSecret: hide("an application credential's secret", canary('appcred')) },
    });
    await mutate(story.member, 'createCluster', {
      name: 'lent-badly',
      clusterTemplate: 'small',
      credential: {
        applicationCredentialId: 'a name',
        applicationCredentialSecret: hide('a refused secret', `${canary('refused')}\u0001`),
      },
    });
    // What is pasted into the wrong place.
    await ask(story.member, `{ cluster(name: "${hide('a secret in a document', plainCanary('document'))}") { nothing } }`);
    await ask(story.member, `{ cluster(name: "${hide('a secret in a document that does not end', plainCanary('broken'))}`);
    await ask(story.member, 'query ($first: Int) { clusters(first: $first) { nodes { name } } }', {
      first: hide('a secret in a variable', canary('variable')),
    });
    await ask(story.member, 'mutation ($input: CreateClusterInput!) { createCluster(input: $input) { __typename } }', {
      input: {
        name: 'web',
        [hide('a secret as the name of a field', plainCanary('field'))]: hide('a secret in a field that is not there', canary('unknown')),
      },
    });
    await send(`{"query": ${hide('a secret in a body that is no JSON', plainCanary('body'))}`);
    await send('{}', { 'content-type': `text/${hide('a secret in a header', plainCanary('header'))}` });
    await send('{"query":"{ viewer { userName } }"}', { 'x-auth-token': hide('a token that is not valid', plainCanary('invalid')) });
    await send('{"query":"{ viewer { userName } }"}', { authorization: `Bearer ${hide('a bearer token', plainCanary('bearer'))}` });
    await send('{"query":"{ viewer { userName } }"}', { cookie: `session=${hide('a cookie', plainCanary('cookie'))}` });
    await send('{"query":"{ viewer { userName } }"}', {}, `?token=${hide('a token in a URL', plainCanary('url'))}`);
    await send('', {}, `/../${hide('a secret in a path', plainCanary('path'))}`);
    await overSocket(hide("a socket's token that is not valid", canary('socket')), '{ viewer { userName } }');
    await overSocket(
      story.member,
      `{ clusters(first: "${hide("a secret in a socket's document", plainCanary('query'))}") { nodes { name } } }`,
    );
    const misplaced = hide('a secret in place of a number, an enum value and an input', plainCanary('misplaced'));
    for (const call of [
      `updateSeed(input: { seedId: "x", maxClusters: "${misplaced}" })`,
      `registerSeed(input: { exposure: "${misplaced}" })`,
      `registerSeed(input: "${misplaced}")`,
    ])
      await ask(story.admin, `mutation { ${call} { __typename } }`);
  };

  const overSocket = (token: string, query: string): Promise<void> =>
    new Promise((resolve) => {
      const socket = new WebSocket(story.served.url.replace('http', 'ws'), 'graphql-transport-ws');
      socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { 'X-Auth-Token': token } })));
      socket.on('message', (data) => {
        answers.push(String(data));
        if (String(data).includes('connection_ack')) socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
        else socket.close();
      });
      socket.on('close', (code, reason) => {
        answers.push(`${code} ${reason}`);
        resolve();
      });
    });

  const liveWithSecrets = async (): Promise<string> => {
    await story.change(
      story.admin,
      'registerAddonBundle',
      { name: 'login', manifests: BUNDLE, optionsSchema: BUNDLE_SCHEMA },
      'addonBundle { id }',
    );
    const cloudInit = stringify({
      write_files: [{ path: '/etc/app.conf', content: hide("a password in a customer's cloud-init", canary('cloud-init')) }],
    });
    const { cluster } = await story.change<{ cluster: { uuid: string } }>(
      story.member,
      'createCluster',
      {
        name: 'shop',
        clusterTemplate: 'small',
        nodeGroups: [{ name: 'workers', count: 1, cloudInit }],
        overrides: { bundles: [{ name: 'login', options: [{ key: 'password', value: hide("an addon's password", canary('addon')) }] }] },
      },
      'cluster { uuid }',
    );
    const ready = `select 1 from clusters where id = '${cluster.uuid}' and state = 'READY'`;
    await until(() => story.rows(ready).length === 1);
    const issue = { clusterId: cluster.uuid, role: 'ADMIN', idempotencyKey: 'once' };
    const { kubeconfig } = await story.change<{ kubeconfig: string }>(story.member, 'issueKubeconfig', issue, 'kubeconfig');
    const issued = Buffer.from(parse(kubeconfig).users[0].user['client-key-data'], 'base64').toString();
    secrets.set("an issued kubeconfig's key", formsOfKey(issued));
    const own = key();
    secrets.set('a key in place of a certificate request', formsOfKey(own));
    await mutate(story.member, 'signCertificate', { clusterId: cluster.uuid, role: 'VIEWER', csr: own });
    return cluster.uuid;
  };

  /** What is sealed in the database, opened. */
  const hideSealed = (): void => {
    const folderOfData = dirname(story.dbPath);
    const keys = readEncryptionKeys(null, folderOfData);
    for (const [i, sealing] of keys.entries())
      secrets.set(`sealing key ${i}`, formsOf(sealing.toString('base64')).concat(formsOf(sealing.toString('hex'))));
    const sealer = createSealer(keys);
    const rows = story.rows<{ owner_id: string; name: string; sealed: Buffer; key_id: string }>(
      'select owner_id, name, sealed, key_id from secrets',
    );
    for (const { owner_id: owner, name, sealed, key_id: keyId } of rows) {
      const plain = sealer.open(sealed, keyId, `${owner}/${name}`);
      for (const [i, pem] of keysIn(plain).entries()) secrets.set(`key ${i} of ${owner}/${name}`, formsOfKey(pem));
      for (const [path, text] of leavesOf(plain))
        if (
          /password|secret|token|encryption/i.test(`${name}.${path}`) &&
          !/(^|\.)(id|name|expires\w*|createdAt)$/i.test(path) &&
          text.length >= 12 &&
          !text.includes('-----')
        )
          secrets.set(`${path} of ${owner}/${name}`, formsOf(text));
    }
    for (const pem of keysIn(Buffer.from(parse(seedText()).users[0].user['client-key-data'], 'base64').toString()))
      secrets.set("a seed's client key", formsOfKey(pem));
  };

  /** Wherever they may have come to lie, by the name of the place. */
  const places = async (): Promise<Map<string, string>> => {
    const found = new Map<string, string>();
    const folderOfData = dirname(story.dbPath);
    for (const name of readdirSync(folderOfData, { recursive: true, withFileTypes: true }))
      if (name.isFile() && name.name !== 'seedbed.key') found.set(name.name, readFileSync(join(name.parentPath, name.name), 'latin1'));
    found.set('log', server.output());
    for (const page of ['metrics', 'healthz', 'readyz', 'schema.graphql'])
      found.set(page, await (await fetch(new URL(`/${page}`, story.served.url))).text());
    found.set('answers', answers.join('\n'));
    found.set('command line', readFileSync(`/proc/${server.pid}/cmdline`, 'latin1'));
    found.set('title', readFileSync(`/proc/${server.pid}/comm`, 'latin1'));
    return found;
  };

  const search = (at: ReadonlyMap<string, string>): string[] =>
    [...secrets].flatMap(([kind, forms]) =>
      [...at].flatMap(([place, text]) => {
        const form = forms.find((one) => text.includes(one));
        return form === undefined
          ? []
          : [`${kind} is in ${place}: …${text.slice(Math.max(0, text.indexOf(form) - 60), text.indexOf(form))}`];
      }),
    );

  test('no secret is found where it does not belong', async () => {
    await pasteEverywhere();
    const clusterId = await liveWithSecrets();
    for (const token of [story.member, story.admin]) for (const query of queriesNear([clusterId])) await ask(token, query);
    hideSealed();
    const at = await places();
    expect(search(at)).toEqual([]);
    // The search would find one: the canary of each way has been where it was sent, and what is open is open.
    expect(at.get('seedbed.db-wal') ?? at.get('seedbed.db')).toBeDefined();
    expect(at.get('log')).toContain('seedbed serves');
    expect(secrets.size).toBeGreaterThan(30);
    await story.change(story.member, 'deleteCluster', { clusterId }, 'cluster { id }');
    await until(() => story.rows(`select 1 from clusters where id = '${clusterId}' and state = 'DELETED'`).length === 1);
    expect(search(await places())).toEqual([]);
  }, 240_000);

  test('a server that cannot start, or dies of an error, tells none', async () => {
    const program = await bundleServer('canaries', 'test/hostile/watchedServer.ts');
    const listen = new URL(story.served.url).host;
    for (const wrong of [{ listen }, { drainSeconds: hide('a secret as a number', canary('number')) }, { imageRegistry: 7 }]) {
      const child = spawn(process.execPath, [program], {
        env: { WATCHED: JSON.stringify({ ...story.settings, data: join(folder, 'other'), ...wrong }) },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk) => {
          said += chunk;
        });
      const [code] = await once(child, 'exit');
      expect(code).not.toBe(0);
      expect(said).not.toBe('');
      expect(search(new Map([['the last words', said]]))).toEqual([]);
    }
  });
});

const leavesOf = (text: string): [string, string][] => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return walk(value, '');
  } catch {}
  return [['', text]];
};
const walk = (value: unknown, path: string): [string, string][] =>
  typeof value === 'string'
    ? [[path, value]]
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, inner]) => walk(inner, path === '' ? name : `${path}.${name}`))
      : [];
