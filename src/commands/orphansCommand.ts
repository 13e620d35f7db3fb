/** What findOrphans and removeOrphans share: an operation of their own, and the caller's token for as long as it runs. */
import { CALLER_TOKEN } from '../domain/cloudCredential.ts';
import type { OperationKind } from '../domain/operation.ts';
import type { Tx } from '../store/open.ts';
import { insertOperation } from '../store/operations.ts';
import { wakeNow } from '../store/wake.ts';
import { newOperation } from './announce.ts';
import type { Call, CommandDeps, OperationAnswer } from './call.ts';
import type { Applied } from './idempotent.ts';

export const startOrphans = async (
  tx: Tx,
  deps: CommandDeps,
  call: Call,
  kind: Extract<OperationKind, 'FIND_ORPHANS' | 'REMOVE_ORPHANS'>,
): Promise<Applied<OperationAnswer>> => {
  const id = deps.newId();
  const subject = { kind: 'ORPHANS', id, name: 'orphans', streamId: id, clusterId: null, projectId: null } as const;
  // The operation is its own target.
  const operation = { ...newOperation(deps, call, kind, subject, 1), id };
  await insertOperation(tx, operation);
  await wakeOrphans(tx, deps, call, id);
  tx.changes.push({ kind: 'OPERATION', id, clusterId: null, projectId: null, what: 'CREATED' });
  return { answer: { operation }, target: { kind: 'ORPHANS', id, projectId: null }, recall: { operationId: id } };
};

/** Also another try, by who asks for it. */
export const wakeOrphans = async (tx: Tx, deps: CommandDeps, call: Call, operationId: string): Promise<void> => {
  const now = deps.clock.now();
  await deps.secrets.put(tx, operationId, CALLER_TOKEN, call.token, now);
  await wakeNow(tx, 'ORPHANS', operationId, now);
};
