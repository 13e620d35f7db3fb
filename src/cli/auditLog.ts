/** `seedbed audit list`: who asked for which mutation. */
import type { Command } from 'commander';
import { AUDIT_LOG } from '../client/documents.ts';
import type { AuditLogEntry } from '../client/types.ts';
import { action, define, given, readTime, readWhole } from './options.ts';
import type { CommonOptions, Io, Session } from './session.ts';
import { table } from './table.ts';

interface ListOptions extends CommonOptions {
  project?: string;
  user?: string;
  action?: string;
  outcome?: string;
  error?: string;
  target?: string;
  operation?: string;
  request?: string;
  openstackRequest?: string;
  from?: string;
  to?: string;
  limit: number;
}

/** Where the composition root put a command below it before, that one. */
export const auditNoun = (program: Command): Command =>
  program.commands.find((command) => command.name() === 'audit') ??
  program.command('audit').description('who asked for which mutation, and what came of it');

export const addAuditCommands = (program: Command, io: Io): void => {
  define(
    auditNoun(program),
    'list',
    "list mutations, the newest first (cloud admins and cloud readers; administrators of a project their project's)",
  )
    .option('--project <id>', 'of this project alone')
    .option('--user <id>', 'by this user alone')
    .option('--action <mutation>', 'of this mutation alone, such as deleteCluster')
    .option('--outcome <outcome>', 'with this outcome alone: accepted, replayed or refused')
    .option('--error <code>', 'refused for this alone, such as QUOTA_EXCEEDED')
    .option('--target <id>', 'of this object alone, as TARGET shows it')
    .option('--operation <id>', 'carried out by this operation alone')
    .option('--request <id>', 'answered with this X-Request-Id alone')
    .option('--openstack-request <id>', 'for which OpenStack was asked under this request id alone')
    .option('--from <time>', 'not before, such as 2027-01-01 (UTC)')
    .option('--to <time>', 'before this time')
    .option('--limit <n>', 'how many at the most', readWhole, 100)
    .action(action(io, list));
};

const list = async (session: Session, _args: readonly string[], options: ListOptions): Promise<void> => {
  const { project, user, action: mutation, outcome, error, target, operation, request, openstackRequest, from, to, limit } = options;
  const filter = given({
    projectId: project,
    userId: user,
    action: mutation,
    outcome: outcome?.toUpperCase(),
    errorCode: error,
    targetId: target,
    operationId: operation,
    requestId: request,
    openstackRequestId: openstackRequest,
    from: from === undefined ? undefined : readTime(from, '--from'),
    to: to === undefined ? undefined : readTime(to, '--to'),
  });
  const rows = await pages(session, filter, limit);
  session.print(rows, () =>
    table(
      ['NUMBER', 'AT', 'USER', 'PROJECT', 'ACTION', 'TARGET', 'OUTCOME', 'TOKEN', 'FROM', 'REQUEST'],
      rows.map((row) => [
        row.number,
        row.at,
        row.userDomainName === null ? row.userName : `${row.userName}@${row.userDomainName}`,
        row.projectId,
        row.action,
        row.targetId,
        row.errorCode === null ? row.outcome : `${row.outcome} ${row.errorCode}`,
        row.tokenKind,
        row.address,
        row.requestId,
      ]),
      'There are no such rows, or they are not yours to see.',
    ),
  );
};

const MOST_OF_A_PAGE = 100;

/** As many as are wanted, and no page more: the log may be long. */
const pages = async (session: Session, filter: object, limit: number): Promise<AuditLogEntry[]> => {
  const rows: AuditLogEntry[] = [];
  let after: string | null = null;
  while (rows.length < limit) {
    const variables: Record<string, unknown> = { first: Math.min(MOST_OF_A_PAGE, limit - rows.length), after, filter };
    const { auditLog } = await session.client.request<{
      auditLog: { nodes: AuditLogEntry[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
    }>(AUDIT_LOG, variables);
    rows.push(...auditLog.nodes);
    if (!auditLog.pageInfo.hasNextPage) break;
    after = auditLog.pageInfo.endCursor;
  }
  return rows;
};
