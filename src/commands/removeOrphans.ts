/** removeOrphans: removes those that were chosen, each looked at once more before. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { Conflict, NotFound } from '../domain/errors.ts';
import { loadOrphans, patchOrphans } from '../store/orphans.ts';
import type { Command, CommandDeps, OperationAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { startOrphans } from './orphansCommand.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { recallOperation } from './targets.ts';

const MOST = 100;
const schema = z.strictObject({
  orphanIds: z.array(nameOrId).min(1, 'must name at least one').max(MOST, `must name at most ${MOST}; ask again for the rest`),
});

export const removeOrphans =
  (deps: CommandDeps): Command<OperationAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'removeOrphans');
    const { orphanIds } = parseInput(schema, ownInput(raw));
    return runOnce<OperationAnswer, void>(deps, call, {
      mutation: 'removeOrphans',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const rows = new Map((await loadOrphans(tx.db, orphanIds)).map((row) => [row.id, row]));
        for (const [i, id] of orphanIds.entries()) {
          const field = ['orphanIds', String(i)];
          const row = rows.get(id);
          if (row === undefined) throw new NotFound(`Orphan ${JSON.stringify(id.slice(0, 60))}`, { field });
          if (row.state === 'REMOVED' || row.state === 'GONE')
            throw new Conflict('CONFLICT', `Orphan ${id} is gone already; leave it out.`, { field });
          if (row.state === 'REMOVING')
            throw new Conflict('CONFLICT', `Operation ${row.operationId} removes orphan ${id} already; leave it out.`, { field });
        }
        const applied = await startOrphans(tx, deps, call, 'REMOVE_ORPHANS');
        const now = deps.clock.now();
        await patchOrphans(tx, orphanIds, {
          state: 'REMOVING',
          problem: null,
          askedAt: null,
          operationId: applied.answer.operation.id,
          updatedAt: now,
        });
        return applied;
      },
      recall: async (ids) => ({ operation: await recallOperation(deps.store.db, call, ids.operationId) }),
    });
  };
