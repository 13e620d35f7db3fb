/** What simulated etcd members have on their volumes: who is a member of which cluster. Kept over a restart of the sandbox. */
import { randomBytes } from 'node:crypto';
import type { WorldTable } from '../../contract.ts';

export interface MemberRecord {
  id: string;
  name: string;
  peerUrl: string;
  learner: boolean;
  /** It has begun once: an empty volume under its name is a lost one. */
  started: boolean;
  /** Uid of the claim, or of the pod, that holds its data; null when that is gone. */
  volume: string | null;
}

export interface EtcdCluster {
  /** Names what the cluster holds. */
  dataId: string;
  namespace: string;
  token: string;
  members: MemberRecord[];
  /** Volumes of members that were taken off the list. */
  removed: string[];
  /** Revisions go on above it; of a cluster that was restored with a bump. */
  revisionFloor?: number;
  /** Ids of members for whom the alarm CORRUPT is on. */
  alarms?: string[];
  /** Id of the member that leads; null: whoever comes first. */
  leader: string | null;
}

export interface Newcomer {
  namespace: string;
  token: string;
  name: string;
  volume: string;
  state: string;
  list: { name: string; url: string }[];
}

export interface EtcdClusters {
  /** The cluster of a volume, or that which an empty one forms or joins. Throws a member's last words. */
  admit(newcomer: Newcomer, isRunning: (cluster: EtcdCluster) => boolean): EtcdCluster;
  /** A member's volume has what was restored to it. The first of a cluster makes that; the data's name, if it is new. */
  restore(newcomer: Newcomer, revisionFloor: number): string | undefined;
  /** A volume is gone. The data's name when it was the last one. */
  lose(volume: string): string | undefined;
  changed(cluster: EtcdCluster): void;
  /** A member has its data there. */
  holds(volume: string): boolean;
  floorOf(dataId: string): { revisionFloor?: number };
}

export const newMember = (name: string, peerUrl: string, learner: boolean): MemberRecord => ({
  id: randomBytes(8).toString('hex').replace(/^0/, '1'),
  name,
  peerUrl,
  learner,
  started: false,
  volume: null,
});

export const createEtcdClusters = (table: WorldTable<EtcdCluster>): EtcdClusters => {
  const changed = (cluster: EtcdCluster): void => table.set(cluster.dataId, cluster);
  const settle = (cluster: EtcdCluster, newcomer: Newcomer): EtcdCluster => {
    const own = cluster.members.find((m) => m.name === newcomer.name);
    if (own) Object.assign(own, { volume: newcomer.volume, started: true });
    changed(cluster);
    return cluster;
  };
  const form = (newcomer: Newcomer, running: EtcdCluster | undefined): EtcdCluster => {
    const { namespace, token, volume, list, name } = newcomer;
    const own = running?.members.find((m) => m.name === name);
    if (!running)
      return settle(
        { dataId: volume, namespace, token, members: list.map((m) => newMember(m.name, m.url, false)), removed: [], leader: null },
        newcomer,
      );
    if (!own) throw new Error('request sent was ignored by remote peer due to cluster ID mismatch');
    if (own.started) throw new Error(`discovery failed: member ${own.id} has already been bootstrapped`);
    return settle(running, newcomer);
  };
  const join = (newcomer: Newcomer, running: EtcdCluster | undefined): EtcdCluster => {
    if (!running)
      throw new Error(
        'discovery failed: cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs',
      );
    if (newcomer.list.length !== running.members.length)
      throw new Error('discovery failed: error validating peerURLs: member count is unequal');
    if (!running.members.every((m) => newcomer.list.some(({ url }) => url === m.peerUrl)))
      throw new Error('discovery failed: error validating peerURLs: unmatched member while checking PeerURLs');
    for (const member of running.members)
      if (member.peerUrl === newcomer.list.find((m) => m.name === newcomer.name)?.url) member.name = newcomer.name;
    return settle(running, newcomer);
  };
  return {
    admit(newcomer, isRunning) {
      const clusters = [...table.values()].filter((c) => c.namespace === newcomer.namespace && c.token === newcomer.token);
      if (clusters.some((c) => c.removed.includes(newcomer.volume)))
        throw new Error('the member has been permanently removed from the cluster');
      const known = clusters.find((c) => c.members.some((m) => m.volume === newcomer.volume));
      if (known) return known;
      if (!newcomer.list.some((m) => m.name === newcomer.name))
        throw new Error(`couldn't find local name "${newcomer.name}" in the initial cluster configuration`);
      // Whether there is a cluster is asked of its running members.
      const running = clusters.find(isRunning);
      if (newcomer.state === 'existing') return join(newcomer, running);
      return form(newcomer, running ?? clusters.find((c) => c.members.some((m) => m.name === newcomer.name && !m.started)));
    },
    restore(newcomer, revisionFloor) {
      const { namespace, token, volume, list } = newcomer;
      // What makes it the same cluster is the token and the list; of another snapshot it has other data, though volumes of that are still there.
      const same = [...table.values()].find(
        (c) =>
          c.namespace === namespace &&
          c.token === token &&
          c.revisionFloor === revisionFloor &&
          c.members.every((m) => list.some(({ url }) => url === m.peerUrl)),
      );
      const cluster = same ?? {
        dataId: volume,
        namespace,
        token,
        members: list.map((m) => newMember(m.name, m.url, false)),
        removed: [],
        leader: null,
        revisionFloor,
      };
      settle(cluster, newcomer);
      return same === undefined ? cluster.dataId : undefined;
    },
    lose(volume) {
      for (const cluster of [...table.values()]) {
        const member = cluster.members.find((m) => m.volume === volume);
        if (!member && !cluster.removed.includes(volume)) continue;
        if (member) member.volume = null;
        cluster.removed = cluster.removed.filter((v) => v !== volume);
        if (cluster.members.some((m) => m.volume !== null)) changed(cluster);
        else {
          table.delete(cluster.dataId);
          return cluster.dataId;
        }
      }
      return undefined;
    },
    changed,
    holds: (volume) => [...table.values()].some((c) => c.members.some((m) => m.volume === volume)),
    floorOf: (dataId) => {
      const floor = table.get(dataId)?.revisionFloor;
      return floor === undefined ? {} : { revisionFloor: floor };
    },
  };
};
