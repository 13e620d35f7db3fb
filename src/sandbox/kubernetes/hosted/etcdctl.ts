/** A simulated etcdctl in the containers of a pod: it dials with its files, says what the real one says, and ends. */
import type { Cluster } from '../cluster.ts';
import { type Dict, dicts, type KubeObject, spec, text, texts } from '../objects.ts';
import { dialEtcd, type EtcdMember, type EtcdRegistry, isRunning, leaderOf, refusalOf } from './etcd.ts';
import { type MemberRecord, newMember } from './etcdClusters.ts';
import { corruptAlarms, hashOf } from './etcdCorruption.ts';
import { containerFiles } from './podFiles.ts';
import { messageOf, type Process } from './process.ts';

interface Words {
  words: string[];
  flag(name: string): string | undefined;
}

interface Errand {
  seed: Cluster;
  registry: EtcdRegistry;
  /** Bytes that a cluster's data takes. */
  sizeOf: (dataId: string) => number;
  revisionOf: (dataId: string) => number;
  /** Where the members are no pods of the seed: the one behind an endpoint. Throws what a client logs. */
  dial?: (endpoint: string, container: Dict, flag: (name: string) => string) => EtcdMember;
}

/** uint64, which JSON.stringify cannot say. */
const NUMBER = /"#(\d+)"/g;
const numberOf = (hex: string): string => `#${BigInt(`0x${hex}`)}`;
const toJson = (value: unknown): string => JSON.stringify(value).replace(NUMBER, '$1');

const parseWords = (all: string[]): Words => {
  const flags = new Map<string, string>();
  const words: string[] = [];
  for (const word of all) {
    const [, name, , value] = /^--([a-z0-9-]+)(=([\s\S]*))?$/.exec(word) ?? [];
    if (name === undefined) words.push(word);
    else flags.set(name, value ?? 'true');
  }
  return { words, flag: (name) => flags.get(name) };
};

const memberJson = (m: MemberRecord): object => ({
  ID: numberOf(m.id),
  ...(m.started ? { name: m.name } : {}),
  peerURLs: [m.peerUrl],
  ...(m.started ? { clientURLs: [m.peerUrl.replace(/:2380$/, ':2379')] } : {}),
  ...(m.learner ? { isLearner: true } : {}),
});

const refuse = (what: string): never => {
  throw new Error(`etcdserver: ${what}`);
};

/** One member that answers, out of those that can be reached. */
const someone = (members: (EtcdMember | Error)[], registry: EtcdRegistry): EtcdMember => {
  const reached = members.filter((m): m is EtcdMember => !(m instanceof Error));
  const willing = reached.find((m) => refusalOf(registry, m) === undefined);
  if (willing) return willing;
  const [first] = members;
  throw reached.length > 0 || !(first instanceof Error) ? new Error('context deadline exceeded') : first;
};

const findMember = ({ cluster }: EtcdMember, hex: string | undefined): MemberRecord =>
  cluster.members.find((m) => m.id === hex) ?? refuse('member not found');

const change = ({ registry }: Errand, member: EtcdMember, { words, flag }: Words): object => {
  const { cluster } = member;
  const [, verb, subject] = words;
  if (verb === 'add') {
    const peerUrl = flag('peer-urls') ?? '';
    if (cluster.members.some((m) => m.peerUrl === peerUrl)) refuse('Peer URLs already exists');
    if (flag('learner') === 'true' && cluster.members.some((m) => m.learner)) refuse('too many learner members in cluster');
    if (cluster.members.some((m) => !m.learner && !isRunning(registry, cluster, m))) refuse('unhealthy cluster');
    cluster.members.push(newMember(subject ?? '', peerUrl, flag('learner') === 'true'));
  } else if (verb === 'promote') {
    const found = findMember(member, subject);
    if (!found.learner) refuse('can only promote a learner member');
    if (!isRunning(registry, cluster, found)) refuse('can only promote a learner member which is in sync with leader');
    found.learner = false;
  } else {
    const found = findMember(member, subject);
    const left = cluster.members.filter((m) => m !== found && !m.learner);
    if (left.filter((m) => isRunning(registry, cluster, m)).length <= left.length / 2)
      refuse('re-configuration failed due to not enough started members');
    cluster.members = left.concat(cluster.members.filter((m) => m !== found && m.learner));
    if (found.volume !== null) cluster.removed.push(found.volume);
  }
  registry.clusters.changed(cluster);
  return { header: { cluster_id: 1 }, members: cluster.members.map(memberJson) };
};

const recordOf = ({ cluster, name }: EtcdMember): MemberRecord | undefined => cluster.members.find((m) => m.name === name);

const headerOf = ({ revisionOf }: Errand, member: EtcdMember): object => ({
  member_id: numberOf(recordOf(member)?.id ?? '0'),
  revision: revisionOf(member.cluster.dataId),
  raft_term: 2,
});

const statusJson = (errand: Errand, member: EtcdMember, endpoint: string): object => ({
  Endpoint: endpoint,
  Status: {
    header: headerOf(errand, member),
    version: '3.6.8',
    dbSize: errand.sizeOf(member.cluster.dataId),
    dbSizeInUse: errand.sizeOf(member.cluster.dataId),
    leader: numberOf(leaderOf(errand.registry, member.cluster)?.id ?? '0'),
    ...errorsOf(corruptAlarms(errand.seed, errand.registry, member.cluster)),
  },
});

const errorsOf = (alarms: string[]): object =>
  alarms.length === 0 ? {} : { errors: alarms.map((id) => `${id === '0' ? '' : `memberID:${BigInt(`0x${id}`)} `}alarm:CORRUPT `) };

