/** What Seedbed adds to the time that a plain script with the same calls takes on the sandbox. */
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadEncryptionKeys } from '../../src/keyFile.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { ClusterPki } from '../../src/pki/bundle.ts';
import { openStore } from '../../src/store/open.ts';
import { createSealer } from '../../src/store/sealing.ts';
import { createSecrets } from '../../src/store/secrets.ts';
import { createApi, followProgress } from '../real/support/graphql.ts';
import type { RecordedCall } from './record.ts';
import type { Row } from './report.ts';
import { accessOf, type Recording, runScript } from './script.ts';
import { inSandbox, inWorld, registerSeed, SERVER_URL, type World } from './world.ts';

const WORKERS = 3;
const ROUNDS = 3;

/** With plausible latencies. Each round is one create by Seedbed and one by the script, each in a world of its own; the best of each counts. */
export const benchOverhead = async (): Promise<Row[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'seedbed-bench-record-'));
  try {
    const rounds: { seedbedMs: number; scriptMs: number; calls: number; recorded: number }[] = [];
    for (let i = 0; i < ROUNDS; i += 1) {
      const record = join(folder, `calls-${i}.jsonl`);
      const { ms, recording } = await inWorld((world) => create(world, record), { latency: 1, record });
      const script = await inSandbox({ latency: 1 }, ({ handover }) => runScript(recording, handover));
      rounds.push({ seedbedMs: ms, scriptMs: script.ms, calls: script.calls, recorded: recording.calls.length });
    }
    return rowsOf(rounds);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

const rowsOf = (rounds: { seedbedMs: number; scriptMs: number; calls: number; recorded: number }[]): Row[] => {
  const seedbed = Math.min(...rounds.map(({ seedbedMs }) => seedbedMs));
  const script = Math.min(...rounds.map(({ scriptMs }) => scriptMs));
  const over = seedbed - script;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  return [
    {
      what: `one cluster of 1 + ${WORKERS}, mutation → READY, ${rounds[0]?.recorded} calls`,
      figure: seconds(seedbed),
      goal: 'told only',
      met: null,
    },
    { what: `the same by a plain script, ${rounds[0]?.calls} calls and its polls`, figure: seconds(script), goal: 'told only', met: null },
    {
      what: "Seedbed's overhead over the script",
      figure: `${seconds(over)} = ${((100 * over) / script).toFixed(0)} %`,
      goal: '≤ 5 % or 1 s',
      met: over <= Math.max(1_000, script * 0.05),
    },
  ];
};

const create = async (world: World, record: string): Promise<{ ms: number; recording: Recording }> => {
  await registerSeed(world);
  const from = Date.now();
  const began = performance.now();
  const input = { name: 'bench', clusterTemplate: 'bench', nodeCount: WORKERS };
  const { cluster } = await createApi(SERVER_URL, world.member).change<{ cluster: { id: string; uuid: string } }>(
    'createCluster',
    input,
    'cluster { id uuid }',
  );
  await followProgress(SERVER_URL, world.member, cluster.id, 0, () => {}, 600);
  const ms = performance.now() - began;
  const { endpoint } = (
    await createApi(SERVER_URL, world.member).ask<{ cluster: { endpoint: string } }>('query($id: ID!) { cluster(id: $id) { endpoint } }', {
      id: cluster.id,
    })
  ).cluster;
  const { authorities, leaves } = await readPki(join(world.dir, 'var'), cluster.uuid);
  const { cert, key } = leaves.superAdmin;
  const tenant = { server: endpoint, caPem: authorities.ca.cert, clientCertPem: cert, clientKeyPem: key };
  const calls = (await readCalls(record)).filter((call) => call.began >= from).sort((a, b) => a.began - b.began);
  return { ms, recording: { handover: world.handover, seedServer: accessOf(world.handover).server, calls, tenant, workers: WORKERS } };
};

const readCalls = async (path: string): Promise<RecordedCall[]> => {
  const calls: RecordedCall[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) calls.push(JSON.parse(line) as RecordedCall);
  return calls;
};

/** The script needs the key past every authorizer, which the API hands out to nobody. */
const readPki = async (data: string, clusterId: string): Promise<ClusterPki> => {
  const store = openStore({
    path: join(data, 'seedbed.db'),
    migrations: new URL('../../drizzle/sqlite', import.meta.url).pathname,
    clock: systemClock,
  });
  const text = await createSecrets(createSealer(loadEncryptionKeys(null, data))).find(store.db, clusterId, 'pki');
  await store.close();
  return JSON.parse(text ?? '') as ClusterPki;
};
