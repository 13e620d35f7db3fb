/** Addons of a cluster: what is there, in which version, and how it does. */
import type { AddonState, AddonView, BundleView } from '../domain/addonState.ts';
import { builder } from './builder.ts';
import { enumOf } from './enums.ts';
import { FaultType } from './problem.ts';

const AddonStateEnum = enumOf<AddonState>('AddonState', 'How an addon of a cluster does.', {
  DISABLED: 'It is not wanted, and not there.',
  PENDING: 'It is wanted; nothing has been made yet.',
  INSTALLING: 'It is being made or changed, or does not work now; the message says what is waited for.',
  READY: 'It is there and works.',
  FAILED: 'It could not be made, changed or removed; the message says why.',
  REMOVING: 'It is not wanted any more, and still there.',
});

export const AddonType = builder.objectRef<AddonView>('Addon').implement({
  description: 'What runs inside a cluster beside its workloads.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'As in the settings, such as coreDns.' }),
    title: t.exposeString('title', { description: 'For people, such as "Name resolution (CoreDNS)".' }),
    version: t.exposeString('version', {
      nullable: true,
      description: "The version for the cluster's Kubernetes; null when there is none.",
    }),
    enabled: t.exposeBoolean('enabled', { description: 'It is wanted.' }),
    state: t.expose('state', { type: AddonStateEnum, description: 'How it does.' }),
    message: t.exposeString('message', { description: 'A sentence for people; empty when there is nothing to say.' }),
  }),
});

export const ClusterBundleType = builder.objectRef<BundleView>('ClusterBundle').implement({
  description: 'An addon bundle of a cluster, and how it does.',
  fields: (t) => ({
    name: t.exposeString('name', { description: "The bundle's name." }),
    revision: t.exposeInt('revision', { description: 'The revision that is wanted; of one that goes, the one that was.' }),
    enabled: t.exposeBoolean('enabled', { description: 'It is wanted.' }),
    state: t.expose('state', { type: AddonStateEnum, description: 'How it does.' }),
    message: t.exposeString('message', { description: 'A sentence for people; empty when there is nothing to say.' }),
    problem: t.expose('problem', { type: FaultType, nullable: true, description: 'What went wrong, and who must act.' }),
  }),
});
