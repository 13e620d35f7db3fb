/** Every mutation of the schema is one row of the audit log, whatever becomes of it. */
import { expect, test } from 'vitest';
import type { World } from '../world.ts';
import { inputFor, mutate, mutationNames, typeOf } from './inputs.ts';
import { openNeighbours } from './neighbours.ts';

interface Row {
  number: number;
  userName: string;
  action: string;
  outcome: string;
  errorCode: string | null;
}

/** What was written down since the row of that number, oldest first. */
const rowsSince = async (world: World, number: number): Promise<Row[]> => {
  const { auditLog } = await world.data<{ auditLog: { nodes: Row[] } }>(
    'ada',
    '{ auditLog(first: 5) { nodes { number userName action outcome errorCode } } }',
  );
  return auditLog.nodes.filter((row) => row.number > number).toReversed();
};

/** Those that take things away come last, for the others are about them. */
const inOrder = [...mutationNames()].sort(
  (a, b) => Number(/^(?:delete|abandon|unregister)/.test(a)) - Number(/^(?:delete|abandon|unregister)/.test(b)),
);

test.each(['anna', 'ada', 'otto', 'rita', 'mona', 'roleless', 'bare'])(
  "each mutation of %s's is one row of its name that tells what became of it",
  async (token) => {
    const { world, blue } = await openNeighbours();
    let last = (await rowsSince(world, 0)).at(-1)?.number ?? 0;
    const outcomes = new Set<string>();
    for (const mutation of inOrder) {
      const { __typename, code } = await mutate(world, token, mutation, inputFor(mutation, blue));
      const rows = await rowsSince(world, last);
      const isAccepted = __typename === `${typeOf(mutation)}Payload`;
      const row = { userName: token, action: mutation, outcome: isAccepted ? 'ACCEPTED' : 'REFUSED', errorCode: code ?? null };
      expect([mutation, rows]).toEqual([mutation, [{ number: expect.any(Number), ...row }]]);
      last = rows.at(-1)?.number ?? last;
      outcomes.add(row.outcome);
    }
    // Of a house that is not theirs, members of another project can only make what names nothing of it.
    expect([...outcomes].sort()).toEqual(['anna', 'ada', 'otto', 'mona'].includes(token) ? ['ACCEPTED', 'REFUSED'] : ['REFUSED']);
  },
);
