/** Finds members of etcd that have lost their data, and tells when so many have that the others are no majority any more. */
import type { ReachableCluster } from '../../controlPlane/hostedCluster.ts';
import { isMoving } from '../../domain/controlPlaneMove.ts';
import { UserError } from '../../domain/errors.ts';
import {
  countOf,
  hasMajority,
  judgeQuorum,
  missingAt,
  NO_QUORUM_KNOWN,
  NOTED_FOR_MS,
  type QuorumMissing,
  type QuorumSight,
  type QuorumVerdict,
} from '../../domain/etcdQuorum.ts';
import { isWaking } from '../../domain/hibernation.ts';
import { claimsOf, type MemberSight } from './etcdSight.ts';
import { restoreByItself, sayRest } from './restoreByItself.ts';
import type { ClusterScope } from './scope.ts';
import { sayWayBack } from './wayBack.ts';

/** How a member says that the list it was given is not for it, which for one of a settled cluster is that it began empty. */
const FOUND_EMPTY = /member count is unequal|unmatched member while checking PeerURLs/;
const ALONE_AND_EMPTY = /could not retrieve cluster information|cannot fetch cluster info/;

/**
 * Of `members`, so many are `ready` and of the newest form; `seen` tells of all unless these are all. The number of one that has lost its data and that the others can let in again; null: none.
 * @throws UserError QUORUM_LOST when the others cannot.
 */
export const findLost = async (
  scope: ClusterScope,
  hosted: ReachableCluster,
  { members, ready, seen }: { members: number; ready: number; seen: ReadonlyMap<number, MemberSight> },
): Promise<number | null> => {
  if (ready >= members) {
    await noteWhole(scope, hosted, members);
    return null;
  }
  // In a roll those of the older form serve as well.
  const serving = Math.max(ready, [...seen].filter(([number, sight]) => number < members && sight.ready).length);
  if (hasMajority(serving, members)) await noteMajority(scope);
  else await refuseLoss(scope, await look(scope, hosted, { members, ready: serving, seen }));
  return [...seen].find(([, { words = '' }]) => FOUND_EMPTY.test(words))?.[0] ?? null;
};

const noteWhole = async (scope: ClusterScope, hosted: ReachableCluster, members: number): Promise<void> => {
  const { quorum } = scope.row;
  const now = scope.clock.now();
  const isFresh = scope.look !== 'full' || now - (quorum?.notedAt ?? 0) < NOTED_FOR_MS;
  if (isFresh && quorum?.claims.length === members && quorum.missing === null) return;
  const live = await claimsOf(scope, hosted, members);
  const claims = live.uids.filter((uid) => uid !== null);
  if (claims.length === members || quorum?.missing != null)
    await scope.patch({ quorum: { claims, namespace: live.namespace, notedAt: now, missing: null } });
};

const noteMajority = async (scope: ClusterScope): Promise<void> => {
  const { quorum } = scope.row;
  if (quorum !== null && quorum.missing !== null) await scope.patch({ quorum: { ...quorum, missing: null } });
};

/** Writes down that there is no majority. */
const look = async (
  scope: ClusterScope,
  hosted: ReachableCluster,
  { members, ready, seen }: { members: number; ready: number; seen: ReadonlyMap<number, MemberSight> },
): Promise<QuorumSight> => {
  const known = scope.row.quorum ?? NO_QUORUM_KNOWN;
  const { claims } = known;
  const missing = missingAt(known.missing, scope.clock.now());
  if (missing !== known.missing) await scope.patch({ quorum: { ...known, missing } });
  const live = claims.length === members ? await claimsOf(scope, hosted, members) : { uids: [], namespace: null };
  // Where the whole namespace is another one, this may be another seed: nothing is concluded from what is not in it.
  const comparable = live.namespace !== null && live.namespace === known.namespace;
  const numbers = Array.from({ length: members }, (_, number) => number);
  const foundEmpty = (words: string): boolean => FOUND_EMPTY.test(words) || (members === 1 && ALONE_AND_EMPTY.test(words));
  // On the way to a seed, and on the way up from a sleep, they begin as others do.
  const begins = isMoving(scope.row.move) || isWaking(scope.row) || claims.length !== members;
  return {
    members,
    ready,
    missing,
    replaced: new Set(comparable ? numbers.filter((number) => live.uids[number] !== claims[number]) : []),
    empty: new Set(numbers.filter((number) => foundEmpty(seen.get(number)?.words ?? ''))),
    failing: new Set(begins ? [] : numbers.filter((number) => seen.get(number)?.ready !== true)),
  };
};

