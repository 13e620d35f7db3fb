/**
 * Secrets of all kinds on their way through a server that logs all it can, and then a search for them, in every form, wherever they must not be:
 * the database with its journal, the log, the audit trail, metrics, answers and the list of processes. What Seedbed made by itself is read out of
 * the sealed rows with the operator's key, so that a new kind of secret is looked for without being named here.
 */
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const ROOT = new URL('../..', import.meta.url).pathname;
/** Its variable is in the answer's way everywhere: in the document, in the lookup and in what it says of what was not found. */
const STORED = 'query ($name: String!) { cluster(name: $name) { id } }';

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
    const operations = join(folder, 'operations');
    mkdirSync(operations);
    writeFileSync(join(operations, 'byName.graphql'), STORED);
    const store = {
      operations,
      backupS3Endpoint,
      backupS3Bucket,
      backupS3Region,
      backupS3AccessKey,
      backupS3SecretKey: s3.secretKey,
      backupS3Ca: ca,
    };
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
    await pasteIntoOtherWays();
  };

  /** Stored operations, ids of documents, names and headers that say for whom or by which id; over SSE and in a socket's hello and questions, too. */
  const pasteIntoOtherWays = async (): Promise<void> => {
    const operation = (name: string) => new URL(`/v1/ops/${name}`, story.served.url);
    const call = async (name: string, body: string, headers: Record<string, string> = {}): Promise<void> => {
      const sent = { 'content-type': 'application/json', 'x-auth-token': story.member, ...headers };
      const answer = await fetch(operation(name), { method: 'POST', headers: sent, body });
      answers.push(`${JSON.stringify([...answer.headers])}${await answer.text()}`);
    };
    await call('byName', JSON.stringify({ name: hide("a secret in an operation's variable", canary('operation')) }));
    await call('byName', JSON.stringify({ name: [hide("a secret in an operation's variable of another type", canary('list'))] }));
    await call('byName', JSON.stringify({ name: 'web', [hide('a secret as the name of a variable', canary('name'))]: 1 }));
    await call('byName', `{"name": ${hide("a secret in an operation's body that is no JSON", plainCanary('text'))}`);
    await call(hide("a secret in place of an operation's name", plainCanary('operation')), '{}');
    const plain = '{"query":"{ viewer { userName } }"}';
    for (const [way, accept] of [
      ['JSON', 'application/json'],
      ['SSE', 'text/event-stream'],
    ] as const) {
      const to = (body: string, headers: Record<string, string> = {}, path = '') => send(body, { accept, ...headers }, path);
      await to(plain, { 'x-service-token': hide(`a service token that is not valid, by ${way}`, plainCanary('service')) });
      // As Keystone makes them: longer than an id that a caller may give to a request.
      const fernet = (kind: string) => `gAAAAAB${plainCanary(kind)}${'x'.repeat(140)}`;
      await to(plain, { 'x-request-id': hide(`a token as a request's id, by ${way}`, fernet('id')) });
      await to(plain, { 'x-request-id': hide(`a password as a request's id, by ${way}`, canary('id')) });
      await to(plain, { 'x-openstack-request-id': hide(`a secret as OpenStack's request id, by ${way}`, plainCanary('req')) });
      await to(plain, { 'x-openstack-request-id': `req-${hide(`a secret after req-, by ${way}`, plainCanary('req'))}` });
      await to(JSON.stringify({ documentId: hide(`a secret as a document's id, by ${way}`, canary('document')) }));
      await to(JSON.stringify({ documentId: `sha256:${hide(`a secret as a document's hash, by ${way}`, canary('hash'))}` }));
      const sha256Hash = hide(`a secret as the hash of a persisted query, by ${way}`, canary('persisted'));
      await to(JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash } } }));
      await to(
        JSON.stringify({ query: '{ viewer { userName } }', extensions: { token: hide(`a secret extension, by ${way}`, canary('ext')) } }),
      );
      const operationName = hide(`a secret as an operation's name, by ${way}`, canary('name'));
      await to(JSON.stringify({ query: 'query a { viewer { userName } } query b { viewer { userName } }', operationName }));
      const query = 'subscription ($id: ID!) { clusterProgress(clusterId: $id) { number } }';
      await to(JSON.stringify({ query, variables: { id: hide(`a secret as an id to subscribe to, by ${way}`, canary('id')) } }));
      await to(JSON.stringify({ query, variables: { id: { [hide(`a secret in place of an id, by ${way}`, canary('object'))]: 1 } } }));
      const hash = hide(`a secret as a document's id in a URL, by ${way}`, canary('url'));
      const asked = await fetch(`${story.served.url}?documentId=${encodeURIComponent(hash)}`, {
        headers: { accept, 'x-auth-token': story.member },
      });
      answers.push(await asked.text());
    }
    const viewer = { query: '{ viewer { userName } }' };
    const hello = (more: object) => ({ 'X-Auth-Token': story.member, ...more });
    await bySocket(hello({ 'X-Service-Token': hide("a service token in a socket's hello", canary('service')) }), viewer);
    await bySocket(hello({ password: hide("a password in a socket's hello", canary('hello')) }), viewer);
    await bySocket({ 'X-Auth-Token': { token: hide("a token in an object in a socket's hello", canary('hello')) } }, viewer);
    await bySocket(hello({}), { documentId: hide("a secret as a document's id in a socket", canary('document')) });
    const sha256Hash = hide('a secret as the hash of a persisted query in a socket', canary('persisted'));
    await bySocket(hello({}), { query: '', extensions: { persistedQuery: { version: 1, sha256Hash } } });
    await bySocket(hello({}), { ...viewer, operationName: hide("a secret as an operation's name in a socket", canary('name')) });
    const query = 'subscription ($id: ID!) { clusterProgress(clusterId: $id) { number } }';
    await bySocket(hello({}), { query, variables: { id: hide('a secret as an id to subscribe to in a socket', canary('id')) } });
    await bySocket(hello({}), { query, variables: { id: [{ at: hide('a secret in place of an id in a socket', canary('at')) }] } });
    const headers = {
      'x-auth-token': hide("a token that is not valid in a socket's handshake", plainCanary('handshake')),
      'x-service-token': hide("a service token in a socket's handshake", plainCanary('handshake')),
      'x-request-id': hide("a secret as the id of a socket's handshake", canary('handshake')),
    };
    await bySocket({}, viewer, headers);
  };

  const overSocket = (token: string, query: string): Promise<void> => bySocket({ 'X-Auth-Token': token }, { query });

  const bySocket = (hello: object, payload: object, headers: Record<string, string> = {}): Promise<void> =>
    new Promise((resolve) => {
      const socket = new WebSocket(story.served.url.replace('http', 'ws'), 'graphql-transport-ws', { headers });
      socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: hello })));
      socket.on('message', (data) => {
        answers.push(String(data));
        if (String(data).includes('connection_ack')) socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload }));
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

  /** Loaded into the program before it: what a library's error is like, thrown at a signal. */
  const thrower = (secret: string, how: string): string => {
    const file = join(folder, `thrower-${how}.mjs`);
    const carried = JSON.stringify({ headers: { 'x-auth-token': secret, cookie: secret }, body: { password: secret }, note: [secret] });
    writeFileSync(
      file,
      `const die = () => {
        const error = Object.assign(new Error('a library broke', { cause: Object.assign(new Error('its socket did'), ${carried}) }), {
          request: ${carried}, token: ${JSON.stringify(secret)}, errors: [Object.assign(new Error('inner'), ${carried})],
        });
        if (${JSON.stringify(how)} === 'exception') throw error;
        if (${JSON.stringify(how)} === 'rejection') void Promise.reject(error);
        if (${JSON.stringify(how)} === 'text') throw ${JSON.stringify(secret)};
        if (${JSON.stringify(how)} === 'abort') process.abort();
      };
      process.on('SIGUSR2', () => setImmediate(die));`,
    );
    return file;
  };

  // However it acts in the clouds, it dies alike.
  const deaths = 'userDomain' in settings ? [] : ['exception', 'rejection', 'text', 'abort'];
  for (const how of deaths)
    test(`nor does one that served and dies of what nobody caught: ${how}`, async () => {
      const away = mkdtempSync(join(folder, 'dies-'));
      const file = join(away, 'seedbed.yaml');
      const { keystonePassword = '', ...known } = story.settings;
      const { backupS3SecretKey = '', ...written } = known;
      writeFileSync(file, stringify({ ...written, data: join(away, 'var'), listen: '127.0.0.1:0' }), { mode: 0o600 });
      const hook = thrower(hide(`what hangs on an error: ${how}`, canary('error')), how);
      const reports = ['--report-uncaught-exception', '--report-on-fatalerror', '--report-on-signal', `--report-directory=${away}`];
      // Not SIGUSR2, at which this program dies.
      const words = [...reports, '--report-signal=SIGPIPE', '--import', 'tsx', '--import', hook, join(ROOT, 'src/main.ts'), 'serve'];
      const child = spawn(process.execPath, words, {
        cwd: ROOT,
        env: {
          PATH: process.env['PATH'],
          SEEDBED_CONFIG: file,
          SEEDBED_KEYSTONE_PASSWORD: String(keystonePassword),
          SEEDBED_BACKUP_S3_SECRET_KEY: String(backupS3SecretKey),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const ended = once(child, 'close');
      let said = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk) => {
          said += chunk;
        });
      const url = await until(() => /Seedbed serves (\S+)/.exec(said)?.[1]);
      const before = story.served;
      story.served = { ...before, url };
      await pasteEverywhere();
      story.served = before;
      child.kill('SIGPIPE');
      const reported = () => readdirSync(away).filter((name) => name.startsWith('report.'));
      await until(() => reported().length > 0);
      child.kill('SIGUSR2');
      const [code, signal] = await ended;
      expect([code, signal]).toEqual(how === 'abort' ? [null, 'SIGABRT'] : [1, null]);
      const found = new Map([['the last words', said]]);
      for (const name of reported()) found.set(name, readFileSync(join(away, name), 'utf8'));
      expect(search(found)).toEqual([]);
      // It is told what happened all the same, and a report is written where it was asked for.
      if (how === 'exception' || how === 'rejection')
        expect(said).toMatch(/Error: a library broke\n +at [\s\S]*Error: its socket did\n +at /);
      expect(reported().length).toBe(how === 'abort' ? 1 : 2);
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
