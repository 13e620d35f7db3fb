/** `seedbed cluster move`: a control plane goes to another seed. */
import type { Command } from 'commander';
import { MOVE_CONTROL_PLANE } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Operation } from '../client/types.ts';
import { clusterText } from './clusterText.ts';
import { getCluster, getSeed } from './find.ts';
import { action, type ChangeOptions, defineChange, given } from './options.ts';
import type { Io, Session } from './session.ts';

export const addMove = (cluster: Command, io: Io): void => {
  defineChange(cluster, 'move <cluster>', 'move the control plane to another seed, or back during a move (cloud admins)')
    .requiredOption('--seed <seed>', 'where it is to go; the seed that it comes from calls a move off')
    .action(action(io, move));
};

const move = async (session: Session, [nameOrId = '']: readonly string[], options: ChangeOptions & { seed: string }): Promise<void> => {
  const { uuid, name } = await getCluster(session.client, nameOrId);
  const { uuid: seedId } = await getSeed(session.client, options.seed);
  const { cluster, operation } = await session.client.mutate<{ cluster: { lastEventNumber: number }; operation: Operation }>(
    MOVE_CONTROL_PLANE,
    { input: given({ clusterId: uuid, seedId, idempotencyKey: options.idempotencyKey }) },
  );
  const progress = { id: uuid, after: Math.max(0, cluster.lastEventNumber - 1) };
  try {
    await session.finish(options, { operation, title: `Move cluster ${name}`, cluster: progress });
  } catch (error) {
    throw await withRefusal(session, uuid, error);
  }
  const after = await getCluster(session.client, uuid);
  session.print(after, () => clusterText(after, session.now()));
};

/** The operation is the customer's to read, and says nothing of seeds; who may move is told what was wrong with the one that was chosen. */
const withRefusal = async (session: Session, clusterId: string, error: unknown): Promise<unknown> => {
  if (!(error instanceof ClientError) || error.code !== 'CONFLICT') return error;
  const { controlPlaneMove } = await getCluster(session.client, clusterId);
  return controlPlaneMove?.refusal == null
    ? error
    : new ClientError(error.code, `${error.message} ${controlPlaneMove.refusal}`, { cause: error });
};
