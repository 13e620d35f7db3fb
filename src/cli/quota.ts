/** `seedbed quota`: what a project may have of clusters and their parts, and has. */
import { type Command, InvalidArgumentError } from 'commander';
import { QUOTA, SET_QUOTA } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { ProjectQuota } from '../client/types.ts';
import { action, define, defineAtOnce, given } from './options.ts';
import type { CommonOptions, Io, Session } from './session.ts';
import { table } from './table.ts';

type Limit = number | 'default';

interface SetOptions extends CommonOptions {
  clusters?: Limit;
  nodes?: Limit;
  workerVcpus?: Limit;
  controlPlaneReplicas?: Limit;
}

export const addQuotaCommands = (program: Command, io: Io): void => {
  const quota = program.command('quota').description('what a project may have of clusters and their parts');
  define(quota, 'show', 'show the limits of your project, and what is used and reserved')
    .option('--project <id>', 'of another project (cloud admins and cloud readers)')
    .action(action(io, show));
  defineAtOnce(quota, 'set <project>', 'set limits of a project (cloud admins); what is not given stays')
    .option('--clusters <limit>', 'clusters: a number, "none" for no limit, or "default"', readLimit)
    .option('--nodes <limit>', 'workers of all clusters, likewise', readLimit)
    .option('--worker-vcpus <limit>', 'vCPUs of all workers, likewise', readLimit)
    .option('--control-plane-replicas <limit>', 'replicas of all control planes, likewise', readLimit)
    .action(action(io, set));
};

/** No null here: commander makes an empty text of one. */
const readLimit = (text: string): Limit => {
  if (text === 'default') return text;
  if (text === 'none') return -1;
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, "none" or "default".');
  return Number(text);
};

const show = async (session: Session, _args: readonly string[], { project }: CommonOptions & { project?: string }): Promise<void> => {
  const { quota } = await session.client.request<{ quota: ProjectQuota | null }>(QUOTA, given({ projectId: project }));
  if (quota === null)
    throw new ClientError('NOT_FOUND', project === undefined ? 'Your token has no project.' : `Project ${project} is not yours to see.`);
  session.print(quota, () => textOf(quota));
};

const set = async (session: Session, [projectId]: readonly string[], options: SetOptions): Promise<void> => {
  const { clusters, nodes, workerVcpus, controlPlaneReplicas } = options;
  const limits = Object.entries(given({ clusters, nodes, workerVcpus, controlPlaneReplicas }));
  const input = { projectId, ...Object.fromEntries(limits.map(([name, limit]) => [name, limit === 'default' ? null : limit])) };
  const { projectQuota } = await session.client.mutate<{ projectQuota: ProjectQuota }>(SET_QUOTA, { input });
  session.print(projectQuota, () => textOf(projectQuota));
};

const ROWS = [
  ['clusters', 'clusters'],
  ['nodes', 'workers'],
  ['workerVcpus', 'vCPUs of workers'],
  ['controlPlaneReplicas', 'control-plane replicas'],
] as const;

const textOf = (quota: ProjectQuota): string => {
  const rows = ROWS.map(([resource, words]) => {
    const { limit, isDefault, used, reserved } = quota[resource];
    return [words, `${limit ?? 'none'}${isDefault ? ' (default)' : ''}`, used, reserved];
  });
  return `Of project ${quota.projectId}:\n${table(['WHAT', 'LIMIT', 'USED', 'RESERVED'], rows, '')}`;
};
