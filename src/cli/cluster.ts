/** `seedbed cluster …`: a customer's clusters. */
import type { Command } from 'commander';
import {
  CREATE_CLUSTER,
  DELETE_CLUSTER,
  LEAK_REPORT,
  PLAN_CREATE_CLUSTER,
  PLAN_DELETE_CLUSTER,
  PLAN_UPDATE_CLUSTER,
  ROTATE_CERTIFICATES,
  ROTATE_ENCRYPTION_KEY,
  UPDATE_CLUSTER,
} from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { ClusterSummary, LeakReport, Operation } from '../client/types.ts';
import { CREDENTIAL_FILE, readCredential, rotateCredential } from './cloudCredential.ts';
import { addList } from './clusterList.ts';
import { clusterText } from './clusterText.ts';
import { addUpgrade } from './clusterUpgrade.ts';
import { addWatch } from './clusterWatch.ts';
import { addMove } from './controlPlaneMove.ts';
import { get, getCluster, listPages } from './find.ts';
import { addHibernation } from './hibernation.ts';
import { addKubeconfigCommands } from './kubeconfig.ts';
import { leakReportText, type WholeLeakReport } from './leakReport.ts';
import { tellWarnings, type Warned } from './nodegroup.ts';
import { action, type ChangeOptions, collectLabel, define, defineChange, given, type Label, readDuration, readWhole } from './options.ts';
import { addPause } from './pause.ts';
import { type PlanOptions, showPlan, withPlan } from './plan.ts';
import type { Io, Session } from './session.ts';
import { addMoveToTemplate } from './templateMove.ts';

interface CreateOptions extends PlanOptions {
  template: string;
  file?: string;
  nodes?: number;
  kubernetesVersion?: string;
  flavor?: string;
  image?: string;
  keypair?: string;
  seed?: string;
  label?: Label[];
  deletionProtection?: boolean;
  credential?: string;
}

export const addClusterCommands = (program: Command, io: Io): void => {
  const cluster = program.command('cluster').description('Kubernetes clusters of the project');
  withPlan(defineChange(cluster, 'create <name>', 'make a cluster and draw its progress until it is READY'))
    .requiredOption('--template <template>', 'name or id of the template')
    .option('--file <file>', "YAML with any of ClusterOverridesInput's fields, and nodeGroups; options win over it; - reads standard input")
    .option('--nodes <n>', 'workers of the default node group', readWhole)
    .option('--kubernetes-version <version>', "instead of the template's")
    .option('--flavor <flavor>', "instead of the template's")
    .option('--image <image>', "instead of the template's")
    .option('--keypair <name>', "instead of the template's")
    .option('--seed <seed>', 'for cloud admins; placement chooses without it')
    .option('--label <key=value>', "Magnum's labels; may be repeated", collectLabel)
    .option('--deletion-protection', 'refuse to delete it until told otherwise')
    .option('--credential <file>', `instead of a user of the cluster's own or a trust of yours: ${CREDENTIAL_FILE}`)
    .action(action(io, create));
  addList(cluster, io);
  define(cluster, 'show <cluster>', 'show a cluster with its node groups, workers and conditions').action(action(io, show));
  addWatch(cluster, io);
  withPlan(defineChange(cluster, 'update <cluster>', 'change settings of a cluster and draw the progress until it is READY again'))
    .option('--file <file>', "YAML with any of ClusterOverridesInput's fields that may change; - reads standard input")
    .option('--label <key=value>', "Magnum's labels; may be repeated", collectLabel)
    .option('--deletion-protection', 'refuse to delete it until told otherwise')
    .option('--no-deletion-protection', 'allow to delete it')
    .action(action(io, update));
  addUpgrade(cluster, io);
  addMoveToTemplate(cluster, io);
  addPause(cluster, io);
  addHibernation(cluster, io);
  addMove(cluster, io);
  withPlan(defineChange(cluster, 'delete <cluster>', 'delete a cluster with everything that was made for it'))
    .option('--disable-deletion-protection', 'although deletion protection is on')
    .option('--keep-volumes', 'keep all volumes of its PersistentVolumes, whatever these say')
    .option('--delete-volumes', 'delete all volumes of its PersistentVolumes, whatever these say')
    .option('--keep-snapshots', 'keep snapshots of its volumes, and the volumes that have one')
    .option('--delete-snapshots', 'delete all snapshots of volumes that are to go, whoever made them')
    .option('--keep-backups', 'keep the backups of its etcd')
    .option('--keep-load-balancers', 'keep the load balancers of its Services, in a network of your own')
    .option('--keep-floating-ips', "keep the floating IPs of its Services' load balancers")
    .option('--deadline <duration>', 'go on after so long without what is waited for, from 60s to 24h', readDuration)
    .option('--abandon-seed', 'leave what is in a seed that is lost for good (cloud administrators)')
    .action(action(io, remove));
  define(cluster, 'leaks <id>', 'show what a deleted cluster left in the project, if anything').action(action(io, leaks));
  addKubeconfigCommands(cluster, io);
  defineChange(cluster, 'rotate-encryption-key <cluster>', 'seal the Secrets at rest with a new key and forget the old one').action(
    action(
      io,
      rotate(ROTATE_ENCRYPTION_KEY, 'Rotate the encryption key', (name) => `The Secrets of ${name} are sealed with a new key.`),
    ),
  );
  defineChange(cluster, 'rotate-credential <cluster>', "replace what Seedbed and the cloud's controllers act by in the project")
    .option('--credential <file>', CREDENTIAL_FILE)
    .option(
      '--trust',
      "without one: a new credential of the cluster's own user, or, where the operator has no such users, a trust of yours",
    )
    .action(action(io, rotateCredential));
  defineChange(cluster, 'rotate-certificates <cluster>', 'replace every authority, key and certificate, and the workers').action(
    action(
      io,
      rotate(
        ROTATE_CERTIFICATES,
        'Rotate the certificates',
        (name) => `${name} has new authorities; what the old ones signed is refused. Kubeconfigs from before are to be issued anew.`,
      ),
    ),
  );
};

