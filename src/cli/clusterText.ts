/** A cluster in full, for people. */
import type {
  Access,
  Cluster,
  ClusterHibernation,
  ClusterNode,
  ClusterPause,
  ClusterRestore,
  ControlPlaneMove,
  Etcd,
  NextMaintenance,
} from '../client/types.ts';
import { conditionsText } from './conditions.ts';
import { ageOf, fields, table } from './table.ts';

export const clusterText = (cluster: Cluster, now: number): string =>
  [
    fields([
      ['name', cluster.name],
      ['id', cluster.uuid],
      ['state', cluster.state],
      ...(cluster.unknownSince === null ? [] : ([['not heard since', cluster.unknownSince]] as const)),
      ['Kubernetes', cluster.upgradeStatus ?? cluster.version],
      ...(cluster.versionWarning === null ? [] : ([['warning', cluster.versionWarning]] as const)),
      ...(cluster.pause === null ? [] : ([['paused', pauseText(cluster.pause)]] as const)),
      ...(cluster.hibernation === null ? [] : ([['hibernated', hibernationText(cluster.hibernation)]] as const)),
      ...(cluster.nextHibernation === null
        ? []
        : ([['sleeps', `from ${cluster.nextHibernation.from} until ${cluster.nextHibernation.until}`]] as const)),
      ...(cluster.controlPlaneMove === null ? [] : ([['moved', moveText(cluster.controlPlaneMove)]] as const)),
      ...(cluster.lastRestore === null ? [] : ([['restored', restoreText(cluster.lastRestore)]] as const)),
      ['endpoint', cluster.endpoint],
      ['template', cluster.template === null ? null : `${cluster.template.name}, revision ${cluster.templateRevision.revision}`],
      ['project', cluster.projectId],
      ['etcd', etcdText(cluster.controlPlane.etcd)],
      ...adviceFields(cluster.controlPlane.etcd),
      ...(cluster.nextBackupAt === null ? [] : ([['next backup', cluster.nextBackupAt]] as const)),
      ...(cluster.nextMaintenance === null ? [] : ([['maintenance', maintenanceText(cluster.nextMaintenance, now)]] as const)),
      ...accessFields(cluster.spec.controlPlane),
      ['created', `${ageOf(cluster.createdAt, now)} ago by ${cluster.createdBy}`],
      ['generation', `${cluster.generation}, carried out: ${cluster.observedGeneration}`],
      ['protected', cluster.deletionProtection ? 'yes' : 'no'],
    ]),
    table(
      ['NODE GROUP', 'STATE', 'NODES', 'FLAVOR', 'IMAGE'],
      cluster.nodeGroups.nodes.map((group) => [group.name, group.state, group.count, group.flavor, group.image]),
      'No node groups.',
    ),
    workersText(cluster.nodes.nodes),
    table(
      ['ADDON', 'STATE', 'VERSION', 'MESSAGE'],
      // What is neither there nor wanted is no news.
      cluster.addons.filter(({ state }) => state !== 'DISABLED').map((addon) => [addon.name, addon.state, addon.version, addon.message]),
      'No addons.',
    ),
    ...(cluster.bundles.length === 0
      ? []
      : [
          table(
            ['BUNDLE', 'STATE', 'REVISION', 'MESSAGE'],
            cluster.bundles.map((bundle) => [bundle.name, bundle.state, bundle.revision, bundle.message]),
            '',
          ),
        ]),
  ].join('\n') + conditionsText(cluster.conditions);

const pauseText = ({ until, reason, requestedBy }: ClusterPause): string =>
  `until ${until} by ${requestedBy}${reason === null ? '' : `: ${reason}`}`;

