/** `seedbed usage`: what clusters used in a time. */
import type { Command } from 'commander';
import { USAGE } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { ClusterUsage, Usage, UsageFigures } from '../client/types.ts';
import { getCluster, listPages } from './find.ts';
import { action, define, given, readTime } from './options.ts';
import type { CommonOptions, Io, Session } from './session.ts';
import { table } from './table.ts';

interface UsageOptions extends CommonOptions {
  from?: string;
  to?: string;
  project?: string;
}

export const addUsageCommand = (program: Command, io: Io): void => {
  define(program, 'usage [cluster]', 'show what the clusters of the project used, or one of them: CPU, volumes and addresses, in hours')
    .option('--from <time>', 'from when on, such as 2027-01-01; the beginning of this month without it (UTC)')
    .option('--to <time>', 'until when; now without it')
    .option('--project <id>', 'of this project alone (cloud admins)')
    .action(action(io, show));
};

const show = async (session: Session, [nameOrId]: readonly string[], { from, to, project }: UsageOptions): Promise<void> => {
  const now = session.now();
  const period = {
    from: from === undefined ? monthOf(now) : readTime(from, '--from'),
    to: to === undefined ? new Date(now).toISOString() : readTime(to, '--to'),
  };
  if (period.to <= period.from)
    throw new ClientError(
      'USAGE',
      `--from must be before ${to === undefined ? 'now, which is the end unless --to says another' : '--to'}.`,
    );
  // One that was deleted is found by its id.
  const clusterId = nameOrId === undefined ? undefined : (await getCluster(session.client, nameOrId)).uuid;
  const asked = given({ ...period, clusterId, projectId: project });
  const found: Usage[] = [];
  const clusters = await listPages(async (after) => {
    const { usage } = await session.client.request<{ usage: Usage | null }>(USAGE, { ...asked, after });
    if (usage === null) throw new ClientError('NOT_FOUND', `Cluster ${nameOrId} was not found.`);
    found.push(usage);
    return usage.clustersConnection;
  });
  const { clustersConnection: _pages, ...whole } = found[0] as Usage;
  const usage = { ...whole, clusters: clusters.toSorted((a, b) => cpuHours(b.used) - cpuHours(a.used)) };
  session.print(usage, () => textOf(usage));
};

const cpuHours = ({ workerVcpuHours, controlPlaneVcpuHours }: UsageFigures): number => workerVcpuHours + controlPlaneVcpuHours;

const monthOf = (now: number): string => `${new Date(now).toISOString().slice(0, 7)}-01T00:00:00.000Z`;

const textOf = (usage: Omit<Usage, 'clustersConnection'> & { clusters: ClusterUsage[] }): string => {
  const row = (name: string, used: UsageFigures) => [
    name,
    used.workerVcpuHours,
    used.controlPlaneVcpuHours,
    used.volumeGiBHours,
    used.addressHours,
  ];
  const rows = [
    ...usage.clusters.map(({ name, clusterId, deletedAt, used }) =>
      row(deletedAt === null ? name : `${name} (deleted, ${clusterId})`, used),
    ),
    row('in all', usage.used),
  ];
  const head = ['CLUSTER', 'WORKER VCPU H', 'CONTROL PLANE VCPU H', 'VOLUME GIB H', 'ADDRESS H'];
  return `From ${usage.from} to ${usage.to}:\n${table(head, usage.clusterCount === 0 ? [] : rows, 'Nothing was used.')}`;
};