const create = async (session: Session, [name = '']: readonly string[], options: CreateOptions): Promise<void> => {
  const { kubernetesVersion, flavor, image, keypair } = options;
  const credential = options.credential === undefined ? undefined : readCredential(session, options.credential);
  // Node groups are no settings of the template, and stand beside those that are.
  const { nodeGroups, ...settings } = options.file === undefined ? {} : session.readSettings(options.file);
  const overrides = { ...settings, ...given({ kubernetesVersion, flavor, image, keypair }) };
  const input = given({
    name,
    clusterTemplate: options.template,
    nodeCount: options.nodes,
    nodeGroups,
    seed: options.seed,
    labels: options.label,
    deletionProtection: options.deletionProtection,
    credential,
    idempotencyKey: options.idempotencyKey,
    ...(Object.keys(overrides).length > 0 && { overrides }),
  });
  if (options.plan === true) return showPlan(session, PLAN_CREATE_CLUSTER, input);
  const { cluster, operation } = await session.client.mutate<{
    cluster: ClusterSummary & { nodeGroups: { nodes: Warned[] } };
    operation: Operation;
  }>(CREATE_CLUSTER, { input });
  tellWarnings(session, cluster.nodeGroups.nodes);
  await session.finish(options, { operation, title: `Create cluster ${cluster.name}`, cluster: { id: cluster.uuid, after: 0 } });
  const after = await getCluster(session.client, cluster.uuid);
  session.print(after, () => clusterText(after, session.now()));
};

const show = async (session: Session, [nameOrId = '']: readonly string[]): Promise<void> => {
  const cluster = await getCluster(session.client, nameOrId);
  session.print(cluster, () => clusterText(cluster, session.now()));
};

interface UpdateOptions extends PlanOptions {
  file?: string;
  label?: Label[];
  deletionProtection?: boolean;
}

const update = async (session: Session, [nameOrId = '']: readonly string[], options: UpdateOptions): Promise<void> => {
  const { file, label, deletionProtection, idempotencyKey } = options;
  if (file === undefined && label === undefined && deletionProtection === undefined)
    throw new ClientError('USAGE', 'Nothing is to change: give --file, --label, --deletion-protection or --no-deletion-protection.');
  const overrides = file === undefined ? undefined : session.readSettings(file);
  const { uuid } = await getCluster(session.client, nameOrId);
  const input = given({ clusterId: uuid, overrides, labels: label, deletionProtection, idempotencyKey });
  if (options.plan === true) return showPlan(session, PLAN_UPDATE_CLUSTER, input);
  const { cluster, operation } = await session.client.mutate<{ cluster: ClusterProgressed; operation: Operation }>(UPDATE_CLUSTER, {
    input,
  });
  const progress = { id: uuid, after: Math.max(0, cluster.lastEventNumber - 1) };
  await session.finish(options, { operation, title: `Update cluster ${cluster.name}`, cluster: progress });
  const after = await getCluster(session.client, uuid);
  session.print(after, () => clusterText(after, session.now()));
};

type ClusterProgressed = ClusterSummary & { lastEventNumber: number };