const maintenanceText = ({ opensAt, closesAt, upgradeTo, problem }: NextMaintenance, now: number): string => {
  const isOpen = opensAt !== null && Date.parse(opensAt) <= now;
  const when = opensAt === null ? 'at any time' : isOpen ? `open until ${closesAt}` : `from ${opensAt} until ${closesAt}`;
  const what = upgradeTo === null ? '' : `: by itself to ${upgradeTo}${problem === null ? '' : `, but ${problem.message}`}`;
  return `${when}${what}`;
};

const hibernationText = ({ until, requestedBy }: ClusterHibernation): string =>
  `${until === null ? 'until it is woken' : `until ${until}`}, by ${requestedBy}`;

const restoreText = ({ backup, requestedAt, requestedBy, lostMinutes, lostRevisions }: ClusterRestore): string => {
  const writes = lostRevisions === null ? '' : ` and at least ${lostRevisions} ${lostRevisions === 1 ? 'revision' : 'revisions'}`;
  const loss = `lost ${lostMinutes} ${lostMinutes === 1 ? 'minute' : 'minutes'}${writes}`;
  return `${backup === null ? '' : `to backup ${backup.name}, `}asked for at ${requestedAt} by ${requestedBy}; ${loss}`;
};

const moveText = ({ phase, back, refusal, from, to, downtimeSeconds }: ControlPlaneMove): string => {
  const way = from === null || to === null || from.name === to.name ? '' : ` from seed ${from.name} to seed ${to.name}`;
  const away = downtimeSeconds === null ? '' : `, its API was away for ${downtimeSeconds} s`;
  return `${back ? 'called off' : phase === 'DONE' ? 'the control plane' : `under way (${phase})`}${way}${away}${refusal === null ? '' : `: ${refusal}`}`;
};

const accessFields = ({ allowedCidrs, audit, issuers }: Access): [string, string][] => {
  const sinks = [...(audit.stdout ? ["the API server's log"] : []), ...(audit.webhook === null ? [] : [audit.webhook.url])];
  return [
    ['allowed from', allowedCidrs.join(', ') || 'everywhere'],
    ['audit', `${audit.level}${audit.level === 'NONE' || sinks.length === 0 ? '' : `, to ${sinks.join(' and ')}`}`],
    ['issuers', issuers.map(({ url }) => url).join(', ') || 'none'],
  ];
};

const adviceFields = ({ diskAdvice }: Etcd): [string, string][] => (diskAdvice === null ? [] : [['advice', diskAdvice]]);

/** "3 members, 1 leads, 12.3 of 2560 MiB" with what is not as it should be. */
const etcdText = ({ members, alarms, quotaMiB }: Etcd): string | null => {
  if (members.length === 0) return null;
  const leader = members.find((member) => member.leader);
  const ill = members.filter(({ healthy }) => !healthy).map(({ number }) => number);
  const syncs = members.flatMap(({ fsyncP99Ms }) => fsyncP99Ms ?? []);
  const size = Math.max(...members.map(({ dbSizeMiB }) => dbSizeMiB ?? 0));
  return [
    members.length === 1 ? '1 member' : `${members.length} members`,
    ...(members.length === 1 ? [] : [leader === undefined ? 'none leads' : `${leader.number} leads`]),
    `${size} of ${quotaMiB} MiB`,
    ...(syncs.length === 0 ? [] : [`99 of 100 fsyncs within ${Math.max(...syncs)} ms`]),
    ...(ill.length === 0 ? [] : [`not well: ${ill.join(' and ')}`]),
    ...alarms.map((alarm) => `alarm ${alarm}`),
  ].join(', ');
};

export const workersText = (nodes: readonly ClusterNode[]): string =>
  table(
    ['WORKER', 'STATE', 'ADDRESS', 'KUBELET', 'ZONE', 'FAULT'],
    nodes.map(({ name, state, address, addressV6, kubeletVersion, zone, fault, trouble }) => [
      name,
      state,
      [address, addressV6].filter(Boolean).join(' ') || null,
      kubeletVersion,
      zone,
      fault?.problem.message ?? trouble?.message ?? null,
    ]),
    'No workers.',
  );
