/** Members of etcd that come, go or are replaced: one at a time, each step seen to have happened before the next. */
import { namesOf, type ReachableCluster } from '../../controlPlane/hostedCluster.ts';
import { Unavailable } from '../../domain/errors.ts';
import { type EtcdMember, type EtcdMembership, type MembershipMove, nextMove } from '../../domain/etcd.ts';
import type { EtcdStatus } from '../../domain/etcdCare.ts';
import { done, type Outcome, waiting } from '../../engine/flow.ts';
import type { KubernetesObject, ObjectRef } from '../../seeds/kinds.ts';
import { findCorrupt } from './etcdCorrupt.ts';
import { findLost } from './etcdQuorum.ts';
import { claimOf, complaintOf, LOOK, type MemberSight, memberAt, readMembers, seeMembers } from './etcdSight.ts';
import { sendTask, takeAnswer } from './etcdTask.ts';
import type { ClusterScope } from './scope.ts';

const SOON_MS = 2_000;

/** The change had been made already, or comes by itself. */
const HARMLESS = /Peer URLs already exists|member not found|in sync with leader|already a voting member|unhealthy cluster/i;

/**
 * `apply`: brings the pods in line with the membership that was noted last.
 * @throws UserError QUORUM_LOST when members that have lost their data are so many that the others cannot let them in again.
 */
export const ensureMembership = async (scope: ClusterScope, ready: number, apply: () => Promise<void>): Promise<Outcome> => {
  const hosted = await scope.reachable();
  const membership = scope.row.etcd;
  if (membership === null || membership.phase === 'FORMING') return done();
  const wanted = scope.row.spec.controlPlane.replicas;
  const { members, joining } = membership;
  const seen = joining === null && ready < members ? await seeMembers(scope, hosted) : new Map<number, MemberSight>();
  const gone = joining === null ? await findLost(scope, hosted, { members, ready, seen }) : null;
  const corrupt = joining === null && gone === null ? await findCorrupt(scope, hosted, seen) : null;
  if (corrupt !== null && 'kind' in corrupt) return corrupt;
  const lost = gone ?? corrupt?.number ?? null;
  if (joining === null && lost === null && members === wanted) return done();

  const change = await takeAnswer(scope, 'change');
  if (change === 'running') return waiting('etcd to change its members', SOON_MS);
  if (change !== undefined && !change.good && !HARMLESS.test(Object.values(change.said).join()))
    throw new Unavailable('CLUSTER_UNAVAILABLE', `etcd does not change its members: ${complaintOf(change)}`);
  const look = await takeAnswer(scope, 'look');
  if (look === undefined) await sendTask(scope, { kind: 'look', commands: LOOK });
  if (look === undefined || look === 'running') return waiting('etcd to say who its members are', SOON_MS);

  const list = readMembers(hosted, look);
  const known = scope.row.etcd ?? membership;
  const move = nextMove({ membership: known, wanted, list, lost, asked: await countAsked(scope, hosted, known, wanted) });
  return carryOut(scope, hosted, move, known, apply);
};

const carryOut = async (
  scope: ClusterScope,
  hosted: ReachableCluster,
  move: MembershipMove,
  before: EtcdMembership,
  apply: () => Promise<void>,
): Promise<Outcome> => {
  switch (move.kind) {
    case 'none':
      return done();
    case 'wait':
      return waiting(move.for, SOON_MS);
    case 'note':
      // How the members are that there are now is looked at next.
      await scope.patch({
        etcd: move.membership,
        // Other claims than before are on their way.
        quorum: null,
        ...(scope.row.etcdStatus !== null && { etcdStatus: lookAnew(scope.row.etcdStatus) }),
      });
      await apply();
      await tidy(scope, hosted, before, move.membership);
      return waiting('etcd to change its members', SOON_MS);
    default:
      if (move.kind === 'add' && (await oldVolume(scope, hosted, move.number, before)))
        return waiting(`the old volume of member ${move.number} to go`, SOON_MS);
      await sendTask(scope, { kind: 'change', commands: { change: wordsOf(hosted, move) } });
      return waiting(whatOf(move), SOON_MS);
  }
};

