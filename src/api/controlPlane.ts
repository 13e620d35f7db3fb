/** The control plane's settings, as output and as input in the same words. */
import type { ComponentResources, ControlPlaneResources, ControlPlaneSpec, EtcdSpec } from '../domain/controlPlane.ts';
import { AuditInput, AuditSpecType, IssuerInput, IssuerSpecType, KeystoneRoleInput, KeystoneRoleType } from './access.ts';
import { builder } from './builder.ts';
import { TunnelEnum } from './enums.ts';

const TEXT = {
  replicas: 'Members of etcd, 1 or 3; a living cluster follows a change one member at a time.',
  apiServerReplicas: 'API servers, from 1 to 5; null for as many as `replicas`.',
  etcd: 'Its own etcd.',
  tunnel:
    'How API servers reach nodes and pods, for logs, exec, webhooks and aggregated APIs; NONE only where the seed has a route to both.',
  allowedCidrs:
    'IPv4 ranges or addresses from which the API may be called, at most 100; none for everywhere. Seedbed, the workers and the pods of the control plane may always. Workers in a network that you brought call from addresses of yours: list them, too.',
  audit: 'What the API server writes down of who did what.',
  issuers: 'OpenID Connect issuers whose tokens are taken, at most 8.',
  keystoneRoles:
    'What roles in the project allow in the cluster, with keystoneAuthEnabled; at most 32, and any other role allows nothing by itself.',
  volumeSizeGiB: "Size of each member's volume, in GiB, from 1 to 64.",
  volumeType: "The seed's StorageClass for the volumes; null for the one that the seed is registered with.",
  quotaGiB: 'Size of the data, in GiB, from which on etcd takes no more writes; null for half the volume, and at most 8.',
  snapshotCount: "Changes between two snapshots of a member's log.",
  heartbeatMs: 'How often the leader speaks to the others, in milliseconds; more for members that are far apart.',
  electionMs: 'After how many milliseconds without a word of the leader another is elected; at least five heartbeats.',
  autoCompaction:
    'A duration such as 1h after which etcd itself drops old revisions; null to leave that to the API server, every five minutes.',
  defragSchedule:
    'When its files are made smaller if that is worth it, one member at a time and the leader last: five fields of cron in UTC, such as "0 3 * * *"; null for only when they are full.',
  resources: 'What each container asks of its node; there are no limits.',
  cpuMillicores: 'Thousandths of a CPU.',
  memoryMiB: 'Memory in MiB.',
  component: (name: string) => `Of each ${name}.`,
} as const;

const COMPONENTS = {
  etcd: 'member of etcd',
  apiServer: 'API server',
  controllerManager: 'controller manager',
  scheduler: 'scheduler',
} as const;

const EtcdSpecType = builder.objectRef<EtcdSpec>('EtcdSpec').implement({
  description: "The settings of a cluster's own etcd.",
  fields: (t) => ({
    volumeSizeGiB: t.exposeInt('volumeSizeGiB', { description: TEXT.volumeSizeGiB }),
    volumeType: t.exposeString('volumeType', { nullable: true, description: TEXT.volumeType }),
    quotaGiB: t.exposeInt('quotaGiB', { nullable: true, description: TEXT.quotaGiB }),
    snapshotCount: t.exposeInt('snapshotCount', { description: TEXT.snapshotCount }),
    heartbeatMs: t.exposeInt('heartbeatMs', { description: TEXT.heartbeatMs }),
    electionMs: t.exposeInt('electionMs', { description: TEXT.electionMs }),
    autoCompaction: t.exposeString('autoCompaction', { nullable: true, description: TEXT.autoCompaction }),
    defragSchedule: t.exposeString('defragSchedule', { nullable: true, description: TEXT.defragSchedule }),
  }),
});

const ComponentResourcesType = builder.objectRef<ComponentResources>('ComponentResources').implement({
  description: 'What a container of the control plane asks of its node.',
  fields: (t) => ({
    cpuMillicores: t.exposeInt('cpuMillicores', { description: TEXT.cpuMillicores }),
    memoryMiB: t.exposeInt('memoryMiB', { description: TEXT.memoryMiB }),
  }),
});

