/** `seedbed cluster watch`: the numbered history of a cluster, as it happens. */
import type { Command } from 'commander';
import { ClientError } from '../client/errors.ts';
import { followCluster } from '../client/stream.ts';
import type { Event } from '../client/types.ts';
import { getCluster } from './find.ts';
import { action, define, readDuration, readWhole } from './options.ts';
import { BACK, LOST } from './progress.ts';
import type { CommonOptions, Io, Session } from './session.ts';
import { plain } from './table.ts';

interface WatchOptions extends CommonOptions {
  after: number;
  follow?: boolean;
  timeout?: number;
}

export const addWatch = (cluster: Command, io: Io): void => {
  define(cluster, 'watch <cluster>', 'print the events of a cluster until it comes to rest; JSON lines with --json')
    .option('--after <number>', 'number of the last event that you have', readWhole, 0)
    .option('--follow', 'go on when the cluster has come to rest')
    .option('--timeout <duration>', 'no longer than this, such as 90s, 10m or 1h', readDuration)
    .action(action(io, watch));
};

const watch = async (session: Session, [nameOrId = '']: readonly string[], options: WatchOptions): Promise<void> => {
  const cluster = await getCluster(session.client, nameOrId);
  const { signal } = session.io;
  const limit = options.timeout === undefined ? undefined : AbortSignal.timeout(options.timeout);
  const events = followCluster(session.client, cluster.uuid, {
    after: options.after,
    ...(options.follow !== true && { until: 'SETTLED' as const }),
    onConnection: (lost) => session.io.screen.write(`${lost ? LOST : BACK}\n`),
    signal: limit === undefined ? signal : AbortSignal.any([signal, limit]),
  });
  let last = options.after;
  try {
    for await (const event of events) {
      last = event.number;
      session.io.out(options.json === true ? `${JSON.stringify(event)}\n` : lineOf(event));
    }
  } catch (error) {
    if (limit?.aborted === true) throw new ClientError('TIMED_OUT', `${cluster.name} has not come to rest in time.`, { cause: error });
    if (!(error instanceof ClientError) || error.code !== 'UNREACHABLE') throw error;
    const again = `What is under way goes on in the server: seedbed cluster watch ${nameOrId} --after ${last} looks again.`;
    throw new ClientError(error.code, `${error.message} ${again}`, { cause: error });
  }
};

const lineOf = (event: Event): string => {
  const percent = event.percent === null ? '     ' : `${String(event.percent).padStart(3)} %`;
  const what = event.title ?? event.subjectKind.toLowerCase().replaceAll('_', ' ');
  const subject = event.subjectKind === 'CLUSTER' ? '' : `${event.subjectName}: `;
  const line = `${String(event.number).padStart(4)}  ${event.at.slice(11, 19)}  ${percent}  ${event.state.padEnd(8)}  ${subject}${what}: ${event.message}`;
  return `${plain(line)}\n`;
};
