/** Simulated members of etcd whose data are not the others': a claim that bears the annotation holds wrong ones. What etcd notices of it, and when. */
import type { Cluster } from '../cluster.ts';
import { PVC } from '../kinds.ts';
import type { EtcdRegistry } from './etcd.ts';
import type { EtcdCluster, MemberRecord } from './etcdClusters.ts';

/** On a claim: what its member holds is damaged. */
export const DAMAGED = 'sandbox/damaged';

const isDamaged = (seed: Cluster, { namespace }: EtcdCluster, { volume }: MemberRecord): boolean =>
  volume !== null &&
  seed.store.list(PVC, namespace).some(({ metadata }) => metadata.uid === volume && metadata.annotations?.[DAMAGED] !== undefined);

/** What a member's keys hash to; two that are damaged are not so in the same way. */
export const hashOf = (seed: Cluster, cluster: EtcdCluster, record: MemberRecord): number =>
  isDamaged(seed, cluster, record) ? 1 + Number(BigInt(`0x${record.id}`) % 4_000_000_000n) : 1;

const runningRecords = (registry: EtcdRegistry, cluster: EtcdCluster): MemberRecord[] => {
  const names = new Set([...registry.members.values()].filter((m) => m.cluster === cluster && m.compares).map(({ name }) => name));
  return cluster.members.filter(({ name, learner }) => !learner && names.has(name));
};

/**
 * Ids of the members for whom the alarm is on, '0' where no majority holds the same. etcd compares after each compaction, the sandbox whenever it is
 * asked. Who is off the list is alarmed of until that is taken back, too.
 */
export const corruptAlarms = (seed: Cluster, registry: EtcdRegistry, cluster: EtcdCluster): string[] => {
  const running = runningRecords(registry, cluster);
  const right = running.filter((record) => hashOf(seed, cluster, record) === 1);
  const wrong = running.filter((record) => !right.includes(record)).map(({ id }) => id);
  const named = wrong.length === 0 || running.length < 2 ? [] : right.length > running.length / 2 ? wrong : ['0'];
  const known = cluster.alarms ?? [];
  const fresh = named.filter((id) => !known.includes(id));
  if (fresh.length === 0) return known;
  cluster.alarms = [...known, ...fresh];
  registry.clusters.changed(cluster);
  return cluster.alarms;
};

/** One that begins beside others that hold other data says so and ends, whichever of them is in the wrong. */
export const requireSameData = (seed: Cluster, registry: EtcdRegistry, cluster: EtcdCluster, name: string): void => {
  const own = cluster.members.find((m) => m.name === name);
  if (own === undefined) return;
  const others = runningRecords(registry, cluster).filter((m) => m !== own);
  if (others.some((m) => hashOf(seed, cluster, m) !== hashOf(seed, cluster, own)))
    throw new Error(`discovery failed: ${own.id} found data inconsistency with peers`);
};
