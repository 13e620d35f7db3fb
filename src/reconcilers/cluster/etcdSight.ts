/** Reads what etcdctl and the seed say of etcd's members. */
import { z } from 'zod';
import { etcdMembersOf, type HostedCluster, namesOf } from '../../controlPlane/hostedCluster.ts';
import { selectorOf } from '../../controlPlane/workload.ts';
import { Unavailable } from '../../domain/errors.ts';
import type { EtcdMember } from '../../domain/etcd.ts';
import type { KubernetesObject } from '../../seeds/kinds.ts';
import { selectorText } from '../workload.ts';
import type { TaskAnswer } from './etcdTask.ts';
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

/** Numbers above 2^53, which ids are, would be rounded: they are read as text. */
const parseIds = (text: string): unknown => JSON.parse(text.replace(/:(\d{15,})/g, ':"$1"'));
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
      // In etcd's words "memberID:… alarm:NOSPACE ".
      alarms: (status?.errors ?? []).flatMap((text) => /alarm:([A-Z]+)/.exec(text)?.[1] ?? []),
    };
  });
};

const MOST_MEMBERS = 3;

interface Pod extends KubernetesObject {
  status?: { containerStatuses?: { lastState?: { terminated?: Ended }; state?: { terminated?: Ended } }[] };
}
interface Ended {
  message?: string;
}

/** The last words of members that do not run, by their numbers. */
export const lastWordsOf = async (scope: ClusterScope, hosted: HostedCluster): Promise<Map<number, string>> => {
  const { kube } = await scope.seed();
  const labelSelector = selectorText(selectorOf(hosted, 'etcd'));
  const pods = (await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: hosted.namespace, labelSelector })).items as Pod[];
  const words = new Map<number, string>();
  for (const { metadata, status } of pods) {
    const number = Number(metadata.name.slice(namesOf(hosted).etcd.length + 1));
    for (const { state, lastState } of status?.containerStatuses ?? []) {
      const message = state?.terminated?.message ?? lastState?.terminated?.message;
      if (message !== undefined && metadata.deletionTimestamp === undefined) words.set(number, message);
    }
  }
  return words;
};
