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
  type QuorumSight,
  type QuorumVerdict,
} from '../../domain/etcdQuorum.ts';
import { isWaking } from '../../domain/hibernation.ts';
import { claimsOf, type MemberSight, seeMembers } from './etcdSight.ts';
import { restoreByItself, sayRest } from './restoreByItself.ts';
import type { ClusterScope } from './scope.ts';
import { sayWayBack } from './wayBack.ts';

/** How a member says that the list it was given is not for it, which for one of a settled cluster is that it began empty. */
const FOUND_EMPTY = /member count is unequal|unmatched member while checking PeerURLs/;
const ALONE_AND_EMPTY = /could not retrieve cluster information|cannot fetch cluster info/;

/**
 * Of `members`, so many are `ready`. The number of one that has lost its data and that the others can let in again; null: none.
 * @throws UserError QUORUM_LOST when the others cannot.
 */
export const findLost = async (scope: ClusterScope, hosted: ReachableCluster, members: number, ready: number): Promise<number | null> => {
  if (ready >= members) {
    await noteWhole(scope, hosted, members);
    return null;
  }
  const seen = await seeMembers(scope, hosted);
  if (hasMajority(ready, members)) await noteMajority(scope);
  else await refuseLoss(scope, await look(scope, hosted, { members, ready, seen }));
  return [...seen].find(([, { words = '' }]) => FOUND_EMPTY.test(words))?.[0] ?? null;
};

const noteWhole = async (scope: ClusterScope, hosted: ReachableCluster, members: number): Promise<void> => {
  const { quorum } = scope.row;
  if (quorum?.claims.length === members && quorum.missing === null) return;
  const claims = (await claimsOf(scope, hosted, members)).filter((uid) => uid !== null);
  if (claims.length === members || quorum?.missing != null) await scope.patch({ quorum: { claims, missing: null } });
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
  const { claims, missing: before } = scope.row.quorum ?? NO_QUORUM_KNOWN;
  const missing = missingAt(before, scope.clock.now());
  if (missing !== before) await scope.patch({ quorum: { claims, missing } });
  const live = claims.length === members ? await claimsOf(scope, hosted, members) : [];
  const having = (of: (sight: MemberSight) => boolean): Set<number> =>
    new Set([...seen].filter(([number, sight]) => number < members && of(sight)).map(([number]) => number));
  return {
    members,
    ready,
    missing,
    replaced: new Set(live.flatMap((uid, number) => (uid === claims[number] ? [] : [number]))),
    empty: having(({ words = '' }) => FOUND_EMPTY.test(words) || (members === 1 && ALONE_AND_EMPTY.test(words))),
    // On the way to a seed, and on the way up from a sleep, they begin as others do.
    failing: isMoving(scope.row.move) || isWaking(scope.row) || claims.length !== members ? new Set() : having(({ failing }) => failing),
  };
};

/** @throws UserError QUORUM_LOST. */
const refuseLoss = async (scope: ClusterScope, sight: QuorumSight): Promise<void> => {
  const verdict = judgeQuorum(sight, scope.clock.now());
  if (verdict === 'BAD_MINUTE') return;
  if (verdict === 'GONE') await restoreByItself(scope, sight.missing, sayVolumes(verdict, sight));
  const way = await sayWayBack(scope);
  throw new UserError('QUORUM_LOST', `${sayLost(verdict, sight)} ${sayRemedy(verdict, way)}${sayRest(scope)}`, {
    whoMustAct: way === undefined ? 'CLOUD_ADMIN' : 'CUSTOMER',
    lookAgainMs: LOOK_MS,
  });
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
      ? `They are started again and again, which a cloud administrator should look at, as ${none}.`
      : `They are started again and again; if they do not come back, ${way}.`;
  if (way === undefined) return `Bring the volumes back, or delete the cluster, as ${none}.`;
  return verdict === 'GONE' ? `${way.charAt(0).toUpperCase()}${way.slice(1)}.` : `Bring the volumes back, or ${way}.`;
};
