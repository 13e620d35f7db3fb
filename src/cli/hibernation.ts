/** `seedbed cluster hibernate` and `wake`: no workers and no control plane for a while, and all of it again. */
import type { Command } from 'commander';
import { HIBERNATE_CLUSTER, WAKE_CLUSTER } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Operation } from '../client/types.ts';
import { clusterText } from './clusterText.ts';
import { getCluster } from './find.ts';
import { action, type ChangeOptions, defineChange, given, readDuration, readTime } from './options.ts';
import type { Io, Session } from './session.ts';

interface HibernateOptions extends ChangeOptions {
  until?: string;
  for?: number;
}

export const addHibernation = (cluster: Command, io: Io): void => {
  defineChange(
    cluster,
    'hibernate <cluster>',
    'take a cluster to sleep: its workers go and its control plane stops; data, keys and address stay',
  )
    .option('--until <time>', 'when it wakes by itself, such as 2027-01-07T06:00:00Z')
    .option('--for <duration>', 'or how long it sleeps, such as 12h', readDuration)
    .action(action(io, hibernate));
  defineChange(cluster, 'wake <cluster>', 'wake a hibernated cluster, as it was before').action(action(io, wake));
};

const hibernate = async (session: Session, [nameOrId = '']: readonly string[], options: HibernateOptions): Promise<void> => {
  if (options.until !== undefined && options.for !== undefined)
    throw new ClientError('USAGE', 'Say how long it sleeps by one of --until and --for, or by neither: then it sleeps until it is woken.');
  const end = options.for === undefined ? undefined : new Date(session.now() + options.for).toISOString();
  const until = options.until === undefined ? end : readTime(options.until, '--until');
  await change(session, nameOrId, options, { document: HIBERNATE_CLUSTER, title: 'Hibernate', until });
};

const wake = (session: Session, [nameOrId = '']: readonly string[], options: ChangeOptions): Promise<void> =>
  change(session, nameOrId, options, { document: WAKE_CLUSTER, title: 'Wake' });

const change = async (
  session: Session,
  nameOrId: string,
  options: ChangeOptions,
  { document, title, until }: { document: string; title: string; until?: string | undefined },
): Promise<void> => {
  const { uuid, name } = await getCluster(session.client, nameOrId);
  const { cluster, operation } = await session.client.mutate<{ cluster: { lastEventNumber: number }; operation: Operation }>(document, {
    input: given({ clusterId: uuid, until, idempotencyKey: options.idempotencyKey }),
  });
  const progress = { id: uuid, after: Math.max(0, cluster.lastEventNumber - 1) };
  await session.finish(options, { operation, title: `${title} cluster ${name}`, cluster: progress });
  const after = await getCluster(session.client, uuid);
  session.print(after, () => clusterText(after, session.now()));
};
