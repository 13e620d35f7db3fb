/** `seedbed cluster upgrade`: shows what an upgrade changes, or asks for it and draws its progress. */
import type { Command } from 'commander';
import { UPGRADE_CLUSTER, UPGRADE_TARGETS } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Operation, Upgradable, UpgradeTarget, VersionChange } from '../client/types.ts';
import { clusterText } from './clusterText.ts';
import { get, getCluster } from './find.ts';
import { action, type ChangeOptions, defineChange, given } from './options.ts';
import { failAs } from './plan.ts';
import type { Io, Session } from './session.ts';
import { fields, plain, table } from './table.ts';

interface UpgradeOptions extends ChangeOptions {
  plan?: boolean;
  controlPlaneOnly?: boolean;
  skipBackup?: boolean;
}

export const addUpgrade = (cluster: Command, io: Io): void => {
  defineChange(
    cluster,
    'upgrade <cluster> [version]',
    'take a cluster to another Kubernetes version: the newest that it can go to, or the one named',
  )
    .option('--plan', 'show where it can go and what that changes, and change nothing')
    .option('--control-plane-only', 'leave the nodes at the version that they run')
    .option('--skip-backup', 'begin without a backup, also where the cluster has backups by schedule')
    .action(action(io, upgrade));
};

const upgrade = async (session: Session, [nameOrId = '', version]: readonly string[], options: UpgradeOptions): Promise<void> => {
  const found = await get<Upgradable>(session.client, UPGRADE_TARGETS, 'cluster', 'Cluster', nameOrId);
  const wanted = version === undefined ? undefined : version.replace(/^v?/, 'v');
  if (options.plan === true) return showTargets(session, found, wanted, options);
  const target = wanted ?? newestOf(found, options).version;
  const input = given({
    clusterId: found.uuid,
    version: target,
    controlPlaneOnly: options.controlPlaneOnly,
    skipBackup: options.skipBackup,
    idempotencyKey: options.idempotencyKey,
  });
  const { cluster, operation } = await session.client.mutate<{ cluster: { lastEventNumber: number }; operation: Operation }>(
    UPGRADE_CLUSTER,
    {
      input,
    },
  );
  const progress = { id: found.uuid, after: Math.max(0, cluster.lastEventNumber - 1) };
  await session.finish(options, { operation, title: `Upgrade cluster ${found.name} to ${target}`, cluster: progress });
  const after = await getCluster(session.client, found.uuid);
  session.print(after, () => clusterText(after, session.now()));
};

/** Where it can go at all is an answer, whatever stands in the way; a version that is named is a change that may be refused. */
const showTargets = (session: Session, found: Upgradable, wanted: string | undefined, options: UpgradeOptions): void => {
  const targets = found.upgradeTargets.filter((target) => wanted === undefined || target.version === wanted);
  session.print({ ...found, upgradeTargets: targets }, () => planText(found, targets, options));
  if (wanted === undefined) return;
  const [target] = targets;
  if (target === undefined) throw new ClientError('UNSUPPORTED_VERSION', `Cluster ${found.name} cannot go to ${wanted} from where it is.`);
  failAs(problemOf(target, options));
};

const problemOf = (target: UpgradeTarget, { controlPlaneOnly = false }: UpgradeOptions) =>
  controlPlaneOnly ? target.controlPlaneOnlyProblem : target.problem;

/** The first that nothing stands in the way of. */
const newestOf = ({ name, upgradeTargets }: Upgradable, options: UpgradeOptions): UpgradeTarget => {
  const open = upgradeTargets.find((target) => problemOf(target, options) === null);
  if (open !== undefined) return open;
  const [first] = upgradeTargets;
  if (first === undefined) throw new ClientError('USAGE', `There is no version that cluster ${name} could be upgraded to.`);
  throw new ClientError('USAGE', `Nothing is open to cluster ${name}: ${problemOf(first, options)?.message ?? ''}`);
};

const planText = (cluster: Upgradable, targets: readonly UpgradeTarget[], options: UpgradeOptions): string =>
  [
    fields([
      ['cluster', cluster.name],
      ['runs', cluster.runningVersion],
      ...(cluster.upgradeStatus === null ? [] : ([['status', cluster.upgradeStatus]] as const)),
      ...(cluster.versionWarning === null ? [] : ([['warning', cluster.versionWarning]] as const)),
    ]),
    ...(targets.length === 0 ? ['There is nothing to upgrade to.\n'] : targets.map((target) => targetText(target, options))),
  ].join('\n');

const targetText = (target: UpgradeTarget, options: UpgradeOptions): string => {
  const problem = problemOf(target, options);
  const groups = target.nodeGroups.map(({ nodeGroup, from, nodes }) => [
    `Node group ${nodeGroup.name}`,
    from,
    target.version,
    `${nodes} nodes are replaced`,
  ]);
  const changes = [...target.components.map(row), ...target.addons.map(row), ...groups];
  return [
    `To ${target.version}, which upstream mends until ${target.endOfLifeAt.slice(0, 10)}:\n`,
    table(['WHAT', 'FROM', 'TO', ''], changes, 'Nothing changes.'),
    ...target.warnings.map((text) => `Warning: ${plain(text)}\n`),
    ...(problem === null ? [] : [`Not now: ${plain(problem.message)}\n`]),
  ].join('');
};

const row = ({ title, from, to }: VersionChange): (string | null)[] => [title, from, to, from === to ? 'stays' : ''];
