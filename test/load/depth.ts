/** 100 clusters four levels deep, against one statement a level written by hand. That it is one statement a level here, too: test/api/statements.test.ts. */
import { race } from './race.ts';
import type { Row } from './report.ts';
import { inWorld } from './world.ts';

const CLUSTERS = 100;
const QUERY = `query Deep($first: Int!) {
  clusters(first: $first) { nodes { name state generation
    nodeGroups(first: 3) { nodes { name state nodes(first: 3) { nodes { name state conditions { name state message } } } } } } }
}`;
const GOAL = 1.3;

export const benchDepth = (): Promise<Row[]> =>
  inWorld(async (world) => {
    const how = { connections: 4, seconds: 4 };
    const asked = { peer: { program: 'sql.mjs', port: 4_595 }, query: QUERY, variables: { first: CLUSTERS }, clusters: CLUSTERS, how };
    const { kept, anew, peer, bytes } = await race(world, asked);
    const against = (what: string, rate: number): Row => ({
      what: `  ${what}, against SQL by hand and JSON.stringify, nobody's name asked`,
      figure: `${(peer / rate).toFixed(2)} × the time (${Math.round(rate)} and ${Math.round(peer)}/s)`,
      goal: `≤ ${GOAL} ×`,
      met: peer / rate <= GOAL,
    });
    return [
      {
        what: `${CLUSTERS} clusters × 3 groups × 3 workers × 4 conditions`,
        figure: `${Math.round(bytes / 1000)} KB`,
        goal: 'told only',
        met: null,
      },
      against('read anew each time', anew),
      against('from memory, as while nothing is committed', kept),
    ];
  });
