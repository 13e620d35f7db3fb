/**
 * What safety costs: a list asked for through all of it (token, limits, checks, deadlines, request ids, metrics, redaction), against the same resolvers of
 * the same build behind nothing. No setting takes any of it away. Queries leave nothing in the audit log, so that costs them nothing.
 */
import { race } from './race.ts';
import type { Row } from './report.ts';
import { inWorld } from './world.ts';

const CLUSTERS = 20;
const QUERY = `query Clusters($first: Int!) {
  clusters(first: $first) { nodes { id name state version generation nodeGroups(first: 10) { nodes { name count } } } }
}`;
const GOAL = 0.95;

export const benchSafety = (): Promise<Row[]> =>
  inWorld(async (world) => {
    const how = { connections: 16, seconds: 4 };
    const asked = { peer: '../bare.mjs', port: 4_596, query: QUERY, variables: { first: CLUSTERS }, clusters: CLUSTERS, how };
    const { kept, anew, peer } = await race(world, asked);
    const against = (what: string, rate: number): Row => ({
      what,
      figure: `${(rate / peer).toFixed(2)} × (${Math.round(rate)} and ${Math.round(peer)}/s)`,
      goal: `≥ ${GOAL} ×`,
      met: rate >= GOAL * peer,
    });
    return [
      against(`list of ${CLUSTERS} clusters × 3 groups read anew each time, with all safety against the same build without any`, anew),
      against('  from memory, as while nothing is committed', kept),
    ];
  });
