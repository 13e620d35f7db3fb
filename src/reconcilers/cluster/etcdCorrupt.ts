/** Finds a member of etcd whose data are not the others', where a majority of the others can say so. */
import type { ReachableCluster } from '../../controlPlane/hostedCluster.ts';
import { UserError } from '../../domain/errors.ts';
import { type CorruptMember, corruptOf, type EtcdMember, holdTheSame } from '../../domain/etcd.ts';
import { type Outcome, waiting } from '../../engine/flow.ts';
import { claimOf, LOOK, type MemberSight, readHashes, readMembers } from './etcdSight.ts';
import { sendTask, takeAnswer } from './etcdTask.ts';
import type { ClusterScope } from './scope.ts';
import { sayWayBack } from './wayBack.ts';

/** A member's last words when it starts beside one that holds other data: which of the two is wrong it does not know. */
const FOUND_OTHER = /found data inconsistency with peers/;
const SOON_MS = 2_000;
const AGAIN_MS = 60_000;

/**
 * The member to be replaced, noted before anything is done about it; or what it takes to find out; null: all that serve hold the same, as far as
 * is known. `seen`: what members' pods say, where not all are ready.
 * @throws UserError when no majority holds the same.
 */
export const findCorrupt = async (
  scope: ClusterScope,
  hosted: ReachableCluster,
  seen: ReadonlyMap<number, MemberSight>,
): Promise<CorruptMember | Outcome | null> => {
  const { etcd, etcdStatus } = scope.row;
  if (etcd?.corrupt != null) return etcd.corrupt;
  const named = corruptOf(etcdStatus?.members ?? []);
  if (named !== undefined) return note(scope, hosted, named);
  const accuser = [...seen].find(([, { words = '', ready }]) => !ready && FOUND_OTHER.test(words))?.[0];
  return accuser === undefined ? null : judge(scope, hosted, accuser);
};

/** Whoever does not start is in the wrong when all others hold the same. */
const judge = async (scope: ClusterScope, hosted: ReachableCluster, accuser: number): Promise<CorruptMember | Outcome> => {
  const asking = waiting(`etcd's members to say whether member ${accuser}, which holds other data than they, is in the wrong`, SOON_MS);
  const look = await takeAnswer(scope, 'look');
  if (look === undefined) await sendTask(scope, { kind: 'look', commands: LOOK });
  if (look === undefined || look === 'running') return asking;
  const compared = await takeAnswer(scope, 'compare');
  if (compared === 'running') return asking;
  const list = readMembers(hosted, look);
  const others = list.filter(({ number, learner }) => number !== accuser && !learner);
  const accused = list.find(({ number }) => number === accuser);
  const same = compared === undefined ? null : holdTheSame(readHashes(compared), others.length);
  if (same === true && accused !== undefined && others.length > list.length / 2) return note(scope, hosted, accused);
  if (same === false) return refuse(scope);
  const revisions = others.flatMap(({ revision }) => revision ?? []);
  // All of them have got so far.
  if (revisions.length === others.length)
    await sendTask(scope, { kind: 'compare', commands: { hash: ['endpoint', 'hashkv', `--rev=${Math.min(...revisions)}`] } });
  return asking;
};

const note = async (scope: ClusterScope, hosted: ReachableCluster, { number, id }: EtcdMember): Promise<CorruptMember> => {
  const { kube } = await scope.seed();
  const corrupt = { number, id, claim: (await kube.get(claimOf(hosted, number)))?.metadata.uid ?? null };
  if (scope.row.etcd !== null) await scope.patch({ etcd: { ...scope.row.etcd, corrupt } });
  return corrupt;
};

/** @throws UserError. */
const refuse = async (scope: ClusterScope): Promise<never> => {
  const way = await sayWayBack(scope);
  const remedy = way === undefined ? 'there is no backup that could be restored' : way;
  throw new UserError('SEED_REFUSED', `etcd's members hold different data, and no majority of them agrees: ${remedy}.`, {
    whoMustAct: way === undefined ? 'CLOUD_ADMIN' : 'CUSTOMER',
    lookAgainMs: AGAIN_MS,
  });
};