/** @throws UserError QUORUM_LOST. */
const refuseLoss = async (scope: ClusterScope, sight: QuorumSight): Promise<void> => {
  const verdict = judgeQuorum(sight, scope.clock.now());
  const goneSince = await noteGone(scope, sight.missing, verdict === 'GONE');
  if (verdict === 'BAD_MINUTE') return;
  if (goneSince !== null) await restoreByItself(scope, goneSince, sayVolumes('GONE', sight));
  const way = await sayWayBack(scope);
  throw new UserError('QUORUM_LOST', `${sayLost(verdict, sight)} ${sayRemedy(verdict, way)}${sayRest(scope)}`, {
    whoMustAct: way === undefined ? 'CLOUD_ADMIN' : 'CUSTOMER',
    lookAgainMs: LOOK_MS,
  });
};

/** Since when the volumes have looked gone at each look; null: they do not. */
const noteGone = async (scope: ClusterScope, missing: QuorumMissing, isGone: boolean): Promise<number | null> => {
  const goneSince = isGone ? (missing.goneSince ?? scope.clock.now()) : null;
  if (goneSince !== missing.goneSince)
    await scope.patch({ quorum: { ...(scope.row.quorum ?? NO_QUORUM_KNOWN), missing: { ...missing, goneSince } } });
  return goneSince;
};

/** Looks that are further apart begin the time without a majority anew. */
const LOOK_MS = 60_000;

type Loss = Exclude<QuorumVerdict, 'BAD_MINUTE'>;

const sayLost = (verdict: Loss, { members, missing, replaced, empty, failing }: QuorumSight): string => {
  const since = `${new Date(missing.since).toISOString().slice(0, 19)}Z`;
  if (verdict === 'FAILING') {
    const count = countOf(replaced, empty, failing);
    const who = members === 1 ? "etcd's only member has" : `${count} of etcd's ${members} members have`;
    return `etcd has had no majority since ${since}: ${who} not come back, and what is left cannot take writes.`;
  }
  return `${sayVolumes(verdict, { members, replaced, empty })}: all that the cluster held is gone from the seed.`;
};

const sayVolumes = (
  verdict: 'GONE' | 'EMPTY',
  { members, replaced, empty }: Pick<QuorumSight, 'members' | 'replaced' | 'empty'>,
): string => {
  const [count, one, more] =
    verdict === 'GONE'
      ? [replaced.size, 'has lost its volume', 'have lost their volumes']
      : [countOf(replaced, empty), 'finds its volume empty', 'find their volumes empty'];
  return members === 1 ? `etcd's only member ${one}` : `${count} of etcd's ${members} members ${more}`;
};

const sayRemedy = (verdict: Loss, way: string | undefined): string => {
  const none = 'there is no backup that could be restored';
  if (verdict === 'FAILING')
    return way === undefined
      ? `They do not come back by themselves, which a cloud administrator should look at, as ${none}.`
      : `A cloud administrator should look why; if they do not come back, ${way}.`;
  if (way === undefined) return `Bring the volumes back, or delete the cluster, as ${none}.`;
  return verdict === 'GONE' ? `${way.charAt(0).toUpperCase()}${way.slice(1)}.` : `Bring the volumes back, or ${way}.`;
};
