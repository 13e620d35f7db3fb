/** A seed of its own for a test file: the sandbox's Kubernetes half without latency, in a folder that goes when the tests are over. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../../src/lib/log.ts';
import type { KubernetesHalf, World } from '../../../src/sandbox/contract.ts';
import { createFaultBoard, type FaultBoard, playFault } from '../../../src/sandbox/faults.ts';
import { startKubernetes } from '../../../src/sandbox/kubernetes/start.ts';
import { createWorldFile } from '../../../src/sandbox/world.ts';
import { accessOf, type Client, createClient } from './client.ts';

export interface SeedWorld {
  half: KubernetesHalf;
  admin: Client;
  limited: Client;
  faults: FaultBoard;
  calls: string[];
  dataDir: string;
  /** Stops everything and starts it again on what was saved. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** `scale` 0: nothing takes longer than it must. */
export const startSeedWorld = async (scale = 0): Promise<SeedWorld> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'seedbed-kube-'));
  const faults = createFaultBoard({ random: () => 0 });
  const calls: string[] = [];
  let world: World & { close(): void } = createWorldFile(join(dataDir, 'world.jsonl'));
  const start = (): Promise<KubernetesHalf> =>
    startKubernetes({
      world,
      dataDir,
      host: '127.0.0.1',
      range: null,
      latency: (ms) => ms * scale,
      counters: { count: (s, m, t) => calls.push(`${s} ${m} ${t}`) },
      faults,
      playFault,
      log: silentLog,
    });
  const clientOf = (half: KubernetesHalf, which: 'kubeconfigFile' | 'adminKubeconfigFile'): Client =>
    createClient(accessOf(readFileSync(half.seeds[0]?.[which] ?? '', 'utf8')));
  const half = await start();
  const made: SeedWorld = {
    half,
    admin: clientOf(half, 'adminKubeconfigFile'),
    limited: clientOf(half, 'kubeconfigFile'),
    faults,
    calls,
    dataDir,
    async restart() {
      made.admin.close();
      made.limited.close();
      await made.half.close();
      world.close();
      world = createWorldFile(join(dataDir, 'world.jsonl'));
      made.half = await start();
      made.admin = clientOf(made.half, 'adminKubeconfigFile');
      made.limited = clientOf(made.half, 'kubeconfigFile');
    },
    async close() {
      made.admin.close();
      made.limited.close();
      await made.half.close();
      world.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return made;
};
