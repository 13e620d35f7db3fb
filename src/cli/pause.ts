/** `seedbed cluster pause` and `resume`: for a while nothing is changed on Seedbed's own account. */
import type { Command } from 'commander';
import { PAUSE_CLUSTER, RESUME_CLUSTER } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { ClusterPause } from '../client/types.ts';
import { getCluster } from './find.ts';
import { action, defineAtOnce, given, readDuration, readTime } from './options.ts';
import type { CommonOptions, Io, Session } from './session.ts';

interface PauseOptions extends CommonOptions {
  until?: string;
  for?: number;
  reason?: string;
  idempotencyKey?: string;
}

const SAME_KEY = 'the same key with the same input is carried out once';

export const addPause = (cluster: Command, io: Io): void => {
  defineAtOnce(cluster, 'pause <cluster>', 'leave a cluster as it is for a while: no rolls, healing, upgrades or repairs')
    .option('--until <time>', 'when it ends by itself, such as 2027-01-07T08:00:00Z')
    .option('--for <duration>', 'or how long it lasts, such as 8h or 7d; at most 30 days', readDuration)
    .option('--reason <text>', 'for people')
    .option('--idempotency-key <key>', SAME_KEY)
    .action(action(io, pause));
  defineAtOnce(cluster, 'resume <cluster>', 'end a pause before its time')
    .option('--idempotency-key <key>', SAME_KEY)
    .action(action(io, resume));
};

const pause = async (session: Session, [nameOrId = '']: readonly string[], options: PauseOptions): Promise<void> => {
  const { reason, idempotencyKey } = options;
  const end = options.for === undefined ? undefined : new Date(session.now() + options.for).toISOString();
  const until = options.until === undefined ? end : readTime(options.until, '--until');
  if (until === undefined || (options.until !== undefined && options.for !== undefined))
    throw new ClientError('USAGE', 'Say how long it lasts: give either --until or --for.');
  const { uuid, name } = await getCluster(session.client, nameOrId);
  const { cluster } = await session.client.mutate<{ cluster: { pause: ClusterPause | null } }>(PAUSE_CLUSTER, {
    input: given({ clusterId: uuid, until, reason, idempotencyKey }),
  });
  session.print({ uuid, name, pause: cluster.pause }, () => `Cluster ${name} is left as it is until ${cluster.pause?.until}.\n`);
};

const resume = async (session: Session, [nameOrId = '']: readonly string[], { idempotencyKey }: PauseOptions): Promise<void> => {
  const { uuid, name } = await getCluster(session.client, nameOrId);
  await session.client.mutate(RESUME_CLUSTER, { input: given({ clusterId: uuid, idempotencyKey }) });
  session.print({ uuid, name, pause: null }, () => `Cluster ${name} goes on.\n`);
};
