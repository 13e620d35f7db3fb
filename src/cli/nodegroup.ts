/** `seedbed nodegroup …`: workers of one shape. */
import type { Command } from 'commander';
import {
  CREATE_NODE_GROUP,
  DELETE_NODE_GROUP,
  PLAN_RESIZE_NODE_GROUP,
  PLAN_UPDATE_NODE_GROUP,
  RESIZE_NODE_GROUP,
  UPDATE_NODE_GROUP,
} from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Cluster, NodeGroup, Operation } from '../client/types.ts';
import { getCluster } from './find.ts';
import { action, type ChangeOptions, collect, define, defineChange, given, readWhole } from './options.ts';
import { type PlanOptions, showPlan, withPlan } from './plan.ts';
import { type Io, readInput, type Session } from './session.ts';
import { plain, table } from './table.ts';

interface CreateOptions extends ChangeOptions {
  file?: string;
  count?: number;
  min?: number;
  max?: number;
  flavor?: string;
  image?: string;
  keypair?: string;
  availabilityZone?: string[];
  subnet?: string[];
  port?: string[];
  additionalNetwork?: string[];
  securityGroup?: string[];
  serverGroupPolicy?: string;
  cloudInit?: string;
}

interface StrategyOptions {
  maxSurge?: string;
  maxUnavailable?: string;
  drainTimeout?: number | false;
  onBlockedDrain?: string;
}

interface ResizeOptions extends PlanOptions {
  count: number;
  remove?: string[];
}

interface UpdateOptions extends PlanOptions, StrategyOptions {
  file?: string;
  flavor?: string;
  image?: string;
  keypair?: string | false;
  kubernetesVersion?: string | false;
  cloudInit?: string;
}

interface AutoscaleOptions extends PlanOptions {
  min?: number;
  max?: number | false;
}

export const addNodeGroupCommands = (program: Command, io: Io): void => {
  const nodegroup = program.command('nodegroup').description('groups of workers of one shape');
  define(nodegroup, 'list <cluster>', "list a cluster's node groups").action(action(io, list));
  defineChange(nodegroup, 'create <cluster> <name>', 'add a group of workers of another shape')
    .option('--file <file>', "YAML with any of NodeGroupInput's fields but the name; options win over it; - reads standard input")
    .option('--count <n>', 'workers that are wanted', readWhole)
    .option('--min <n>', 'fewest workers', readWhole)
    .option('--max <n>', 'most workers', readWhole)
    .option('--flavor <flavor>', "instead of the cluster's")
    .option('--image <image>', "instead of the cluster's")
    .option('--keypair <name>', "instead of the cluster's")
    .option('--availability-zone <zone>', 'where workers are; may be repeated', collect)
    .option('--subnet <subnet>', "of the cluster's given network, in which workers have an address; may be repeated", collect)
    .option('--port <id>', 'of a port of yours that a worker has beside its others, one for each worker; may be repeated', collect)
    .option('--additional-network <network>', 'where workers have a further port; may be repeated', collect)
    .option('--security-group <group>', "of the workers' ports, beside the cluster's own; may be repeated", collect)
    .option('--server-group-policy <policy>', 'SOFT_ANTI_AFFINITY, ANTI_AFFINITY, SOFT_AFFINITY, AFFINITY or NONE')
    .option('--cloud-init <file>', 'YAML: more for cloud-init to do on each server; - reads standard input')
    .action(action(io, create));
  defineChange(nodegroup, 'delete <cluster> <nodegroup>', 'drain and delete the workers of a group, and the group').action(
    action(io, remove),
  );
  withPlan(defineChange(nodegroup, 'resize <cluster> <nodegroup>', 'change how many workers a group has'))
    .requiredOption('--count <n>', 'workers that are wanted', readWhole)
    .option('--remove <worker>', 'name of a worker that is to go first; may be repeated', collect)
    .action(action(io, resize));
  withPlan(
    defineChange(
      nodegroup,
      'autoscale <cluster> <nodegroup>',
      'bound how many workers a group has; in a cluster with autoScalingEnabled, load decides between the bounds',
    ),
  )
    .option('--min <n>', 'fewest workers', readWhole)
    .option('--max <n>', 'most workers', readWhole)
    .option('--no-max', 'no bound, and no scaling by load')
    .action(action(io, autoscale));
  withPlan(
    defineChange(nodegroup, 'update <cluster> <nodegroup>', 'change what the workers of a group are made of; others take their places'),
  )
    .option('--file <file>', "YAML with any of UpdateNodeGroupInput's fields but the group; options win over it; - reads standard input")
    .option('--flavor <flavor>', "the workers' size")
    .option('--image <image>', 'that they start from; the same name once more takes another image that has it by now')
    .option('--keypair <name>', 'for SSH')
    .option('--no-keypair', 'no key pair any more')
    .option('--kubernetes-version <version>', 'that they stay at')
    .option('--no-kubernetes-version', 'they follow the control plane')
    .option('--cloud-init <file>', 'YAML: more for cloud-init to do on each server; - reads standard input')
    .option(
      '--max-surge <nodes>',
      'how many more than wanted there may be while others take their places: a number, or a share such as 25%',
    )
    .option('--max-unavailable <nodes>', 'how many fewer than wanted may serve meanwhile: a number, or a share such as 25%')
    .option('--drain-timeout <seconds>', 'how long the pods of a worker that goes have to go before it', readWhole)
    .option('--no-drain-timeout', "the server's limit")
    .option('--on-blocked-drain <choice>', 'WAIT, or FORCE: it goes after that time with the pods that a PodDisruptionBudget keeps')
    .action(action(io, update));
};

