/** Reads what etcdctl and the seed say of etcd's members. */
import { z } from 'zod';
import { etcdMembersOf, type HostedCluster, namesOf, type ReachableCluster } from '../../controlPlane/hostedCluster.ts';
import { selectorOf } from '../../controlPlane/workload.ts';
import { Unavailable } from '../../domain/errors.ts';
import type { EtcdMember, KeysHash } from '../../domain/etcd.ts';
import type { KubernetesObject, ObjectRef } from '../../seeds/kinds.ts';
import type { TaskAnswer } from '../jobAnswer.ts';
import { selectorText } from '../workload.ts';
import type { ClusterScope } from './scope.ts';

/** What a look at etcd runs; the second fails as a whole when one member does not answer, and says all the same what the others do. */
export const LOOK = { list: ['member', 'list'], status: ['endpoint', 'status'] };

const id = z.union([z.string(), z.number()]).transform(String);
const list = z.looseObject({
  members: z.array(
    z.looseObject({
      ID: id,
      name: z.string().default(''),
      peerURLs: z.array(z.string()).default([]),
      isLearner: z.boolean().default(false),
    }),
  ),
});
const statuses = z.array(
  z.looseObject({
    Status: z.looseObject({
      header: z.looseObject({ member_id: id.default('0'), revision: z.number().optional() }),
      leader: id.default('0'),
      version: z.string().nullable().default(null),
      dbSize: z.number().nullable().default(null),
      dbSizeInUse: z.number().nullable().default(null),
      errors: z.array(z.string()).default([]),
    }),
  }),
);

/** Numbers above 2^53, which ids are, would be rounded: they are read as text. Those in the words of an alarm are text already. */
const parseIds = (text: string): unknown => JSON.parse(text.replace(/:(\d{15,})(?=[,}\]])/g, ':"$1"'));
const hexOf = (id: string): string => BigInt(id).toString(16);

