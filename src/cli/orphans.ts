/** `seedbed orphans …`: what clusters that are gone have left in projects, seeds and Keystone, for cloud admins. */
import type { Command } from 'commander';
import { FIND_ORPHANS, ORPHANS, REMOVE_ORPHANS } from '../client/documents.ts';
import type { Operation, Orphan } from '../client/types.ts';
import { listAll } from './find.ts';
import { action, type ChangeOptions, define, defineChange, given } from './options.ts';
import type { CommonOptions, Io, Session } from './session.ts';
import { ageOf, table } from './table.ts';

interface ListOptions extends CommonOptions {
  project?: string;
  cluster?: string;
  all?: boolean;
}

export const addOrphansCommands = (program: Command, io: Io): void => {
  const orphans = program.command('orphans').description('what belongs to no living cluster (cloud admins)');
  defineChange(
    orphans,
    'find',
    "look for orphans in the project of your login, wherever living clusters let Seedbed act, in all seeds, and among clusters' Keystone users",
  ).action(action(io, find));
  define(orphans, 'list', 'list what was found')
    .option('--project <id>', 'in this project alone')
    .option('--cluster <id>', 'marked with this cluster alone')
    .option('--all', 'those that are gone, too')
    .action(action(io, list));
  defineChange(orphans, 'remove <id...>', 'remove those that are named, for good; each is looked at once more before').action(
    action(io, remove),
  );
};

const STATES = ['FOUND', 'REMOVING', 'FAILED'];

const read = (session: Session, filter: Record<string, unknown>): Promise<Orphan[]> =>
  listAll<Orphan>(session.client, ORPHANS, 'orphans', { filter });

const print = (session: Session, orphans: readonly Orphan[]): void =>
  session.print(orphans, () =>
    table(
      ['ID', 'STATE', 'PROJECT', 'SEED', 'KIND', 'NAME', 'ID THERE', 'CLUSTER', 'REASON', 'FOUND', 'PROBLEM'],
      orphans.map((orphan) => [
        orphan.uuid,
        orphan.state,
        orphan.projectId,
        orphan.seed?.name ?? null,
        orphan.kind,
        orphan.name,
        orphan.externalId,
        orphan.clusterName ?? orphan.clusterId,
        orphan.reason,
        ageOf(orphan.foundAt, session.now()),
        orphan.problem?.message ?? null,
      ]),
      'No orphans are known, or you are not a cloud admin.',
    ),
  );

const list = async (session: Session, _args: readonly string[], { project, cluster, all }: ListOptions): Promise<void> =>
  print(session, await read(session, given({ projectId: project, clusterId: cluster, states: all === true ? undefined : STATES })));

const find = async (session: Session, _args: readonly string[], options: ChangeOptions): Promise<void> => {
  const input = given({ idempotencyKey: options.idempotencyKey });
  const { operation } = await session.client.mutate<{ operation: Operation }>(FIND_ORPHANS, { input });
  await session.finish(options, { operation, title: 'Find orphans' });
  if (options.wait !== false) print(session, await read(session, { states: STATES }));
};

const remove = async (session: Session, ids: readonly string[], options: ChangeOptions): Promise<void> => {
  const input = given({ orphanIds: ids, idempotencyKey: options.idempotencyKey });
  const { operation } = await session.client.mutate<{ operation: Operation }>(REMOVE_ORPHANS, { input });
  await session.finish(options, { operation, title: 'Remove orphans' });
  if (options.wait !== false)
    print(
      session,
      (await read(session, {})).filter(({ uuid }) => ids.includes(uuid)),
    );
};