const ControlPlaneResourcesType = builder.objectRef<ControlPlaneResources>('ControlPlaneResources').implement({
  description: 'What the containers of a control plane ask of their nodes.',
  fields: (t) => {
    const component = (name: keyof ControlPlaneResources) =>
      t.expose(name, { type: ComponentResourcesType, description: TEXT.component(COMPONENTS[name]) });
    return {
      etcd: component('etcd'),
      apiServer: component('apiServer'),
      controllerManager: component('controllerManager'),
      scheduler: component('scheduler'),
    };
  },
});

export const ControlPlaneSpecType = builder.objectRef<ControlPlaneSpec>('ControlPlaneSpec').implement({
  description: "The settings of a cluster's control plane.",
  fields: (t) => ({
    replicas: t.exposeInt('replicas', { description: TEXT.replicas }),
    apiServerReplicas: t.exposeInt('apiServerReplicas', { nullable: true, description: TEXT.apiServerReplicas }),
    etcd: t.expose('etcd', { type: EtcdSpecType, description: TEXT.etcd }),
    resources: t.expose('resources', { type: ControlPlaneResourcesType, description: TEXT.resources }),
    tunnel: t.expose('tunnel', { type: TunnelEnum, description: TEXT.tunnel }),
    allowedCidrs: t.exposeStringList('allowedCidrs', { description: TEXT.allowedCidrs }),
    audit: t.expose('audit', { type: AuditSpecType, description: TEXT.audit }),
    issuers: t.expose('issuers', { type: [IssuerSpecType], description: TEXT.issuers }),
    keystoneRoles: t.expose('keystoneRoles', { type: [KeystoneRoleType], description: TEXT.keystoneRoles }),
  }),
});

const EtcdInput = builder.inputType('EtcdInput', {
  description: "The settings of a cluster's own etcd; what is left out stays.",
  fields: (t) => ({
    volumeSizeGiB: t.int({ description: TEXT.volumeSizeGiB }),
    volumeType: t.string({ description: TEXT.volumeType }),
    quotaGiB: t.int({ description: TEXT.quotaGiB }),
    snapshotCount: t.int({ description: TEXT.snapshotCount }),
    heartbeatMs: t.int({ description: TEXT.heartbeatMs }),
    electionMs: t.int({ description: TEXT.electionMs }),
    autoCompaction: t.string({ description: TEXT.autoCompaction }),
    defragSchedule: t.string({ description: TEXT.defragSchedule }),
  }),
});

const ComponentResourcesInput = builder.inputType('ComponentResourcesInput', {
  description: 'What a container of the control plane asks of its node; what is left out stays.',
  fields: (t) => ({
    cpuMillicores: t.int({ description: TEXT.cpuMillicores }),
    memoryMiB: t.int({ description: TEXT.memoryMiB }),
  }),
});

const ControlPlaneResourcesInput = builder.inputType('ControlPlaneResourcesInput', {
  description: 'What the containers of a control plane ask of their nodes; what is left out stays.',
  fields: (t) => {
    const component = (name: keyof ControlPlaneResources) =>
      t.field({ type: ComponentResourcesInput, description: TEXT.component(COMPONENTS[name]) });
    return {
      etcd: component('etcd'),
      apiServer: component('apiServer'),
      controllerManager: component('controllerManager'),
      scheduler: component('scheduler'),
    };
  },
});

export const ControlPlaneInput = builder.inputType('ControlPlaneInput', {
  description: "The settings of a cluster's control plane; what is left out stays.",
  fields: (t) => ({
    replicas: t.int({ description: TEXT.replicas }),
    apiServerReplicas: t.int({ description: TEXT.apiServerReplicas }),
    etcd: t.field({ type: EtcdInput, description: TEXT.etcd }),
    resources: t.field({ type: ControlPlaneResourcesInput, description: TEXT.resources }),
    tunnel: t.field({ type: TunnelEnum, description: TEXT.tunnel }),
    allowedCidrs: t.stringList({ description: TEXT.allowedCidrs }),
    audit: t.field({ type: AuditInput, description: TEXT.audit }),
    issuers: t.field({ type: [IssuerInput], description: TEXT.issuers }),
    keystoneRoles: t.field({ type: [KeystoneRoleInput], description: TEXT.keystoneRoles }),
  }),
});
