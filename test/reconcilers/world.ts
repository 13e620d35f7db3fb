/** Seedbed as a whole over the sandbox, with a seed and a template: for tests of what happens to a living cluster. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { connect } from 'node:tls';
import Database from 'better-sqlite3';
import { loadEncryptionKeys } from '../../src/keyFile.ts';
import type { ClusterPki } from '../../src/pki/bundle.ts';
import { type Kubernetes, openKubernetes } from '../../src/seeds/connection.ts';
import { parseKubeconfig } from '../../src/seeds/kubeconfig.ts';
import { createSealer } from '../../src/store/sealing.ts';
import { openStory, type Settings, type Story, until } from './story.ts';

const policy = { allowPrivate: true, allowLoopback: true };
const clock = { now: Date.now };

export interface Living extends Story {
  seed: Kubernetes;
  write(sql: string): void;
  /** A cluster that is READY; its id. */
  makeCluster(name: string, more?: object): Promise<string>;
  /** Until the cluster is READY and all that was asked of it is carried out. */
  settled(clusterId: string): Promise<unknown>;
  /** Until no pass is under way or due: nobody but the test changes anything then. */
  idle(): Promise<unknown>;
  /** Due now. */
  wake(clusterId: string): void;
  pki(clusterId: string): ClusterPki;
  setPki(clusterId: string, pki: ClusterPki): void;
  /** With any kubeconfig of a cluster's. */
  tenant(kubeconfig: string): Kubernetes;
  /** Serial number of the certificate that a cluster's public address shows. */
  servedSerial(clusterId: string): Promise<string>;
}

/** `seeds`: how many there are; the first one is registered. */
export const openLiving = async (settings: Settings = {}, template: object = {}, seeds = 1): Promise<Living> => {
  const story = await openStory({ settings, template, seeds });
  const { sandbox, rows, dbPath } = story;
  const sealer = createSealer(loadEncryptionKeys(null, dirname(dbPath)));
  const seedText = readFileSync(sandbox.seeds[0]?.kubeconfigFile ?? '', 'utf8');
  const opened: Kubernetes[] = [];
  const openCluster = (text: string, subject: 'seed' | 'cluster'): Kubernetes => {
    const kube = openKubernetes({ access: parseKubeconfig(text), clock, policy, subject });
    opened.push(kube);
    return kube;
  };

  const withDatabase = <T>(work: (db: Database.Database) => T): T => {
    const db = new Database(dbPath, { timeout: 5_000 });
    try {
      return work(db);
    } finally {
      db.close();
    }
  };
  const place = (clusterId: string) => `${clusterId}/pki`;

  const living: Living = {
    ...story,
    seed: openCluster(seedText, 'seed'),
    write: (sql) => withDatabase((db) => void db.prepare(sql).run()),
    makeCluster: async (name, more = {}) => {
      const { cluster } = await story.change<{ cluster: { uuid: string } }>(
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
    idle: () => until(() => rows('select 1 from work_items where lease_until is not null or due_at < unixepoch() * 1000').length === 0),
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
      await story.close();
    },
  };
  return living;
};
