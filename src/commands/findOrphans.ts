/** findOrphans: looks for what carries Seedbed's marks and belongs to no living cluster. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import type { Command, CommandDeps, OperationAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { startOrphans } from './orphansCommand.ts';
import { ownInput, parseInput } from './parse.ts';
import { recallOperation } from './targets.ts';

const schema = z.strictObject({});

export const findOrphans =
  (deps: CommandDeps): Command<OperationAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'findOrphans');
    parseInput(schema, ownInput(raw));
    return runOnce<OperationAnswer, void>(deps, call, {
      mutation: 'findOrphans',
      input: raw,
      prepare: async () => {},
      apply: (tx) => startOrphans(tx, deps, call, 'FIND_ORPHANS'),
      recall: async (ids) => ({ operation: await recallOperation(deps.store.db, call, ids.operationId) }),
    });
  };
