/** Seedbed as a whole over the sandbox, with a seed and a template: for tests of what happens to a living cluster. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import Database from 'better-sqlite3';
import { readConfig } from '../../src/config.ts';
import { loadEncryptionKeys } from '../../src/keyFile.ts';
import type { ClusterPki } from '../../src/pki/bundle.ts';
import type { Handover } from '../../src/sandbox/handover.ts';
import { type Kubernetes, openKubernetes } from '../../src/seeds/connection.ts';
import { parseKubeconfig } from '../../src/seeds/kubeconfig.ts';
import { startServer } from '../../src/server.ts';
import { createSealer } from '../../src/store/sealing.ts';

const root = new URL('../..', import.meta.url).pathname;
const policy = { allowPrivate: true, allowLoopback: true };
const clock = { now: Date.now };

/** Looks every 50 ms, at most 20 s, until there is something. */
export const until = async <T>(look: () => T | Promise<T>): Promise<NonNullable<T>> => {
  for (let i = 0; ; i += 1) {
    const found = await Promise.resolve()
      .then(look)
      .catch(() => undefined);
    if (found !== undefined && found !== null && found !== false) return found;
    if (i > 400) throw new Error(`not in time: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

export interface Living {
  /** Tokens of Keystone. */
  admin: string;
  member: string;
  sandbox: Handover;
  seed: Kubernetes;
  ask<T>(token: string, query: string, variables?: object): Promise<T>;
  /** The payload's `fields`; throws what the API answers instead. */
  change<T>(token: string, name: string, input: object, fields: string): Promise<T>;
  rows<T>(sql: string): T[];
  write(sql: string): void;
  /** A cluster that is READY; its id. */
  makeCluster(name: string, more?: object): Promise<string>;
  /** Until the cluster is READY and all that was asked of it is carried out. */
  settled(clusterId: string): Promise<unknown>;
  /** Due now. */
  wake(clusterId: string): void;
  pki(clusterId: string): ClusterPki;
  setPki(clusterId: string, pki: ClusterPki): void;
  /** With any kubeconfig of a cluster's. */
  tenant(kubeconfig: string): Kubernetes;
  /** Serial number of the certificate that a cluster's public address shows. */
  servedSerial(clusterId: string): Promise<string>;
  close(): Promise<void>;
}

export const openLiving = async (): Promise<Living> => {
  const dir = mkdtempSync(join(tmpdir(), 'seedbed-living-'));
  const dbPath = join(dir, 'var', 'seedbed.db');
  const process_: ChildProcess = spawn(
    process.execPath,
    ['--import', 'tsx', `${root}src/sandbox/main.ts`, '--data', dir, '--latency', '0', '--volatile'],
    { cwd: root, stdio: 'ignore' },
  );
  const sandbox = await until(() => JSON.parse(readFileSync(join(dir, 'sandbox.json'), 'utf8')) as Handover);
  const { service } = sandbox.users;
  const server = await startServer(
    readConfig(
      {},
      {
        listen: '127.0.0.1:0',
        data: join(dir, 'var'),
        keystoneUrl: sandbox.authUrl,
        keystoneUsername: service.username,
        keystonePassword: service.password,
        keystoneProject: service.projectName,
        seedsOnLoopback: true,
        logLevel: 'silent',
      },
    ),
  );
  const sealer = createSealer(loadEncryptionKeys(null, join(dir, 'var')));
  const seedText = readFileSync(sandbox.seeds[0]?.kubeconfigFile ?? '', 'utf8');
  const opened: Kubernetes[] = [];
  const openCluster = (text: string, subject: 'seed' | 'cluster'): Kubernetes => {
    const kube = openKubernetes({ access: parseKubeconfig(text), clock, policy, subject });
    opened.push(kube);
    return kube;
  };

  const ask: Living['ask'] = async <T>(token: string, query: string, variables: object = {}) => {
    const answer = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': token },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.json()) as { data: T; errors?: unknown };
    if (errors !== undefined) throw new Error(JSON.stringify(errors));
    return data;
  };
  const change: Living['change'] = async <T>(token: string, name: string, input: object, fields: string) => {
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    const document = `mutation($input: ${type}Input!) { ${name}(input: $input) { __typename ... on ${type}Payload { ${fields} } ... on Problem { code message field } } }`;
    const answer = (await ask<Record<string, T & { __typename: string }>>(token, document, { input }))[name];
    if (answer?.__typename !== `${type}Payload`) throw new Error(JSON.stringify(answer));
    return answer;
  };
  const withDatabase = <T>(work: (db: Database.Database) => T): T => {
    const db = new Database(dbPath, { timeout: 5_000 });
    try {
      return work(db);
    } finally {
      db.close();
    }
  };
  const rows: Living['rows'] = <T>(sql: string) => withDatabase((db) => db.prepare(sql).all() as T[]);
  const place = (clusterId: string) => `${clusterId}/pki`;

  const living: Living = {
    admin: await login(sandbox, 'admin'),
    member: await login(sandbox, 'member'),
    sandbox,
    seed: openCluster(seedText, 'seed'),
    ask,
    change,
    rows,
    write: (sql) => withDatabase((db) => void db.prepare(sql).run()),
    makeCluster: async (name, more = {}) => {
      const { cluster } = await change<{ cluster: { uuid: string } }>(
        living.member,
        'createCluster',
        { name, clusterTemplate: 'small', nodeCount: 1, ...more },
        'cluster { uuid }',
      );
      await living.settled(cluster.uuid);
      return cluster.uuid;
    },
    settled: (clusterId) =>
      until(
        () =>
          rows(`select 1 from clusters where id = '${clusterId}' and state = 'READY' and generation = observed_generation`).length === 1,
      ),
    wake: (clusterId) => living.write(`update work_items set due_at = 0, wake = wake + 1 where id = '${clusterId}'`),
    pki: (clusterId) => {
      const [row] = rows<{ sealed: Buffer; key_id: string }>(
        `select sealed, key_id from secrets where owner_id = '${clusterId}' and name = 'pki'`,
      );
      if (row === undefined) throw new Error('no keys');
      return JSON.parse(sealer.open(row.sealed, row.key_id, place(clusterId))) as ClusterPki;
    },
    setPki: (clusterId, pki) =>
      withDatabase((db) =>
        db
          .prepare("update secrets set sealed = ? where owner_id = ? and name = 'pki'")
          .run(sealer.seal(JSON.stringify(pki), place(clusterId)), clusterId),
      ),
    tenant: (kubeconfig) => openCluster(kubeconfig, 'cluster'),
    servedSerial: (clusterId) => {
      const [at] = rows<{ host: string; port: number }>(
        `select endpoint_host as host, endpoint_port as port from clusters where id = '${clusterId}'`,
      );
      return new Promise((resolve, reject) => {
        const socket = connect({ ...at, rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    },
    close: async () => {
      for (const kube of opened) kube.close();
      await server.close(2_000);
      process_.kill('SIGTERM');
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await change(living.admin, 'registerSeed', { name: 'seed', kubeconfig: seedText }, 'seed { id }');
  const template = { name: 'small', visibility: 'PUBLIC', image: 'debian-12-node', flavor: 'm1.small', externalNetwork: 'public' };
  await change(living.admin, 'createClusterTemplate', template, 'clusterTemplate { id }');
  return living;
};

const login = async (sandbox: Handover, who: 'admin' | 'member'): Promise<string> => {
  const { username, password, projectName } = sandbox.users[who];
  const domain = { name: 'Default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: username, domain, password } } },
    scope: { project: { name: projectName, domain } },
  };
  const answer = await fetch(`${sandbox.authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  return answer.headers.get('x-subject-token') ?? '';
};