/** Its keys as they were at a revision. */
const hashJson = (errand: Errand, member: EtcdMember, endpoint: string, at: number): object => {
  if (at > errand.revisionOf(member.cluster.dataId)) refuse('mvcc: required revision is a future revision');
  const record = recordOf(member);
  return {
    Endpoint: endpoint,
    HashKV: {
      header: headerOf(errand, member),
      hash: record === undefined ? 0 : hashOf(errand.seed, member.cluster, record),
      compact_revision: -1,
      hash_revision: at === 0 ? errand.revisionOf(member.cluster.dataId) : at,
    },
  };
};

const healthOf = ({ seed, registry }: Errand, endpoints: string[], reached: (EtcdMember | Error)[]): string => {
  const illness = (member: EtcdMember): string | undefined =>
    refusalOf(registry, member) ?? (corruptAlarms(seed, registry, member.cluster).length > 0 ? 'Active Alarm(s): CORRUPT ' : undefined);
  const all = endpoints.map((endpoint, i) => {
    const member = reached[i];
    const error = member instanceof Error ? 'context deadline exceeded' : member && illness(member);
    return { endpoint, health: error === undefined, took: '1ms', ...(error !== undefined && { error }) };
  });
  if (all.some(({ health }) => !health)) throw new Error(`unhealthy cluster\n${JSON.stringify(all)}`);
  return JSON.stringify(all);
};

const carryOut = (errand: Errand, line: Words, dial: (endpoint: string) => EtcdMember): string => {
  const endpoints = (line.flag('endpoints') ?? '127.0.0.1:2379').split(',');
  const reach = (endpoint: string): EtcdMember | Error => {
    try {
      return dial(endpoint);
    } catch (error) {
      return new Error(messageOf(error));
    }
  };
  const reached = endpoints.map(reach);
  const [noun, verb, subject] = line.words;
  if (noun === 'endpoint' && verb === 'health') return healthOf(errand, endpoints, reached);
  const askEach = (what: string, ask: (member: EtcdMember, endpoint: string) => object): string => {
    const found = endpoints.flatMap((endpoint, i) => {
      const member = reached[i];
      return member === undefined || member instanceof Error ? [] : [ask(member, endpoint)];
    });
    const json = toJson(found);
    if (found.length < endpoints.length) throw new Error(`Failed to get the ${what} of endpoint: context deadline exceeded\n${json}`);
    return json;
  };
  if (noun === 'endpoint' && verb === 'status') return askEach('status', (member, endpoint) => statusJson(errand, member, endpoint));
  if (noun === 'endpoint' && verb === 'hashkv')
    return askEach('hash', (member, endpoint) => hashJson(errand, member, endpoint, Number(line.flag('rev') ?? 0)));
  if (noun === 'defrag') {
    const failed = endpoints.filter((_, i) => reached[i] instanceof Error);
    if (failed.length > 0) throw new Error(`Failed to defragment etcd member[${failed[0]}]. (context deadline exceeded)`);
    return endpoints.map((endpoint) => `Finished defragmenting etcd member[${endpoint}]. took 1ms`).join('\n');
  }
  const member = someone(reached, errand.registry);
  if (noun === 'alarm' && (verb === 'list' || verb === 'disarm')) {
    // No cluster here comes near a quota.
    const alarms = corruptAlarms(errand.seed, errand.registry, member.cluster);
    if (verb === 'disarm') {
      member.cluster.alarms = [];
      errand.registry.clusters.changed(member.cluster);
    }
    return toJson({
      header: { cluster_id: 1 },
      ...(alarms.length > 0 && { alarms: alarms.map((id) => ({ ...(id !== '0' && { memberID: numberOf(id) }), alarm: 2 })) }),
    });
  }
  if (noun === 'member' && verb === 'list') return toJson({ header: { cluster_id: 1 }, members: member.cluster.members.map(memberJson) });
  if (noun === 'member' && ['add', 'promote', 'remove'].includes(verb ?? '')) return toJson(change(errand, member, line));
  if (noun === 'move-leader') {
    const target = findMember(member, verb);
    member.cluster.leader = target.id;
    errand.registry.clusters.changed(member.cluster);
    return `Leadership transferred to ${target.id}`;
  }
  throw new Error(`unknown command "${[noun, verb, subject].filter(Boolean).join(' ')}" for "etcdctl"`);
};

/** Undefined for a pod that runs something else. */
export const playEtcdctl = (errand: Errand, pod: KubeObject): Process | undefined => {
  const containers = dicts(spec(pod).containers);
  const commands = containers.map((c) => ({ container: c, words: [...texts(c.command), ...texts(c.args)] }));
  if (!commands.every(({ words }) => /(^|\/)etcdctl$/.test(words[0] ?? ''))) return undefined;
  const run = (container: (typeof containers)[number], words: string[]): { code: number; said: string } => {
    const line = parseWords(words.slice(1));
    const files = containerFiles(errand.seed, pod, container);
    const read = (flag: string): string => files.read(line.flag(flag) ?? '') ?? '';
    const access = { caPem: read('cacert'), certPem: read('cert'), keyPem: read('key') };
    try {
      return {
        code: 0,
        said: carryOut(
          errand,
          line,
          (endpoint) =>
            errand.dial?.(endpoint, container, (name) => line.flag(name) ?? '') ??
            dialEtcd(errand.seed, errand.registry, pod, endpoint, access),
        ),
      };
    } catch (error) {
      return { code: 1, said: `Error: ${messageOf(error)}` };
    }
  };
  return {
    check: () => ({
      state: 'ended',
      containers: Object.fromEntries(commands.map(({ container, words }) => [text(container.name), run(container, words)])),
    }),
    stop: () => undefined,
  };
};