/** Whoever was named at the last look is not among them any more. */
const lookAnew = (status: EtcdStatus): EtcdStatus => ({
  ...status,
  members: status.members.map(({ corrupt, ...member }) => member),
  lookAt: 0,
});

type Change = Exclude<MembershipMove, { kind: 'none' | 'wait' | 'note' }>;

const wordsOf = (hosted: ReachableCluster, move: Change): string[] => {
  if (move.kind === 'moveLeader') return ['move-leader', move.to.id];
  if (move.kind === 'disarm') return ['alarm', 'disarm'];
  if (move.kind !== 'add') return ['member', move.kind, move.member.id];
  const { name, host } = memberAt(hosted, move.number);
  // A learner counts for no quorum: a newcomer that does not come costs the others nothing.
  return ['member', 'add', name, '--learner', `--peer-urls=https://${host}:2380`];
};

const whatOf = (move: Change): string => {
  const told = (member: EtcdMember): string => `member ${member.number} of etcd`;
  if (move.kind === 'add') return `etcd to take in member ${move.number}`;
  if (move.kind === 'moveLeader') return `${told(move.to)} to lead`;
  if (move.kind === 'disarm') return 'etcd to take writes again';
  return move.kind === 'promote' ? `${told(move.member)} to get its vote` : `${told(move.member)} to be taken off the list`;
};

/** What a member leaves behind would be taken up by the next of its name, and one that was taken off the list never starts again. */
const oldVolume = async (
  scope: ClusterScope,
  hosted: ReachableCluster,
  number: number,
  { members, corrupt }: EtcdMembership,
): Promise<boolean> => {
  const { kube } = await scope.seed();
  const claim = claimOf(hosted, number);
  if (number >= members) return kube.remove(claim);
  if (corrupt == null || corrupt.claim === null || corrupt.number !== number) return false;
  // One that came since is empty.
  if ((await kube.get(claim))?.metadata.uid !== corrupt.claim) return false;
  await kube.remove(claim, { uid: corrupt.claim });
  // A claim goes when nobody uses it any more.
  await kube.remove(podOf(hosted, number));
  return true;
};

const podOf = (hosted: ReachableCluster, number: number): ObjectRef => ({
  apiVersion: 'v1',
  kind: 'Pod',
  namespace: hosted.namespace,
  name: memberAt(hosted, number).name,
});

const tidy = async (scope: ClusterScope, hosted: ReachableCluster, before: EtcdMembership, now: EtcdMembership): Promise<void> => {
  const { kube } = await scope.seed();
  if (now.members < before.members) await kube.remove(claimOf(hosted, now.members));
  // One that found itself empty is in a back-off of minutes by now; a new pod reads the list at once.
  if (now.joining !== null && now.joining < before.members) await kube.remove(podOf(hosted, now.joining));
};

interface ApiServers extends KubernetesObject {
  spec: { replicas: number; template: { spec: { containers: { command: string[] }[] } } };
  status?: { observedGeneration?: number; replicas?: number; updatedReplicas?: number; readyReplicas?: number };
}

/** How many members the API servers that run may ask: all, until each of them is of the newest form. Looked up only where members are to go. */
const countAsked = async (scope: ClusterScope, hosted: ReachableCluster, { members }: EtcdMembership, wanted: number): Promise<number> => {
  if (members <= wanted) return members;
  const { kube } = await scope.seed();
  const name = namesOf(hosted).apiServer;
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: hosted.namespace, name };
  const live = (await kube.get(ref)) as ApiServers | undefined;
  if (live === undefined) return 0;
  const { replicas = 0, updatedReplicas, readyReplicas, observedGeneration } = live.status ?? {};
  const rolled = observedGeneration === live.metadata.generation && replicas === updatedReplicas && replicas === readyReplicas;
  const flag = live.spec.template.spec.containers.flatMap(({ command }) => command).find((word) => word.startsWith('--etcd-servers='));
  return rolled && flag !== undefined ? flag.split(',').length : members;
};