const list = async (session: Session, [nameOrId = '']: readonly string[]): Promise<void> => {
  const cluster = await getCluster(session.client, nameOrId);
  session.print(cluster.nodeGroups.nodes, () => groupsText(cluster, cluster.nodeGroups.nodes));
};

const groupsText = (cluster: Cluster, groups: readonly NodeGroup[]): string =>
  table(
    ['NAME', 'STATE', 'READY', 'WANTED', 'MIN', 'MAX', 'FLAVOR', 'IMAGE', 'DEFAULT'],
    groups.map((group) => [
      group.name,
      group.state,
      nodesOf(cluster, group).filter((node) => node.state === 'READY').length,
      group.count,
      group.minCount,
      group.maxCount,
      group.flavor,
      group.image,
      group.isDefault ? 'yes' : 'no',
    ]),
    'No node groups.',
  );

const create = async (session: Session, [clusterName = '', name = '']: readonly string[], options: CreateOptions): Promise<void> => {
  const { count, min, max, flavor, image, keypair, serverGroupPolicy, idempotencyKey } = options;
  const cluster = await getCluster(session.client, clusterName);
  const input = {
    ...(options.file === undefined ? {} : session.readSettings(options.file)),
    ...given({
      clusterId: cluster.uuid,
      name,
      count,
      minCount: min,
      maxCount: max,
      flavor,
      image,
      keypair,
      availabilityZones: options.availabilityZone,
      subnets: options.subnet,
      existingPorts: options.port,
      additionalNetworks: options.additionalNetwork,
      securityGroups: options.securityGroup,
      serverGroupPolicy,
      cloudInit: options.cloudInit === undefined ? undefined : readInput(options.cloudInit),
      idempotencyKey,
    }),
  };
  const { nodeGroup, operation } = await session.client.mutate<{ nodeGroup: { uuid: string } & Warned; operation: Operation }>(
    CREATE_NODE_GROUP,
    { input },
  );
  tellWarnings(session, [nodeGroup]);
  await follow(session, options, cluster, nodeGroup, operation, `Create ${cluster.name}/${name}`);
};

export interface Warned {
  name: string;
  warnings: string[];
}

/** What was taken, and may disappoint. */
export const tellWarnings = ({ io }: Session, groups: readonly Warned[]): void => {
  for (const { name, warnings } of groups)
    for (const warning of warnings) io.screen.write(`Warning, node group ${plain(name)}: ${plain(warning)}\n`);
};

const remove = async (session: Session, [clusterName = '', groupName = '']: readonly string[], options: ChangeOptions): Promise<void> => {
  const { cluster, group } = await getGroup(session, clusterName, groupName);
  const input = given({ nodeGroupId: group.uuid, idempotencyKey: options.idempotencyKey });
  const { operation } = await session.client.mutate<{ operation: Operation }>(DELETE_NODE_GROUP, { input });
  await session.finish(options, {
    operation,
    title: `Delete ${cluster.name}/${group.name}`,
    cluster: { id: cluster.uuid, after: cluster.lastEventNumber },
  });
  const deleted = options.wait !== false;
  session.print({ uuid: group.uuid, name: group.name, deleted }, () => (deleted ? `Node group ${group.name} is deleted.\n` : ''));
};

