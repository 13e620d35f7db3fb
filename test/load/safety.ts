/**
 * What safety costs: a list asked for through all of it, against the same server with what a query meets of it off (off.mjs), and against the same
 * resolvers of the same build behind nothing at all (bare.mjs). No setting takes any of it away.
 */
import { race } from './race.ts';
import type { Row } from './report.ts';
import { inWorld, settingsOf } from './world.ts';

const CLUSTERS = 20;
const QUERY = `query Clusters($first: Int!) {
  clusters(first: $first) { nodes { id name state version generation nodeGroups(first: 10) { nodes { name count } } } }
}`;
const GOAL = 0.95;
const asked = { query: QUERY, variables: { first: CLUSTERS }, clusters: CLUSTERS, how: { connections: 16, seconds: 4 } };

export const benchSafety = async (): Promise<Row[]> => {
  const off = await inWorld((world) => {
    const environment = { SEEDBED_BENCH_SETTINGS: JSON.stringify(settingsOf(world.handover)) };
    // Both are started alike: the server that made the clusters, with a fuller heap, answers several microseconds later with nothing off.
    const runner = { program: '../off.mjs', path: '/graphql', environment };
    return race(world, { ...asked, own: { ...runner, port: 4_598 }, peer: { ...runner, port: 4_597, words: ['off'] } });
  });
  const bare = await inWorld((world) => race(world, { ...asked, peer: { program: '../bare.mjs', port: 4_596 } }));
  const against = (what: string, rate: number, peer: number, goal: string | null = `≥ ${GOAL} ×`): Row => ({
    what,
    figure: `${(rate / peer).toFixed(2)} × (${Math.round(rate)} and ${Math.round(peer)}/s)`,
    goal: goal ?? 'told only',
    met: goal === null ? null : rate >= GOAL * peer,
  });
  return [
    against(`list of ${CLUSTERS} clusters × 3 groups read anew each time, against the same server with safety off`, off.anew, off.peer),
    against('  from memory, both', off.kept, off.peerKept),
    against(
      '  read anew, against the same resolvers behind nothing: no contexts, ids, metrics, memory of answers',
      bare.anew,
      bare.peer,
      null,
    ),
  ];
};