interface DeleteOptions extends PlanOptions {
  disableDeletionProtection?: boolean;
  abandonSeed?: boolean;
  keepVolumes?: boolean;
  deleteVolumes?: boolean;
  keepSnapshots?: boolean;
  deleteSnapshots?: boolean;
  keepBackups?: boolean;
  keepLoadBalancers?: boolean;
  keepFloatingIps?: boolean;
  deadline?: number;
}

const remove = async (session: Session, [nameOrId = '']: readonly string[], options: DeleteOptions): Promise<void> => {
  const { uuid, name } = await getCluster(session.client, nameOrId);
  const { disableDeletionProtection, abandonSeed, keepLoadBalancers, keepFloatingIps, deadline, idempotencyKey } = options;
  const volumes = keepOrDelete('volumes', options.keepVolumes, options.deleteVolumes);
  const snapshots = keepOrDelete('snapshots', options.keepSnapshots, options.deleteSnapshots);
  const wish = given({
    ...{ volumes, snapshots },
    backups: options.keepBackups ? 'KEEP' : undefined,
    loadBalancers: keepLoadBalancers ? 'KEEP' : undefined,
    floatingIps: keepFloatingIps ? 'KEEP' : undefined,
    deadlineSeconds: deadline === undefined ? undefined : Math.floor(deadline / 1000),
  });
  const policy = Object.keys(wish).length === 0 ? undefined : wish;
  const input = given({ clusterId: uuid, disableDeletionProtection, abandonSeed, policy, idempotencyKey });
  if (options.plan === true) return showPlan(session, PLAN_DELETE_CLUSTER, input);
  const { cluster, operation } = await session.client.mutate<{ cluster: ClusterProgressed; operation: Operation }>(DELETE_CLUSTER, {
    input,
  });
  const progress = { id: uuid, after: Math.max(0, cluster.lastEventNumber - 1) };
  await session.finish(options, { operation, title: `Delete cluster ${name}`, cluster: progress });
  const { leakReport } = options.wait === false ? { leakReport: null } : await getReported(session, uuid);
  session.print(given({ uuid, name, deleted: options.wait !== false, leakReport: leakReport ?? undefined }), () => {
    if (options.wait === false) return '';
    const quiet = leakReport === null || (leakReport.clean && leakReport.leftovers.length === 0);
    return `Cluster ${name} is deleted.\n${quiet ? '' : leakReportText(leakReport)}`;
  });
};

const keepOrDelete = (what: string, keep = false, drop = false): 'KEEP' | 'DELETE' | undefined => {
  if (keep && drop) throw new ClientError('USAGE', `--keep-${what} and --delete-${what} exclude each other: give one.`);
  return keep ? 'KEEP' : drop ? 'DELETE' : undefined;
};

/** With all that is left, however much. */
const getReported = async (session: Session, nameOrId: string): Promise<Told> => {
  type Asked = Omit<Told, 'leakReport'> & { leakReport: LeakReport | null };
  const found: Asked[] = [];
  const leftovers = await listPages(async (after) => {
    found.push(await get<Asked>(session.client, LEAK_REPORT, 'cluster', 'Cluster', nameOrId, { after }));
    return found.at(-1)?.leakReport?.leftoversConnection;
  });
  const { leakReport = null, ...cluster } = found[0] as Asked;
  if (leakReport === null) return { ...cluster, leakReport };
  const { leftoversConnection: _pages, ...report } = leakReport;
  return { ...cluster, leakReport: { ...report, leftovers } };
};

interface Told {
  name: string;
  state: string;
  leakReport: WholeLeakReport | null;
}

const leaks = async (session: Session, [id = '']: readonly string[]): Promise<void> => {
  const { name, state, leakReport } = await getReported(session, id);
  if (leakReport === null)
    throw new ClientError('NOT_DELETED', `Cluster ${name} is ${state}; what it leaves behind is known once it is deleted.`);
  session.print(leakReport, () => leakReportText(leakReport));
};

const rotate =
  (document: string, title: string, told: (name: string) => string) =>
  async (session: Session, [nameOrId = '']: readonly string[], options: ChangeOptions): Promise<void> => {
    const { uuid, name } = await getCluster(session.client, nameOrId);
    const input = given({ clusterId: uuid, idempotencyKey: options.idempotencyKey });
    const { cluster, operation } = await session.client.mutate<{ cluster: ClusterProgressed; operation: Operation }>(document, { input });
    const progress = { id: uuid, after: Math.max(0, cluster.lastEventNumber - 1) };
    await session.finish(options, { operation, title: `${title} of cluster ${name}`, cluster: progress });
    session.print({ uuid, name, operation: operation.uuid }, () => (options.wait === false ? '' : `${told(name)}\n`));
  };