const nodesOf = (cluster: Cluster, group: NodeGroup) => cluster.nodes.nodes.filter((node) => node.nodeGroup?.uuid === group.uuid);

const resize = async (session: Session, [clusterName = '', groupName = '']: readonly string[], options: ResizeOptions): Promise<void> => {
  const { cluster, group } = await getGroup(session, clusterName, groupName);
  const nodesToRemove = options.remove?.map((name) => {
    const node = nodesOf(cluster, group).find((n) => n.name === name || n.uuid === name);
    if (node === undefined) throw new ClientError('NOT_FOUND', `Node group ${group.name} has no worker ${name}.`);
    return node.uuid;
  });
  const input = given({ nodeGroupId: group.uuid, count: options.count, nodesToRemove, idempotencyKey: options.idempotencyKey });
  if (options.plan === true) return showPlan(session, PLAN_RESIZE_NODE_GROUP, input);
  const { operation } = await session.client.mutate<{ operation: Operation }>(RESIZE_NODE_GROUP, { input });
  await follow(session, options, cluster, group, operation, `Resize ${cluster.name}/${group.name} to ${options.count}`);
};

const autoscale = async (
  session: Session,
  [clusterName = '', groupName = '']: readonly string[],
  options: AutoscaleOptions,
): Promise<void> => {
  const { cluster, group } = await getGroup(session, clusterName, groupName);
  const { min: minCount, max, idempotencyKey } = options;
  const input = given({ nodeGroupId: group.uuid, minCount, maxCount: max === false ? null : max, idempotencyKey });
  if (options.plan === true) return showPlan(session, PLAN_UPDATE_NODE_GROUP, input);
  const { operation } = await session.client.mutate<{ operation: Operation }>(UPDATE_NODE_GROUP, { input });
  await follow(session, options, cluster, group, operation, `Bound ${cluster.name}/${group.name}`);
};

const update = async (session: Session, [clusterName = '', groupName = '']: readonly string[], options: UpdateOptions): Promise<void> => {
  const { cluster, group } = await getGroup(session, clusterName, groupName);
  const { flavor, image, keypair, kubernetesVersion, maxSurge, maxUnavailable, drainTimeout, onBlockedDrain, idempotencyKey } = options;
  const drainTimeoutSeconds = drainTimeout === false ? null : drainTimeout;
  const strategy = given({ maxSurge, maxUnavailable, drainTimeoutSeconds, onBlockedDrain });
  const input: Record<string, unknown> = {
    ...(options.file === undefined ? {} : session.readSettings(options.file)),
    ...given({
      nodeGroupId: group.uuid,
      flavor,
      image,
      keypair: keypair === false ? null : keypair,
      kubernetesVersion: kubernetesVersion === false ? null : kubernetesVersion,
      cloudInit: options.cloudInit === undefined ? undefined : readInput(options.cloudInit),
      idempotencyKey,
    }),
  };
  if (Object.keys(strategy).length > 0) input['upgradeStrategy'] = { ...(input['upgradeStrategy'] as object | undefined), ...strategy };
  if (options.plan === true) return showPlan(session, PLAN_UPDATE_NODE_GROUP, input);
  const { operation } = await session.client.mutate<{ operation: Operation }>(UPDATE_NODE_GROUP, { input });
  await follow(session, options, cluster, group, operation, `Update ${cluster.name}/${group.name}`);
};

const getGroup = async (session: Session, clusterName: string, groupName: string) => {
  const cluster = await getCluster(session.client, clusterName);
  const group = cluster.nodeGroups.nodes.find((g) => g.name === groupName || g.uuid === groupName);
  if (group === undefined) throw new ClientError('NOT_FOUND', `Cluster ${cluster.name} has no node group ${groupName}.`);
  return { cluster, group };
};

const follow = async (
  session: Session,
  options: ChangeOptions,
  cluster: Cluster,
  group: Pick<NodeGroup, 'uuid'>,
  operation: Operation,
  title: string,
): Promise<void> => {
  await session.finish(options, { operation, title, cluster: { id: cluster.uuid, after: cluster.lastEventNumber } });
  const after = await getCluster(session.client, cluster.uuid);
  const changed = after.nodeGroups.nodes.filter((g) => g.uuid === group.uuid);
  session.print(changed[0], () => groupsText(after, changed));
};
