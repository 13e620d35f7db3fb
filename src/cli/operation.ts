/** `seedbed operation …`: what became of a change. */
import type { Command } from 'commander';
import { CLUSTER_OPERATIONS, OPERATION_BY_ID, PROJECT_OPERATIONS, RETRY_OPERATION } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Operation, OperationSummary } from '../client/types.ts';
import { byNameOrId, listAll } from './find.ts';
import { action, type ChangeOptions, define, defineChange, given, readDuration } from './options.ts';
import type { Io, Session } from './session.ts';
import { ageOf, fields, table } from './table.ts';

export const addOperationCommands = (program: Command, io: Io): void => {
  const operation = program.command('operation').description('what became of a change');
  define(operation, 'list [cluster]', 'list operations, newest first: of a cluster, or twenty of each cluster of the project').action(
    action(io, list),
  );
  define(operation, 'show <id>', 'show an operation with its steps')
    .option('--wait', 'draw its progress to its end first')
    .option('--timeout <duration>', 'wait no longer than this, such as 90s, 10m or 1h', readDuration)
    .action(action(io, show));
  defineChange(operation, 'retry <id>', 'go on at once with what waits for its next turn').action(action(io, retry));
};

const list = async (session: Session, [nameOrId]: readonly string[]): Promise<void> => {
  const operations = await (nameOrId === undefined ? ofProject(session) : ofCluster(session, nameOrId));
  session.print(operations, () =>
    table(
      ['ID', 'KIND', 'CLUSTER', 'STATE', 'PERCENT', 'BY', 'AGE', 'PROBLEM'],
      operations.map((o) => [
        o.uuid,
        o.kind,
        o.cluster?.name ?? null,
        o.state,
        o.percent,
        o.requestedBy,
        ageOf(o.requestedAt, session.now()),
        o.problem?.message ?? null,
      ]),
      'No operations.',
    ),
  );
};

interface WithOperations {
  operations: { nodes: OperationSummary[] };
}

const ofCluster = async (session: Session, nameOrId: string): Promise<OperationSummary[]> => {
  const { cluster } = await session.client.request<{ cluster: WithOperations | null }>(CLUSTER_OPERATIONS, byNameOrId(nameOrId));
  if (cluster === null) throw new ClientError('NOT_FOUND', `Cluster ${nameOrId} was not found.`);
  return cluster.operations.nodes;
};

const ofProject = async (session: Session): Promise<OperationSummary[]> => {
  const clusters = await listAll<WithOperations>(session.client, PROJECT_OPERATIONS, 'clusters');
  return clusters.flatMap(({ operations }) => operations.nodes).sort((a, b) => Date.parse(b.requestedAt) - Date.parse(a.requestedAt));
};

const getOperation = async (session: Session, id: string): Promise<Operation> => {
  const { operation } = await session.client.request<{ operation: Operation | null }>(OPERATION_BY_ID, { id });
  if (operation === null) throw new ClientError('NOT_FOUND', `Operation ${id} was not found.`);
  return operation;
};

const show = async (session: Session, [id = '']: readonly string[], options: ChangeOptions): Promise<void> => {
  const before = await getOperation(session, id);
  if (options.wait === true && isOpen(before)) await session.finish(options, { operation: before, title: titleOf(before) });
  const operation = await getOperation(session, id);
  session.print(operation, () => operationText(operation));
};

const retry = async (session: Session, [id = '']: readonly string[], options: ChangeOptions): Promise<void> => {
  const input = given({ operationId: id, idempotencyKey: options.idempotencyKey });
  const { operation } = await session.client.mutate<{ operation: Operation }>(RETRY_OPERATION, { input });
  await session.finish(options, { operation, title: titleOf(operation) });
  const after = await getOperation(session, id);
  session.print(after, () => operationText(after));
};

const isOpen = (operation: Operation): boolean => operation.state === 'PENDING' || operation.state === 'RUNNING';

const titleOf = (operation: Operation): string =>
  `${operation.kind.toLowerCase().replaceAll('_', ' ')}${operation.cluster === null ? '' : ` (${operation.cluster.name})`}`;

const operationText = (operation: Operation): string =>
  `${fields([
    ['id', operation.uuid],
    ['kind', operation.kind],
    ['cluster', operation.cluster?.name ?? null],
    ['state', operation.state],
    ['percent', operation.percent],
    ...(operation.reason ? [['reason', operation.reason] as const] : []),
    ['requested', `${operation.requestedAt} by ${operation.requestedBy}`],
    ['request id', operation.requestId ?? '—'],
    ['finished', operation.finishedAt],
    ['problem', operation.problem?.message ?? null],
  ])}\n${table(
    ['STEP', 'STATE', 'TITLE', 'MESSAGE'],
    operation.steps.map((step) => [step.name, step.state, step.title, step.waitingFor?.what ?? step.message]),
    'No steps yet.',
  )}`;