/** The JSON among the lines that a container said; undefined when there is none. */
export const jsonOf = (text: string | undefined): unknown => {
  for (const line of (text ?? '').split('\n')) {
    if (!/^[[{]/.test(line) || /^\{"level"/.test(line)) continue;
    try {
      return parseIds(line);
    } catch {
      // Not the answer, but something of the kind.
    }
  }
  return undefined;
};

/** What stands where the answer should be, for people: etcdctl's last line. */
export const complaintOf = (answer: TaskAnswer): string => {
  const line = Object.values(answer.said).join('\n').trim().split('\n').at(-1) ?? '';
  return (/"error":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line).replace(/^Error: /, '').slice(0, 300);
};

/** @throws Unavailable when no member could say. */
export const readMembers = (hosted: HostedCluster, answer: TaskAnswer): EtcdMember[] => {
  const read = list.safeParse(jsonOf(answer.said.list));
  if (!read.success) throw new Unavailable('CLUSTER_UNAVAILABLE', `etcd does not say who its members are: ${complaintOf(answer)}`);
  const seen = statuses.safeParse(jsonOf(answer.said.status));
  const answers = seen.success ? seen.data.map(({ Status }) => Status) : [];
  const leaders = new Set(answers.map(({ leader }) => leader));
  // Each says all alarms.
  const alarms = answers.flatMap(({ errors }) => errors.flatMap(alarmOf));
  const corrupt = new Set(alarms.flatMap(({ alarm, memberId }) => (alarm === 'CORRUPT' ? [memberId] : [])));
  // Numbers go on beyond those that there are: a member that was taken off the list half-way is still known by its address.
  const hosts = etcdMembersOf(hosted, MOST_MEMBERS).map(({ host }) => `https://${host}:2380`);
  return read.data.members.map(({ ID, name, peerURLs, isLearner }) => {
    const status = answers.find(({ header }) => header.member_id === ID);
    return {
      id: hexOf(ID),
      number: hosts.findIndex((url) => peerURLs.includes(url)),
      started: name !== '',
      learner: isLearner,
      leader: leaders.has(ID),
      dbSizeBytes: status?.dbSize ?? null,
      dbInUseBytes: status?.dbSizeInUse ?? null,
      version: status?.version ?? null,
      ...(status?.header.revision !== undefined && { revision: status.header.revision }),
      alarms: (status?.errors ?? []).flatMap(alarmOf).map(({ alarm }) => alarm),
      ...(corrupt.has(ID) && { corrupt: true as const }),
    };
  });
};

/** Of etcd's words "memberID:… alarm:NOSPACE "; without an id where no majority could name one. */
const alarmOf = (text: string): { alarm: string; memberId: string }[] => {
  const [, memberId = '0', alarm] = /(?:memberID:(\d+) )?alarm:([A-Z]+)/.exec(text) ?? [];
  return alarm === undefined ? [] : [{ alarm, memberId }];
};

const hashes = z.array(
  z.looseObject({
    HashKV: z.looseObject({ hash: z.number(), compact_revision: z.number().default(0), hash_revision: z.number().default(0) }),
  }),
);

/** Of the members that could say what they hold. */
export const readHashes = ({ said }: TaskAnswer): KeysHash[] => {
  const read = hashes.safeParse(jsonOf(said.hash));
  if (!read.success) return [];
  return read.data.map(({ HashKV: { hash, compact_revision: compactRevision, hash_revision: revision } }) => ({
    hash,
    revision,
    compactRevision,
  }));
};

const MOST_MEMBERS = 3;

export const memberAt = (hosted: ReachableCluster, number: number): { name: string; host: string } => {
  const member = etcdMembersOf(hosted, number + 1).at(-1);
  if (member === undefined) throw new Error(`no member ${number}`);
  return member;
};

export const claimOf = (hosted: ReachableCluster, number: number): ObjectRef => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  namespace: hosted.namespace,
  name: `data-${memberAt(hosted, number).name}`,
});

/** Uids of the claims of members from 0 on, and of the namespace that they are in; null: it is not there. */
export const claimsOf = async (
  scope: ClusterScope,
  hosted: ReachableCluster,
  members: number,
): Promise<{ uids: (string | null)[]; namespace: string | null }> => {
  const { kube } = await scope.seed();
  const claims = Array.from({ length: members }, (_, number) => claimOf(hosted, number));
  const [namespace, ...live] = await Promise.all(
    [{ apiVersion: 'v1', kind: 'Namespace', name: hosted.namespace }, ...claims].map((ref) => kube.get(ref)),
  );
  return { uids: live.map((claim) => claim?.metadata.uid ?? null), namespace: namespace?.metadata.uid ?? null };
};

interface Pod extends KubernetesObject {
  status?: { containerStatuses?: ContainerStatus[]; conditions?: { type: string; status: string }[] };
}
interface ContainerStatus {
  lastState?: { terminated?: Ended };
  state?: { terminated?: Ended };
}
interface Ended {
  message?: string;
}

/** Of a member's pod. */
export interface MemberSight {
  /** Its last words; absent while it has not ended. */
  words?: string;
  /** It serves, of whatever form it is. */
  ready: boolean;
}

/** What the seed says of members' pods, by their numbers; nothing of those that are on their way out. */
export const seeMembers = async (scope: ClusterScope, hosted: HostedCluster): Promise<Map<number, MemberSight>> => {
  const { kube } = await scope.seed();
  const labelSelector = selectorText(selectorOf(hosted, 'etcd'));
  const pods = (await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: hosted.namespace, labelSelector })).items as Pod[];
  const numberOf = ({ metadata }: Pod): number => Number(metadata.name.slice(namesOf(hosted).etcd.length + 1));
  return new Map(pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map((pod) => [numberOf(pod), sightOf(pod)]));
};

const sightOf = ({ status }: Pod): MemberSight => {
  const containers = status?.containerStatuses ?? [];
  const words = containers.flatMap(({ state, lastState }) => state?.terminated?.message ?? lastState?.terminated?.message ?? []).at(-1);
  const ready = status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;
  return { ready, ...(words !== undefined && { words }) };
};
