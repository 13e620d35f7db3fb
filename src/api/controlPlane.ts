/** The control plane's settings, as output and as input in the same words. */
import type { ControlPlaneSpec, EtcdSpec } from '../domain/controlPlane.ts';
import { builder } from './builder.ts';

const TEXT = {
  replicas: 'Members of etcd and API servers, 1 or 3; 3 is kept, and not served yet.',
  etcd: 'Its own etcd.',
  volumeSizeGiB: "Size of each member's volume, in GiB, from 1 to 64.",
} as const;

const EtcdSpecType = builder.objectRef<EtcdSpec>('EtcdSpec').implement({
  description: "The settings of a cluster's own etcd.",
  fields: (t) => ({
    volumeSizeGiB: t.exposeInt('volumeSizeGiB', { description: TEXT.volumeSizeGiB }),
  }),
});

export const ControlPlaneSpecType = builder.objectRef<ControlPlaneSpec>('ControlPlaneSpec').implement({
  description: "The settings of a cluster's control plane.",
  fields: (t) => ({
    replicas: t.exposeInt('replicas', { description: TEXT.replicas }),
    etcd: t.expose('etcd', { type: EtcdSpecType, description: TEXT.etcd }),
  }),
});

const EtcdInput = builder.inputType('EtcdInput', {
  description: "The settings of a cluster's own etcd; what is left out stays.",
  fields: (t) => ({
    volumeSizeGiB: t.int({ description: TEXT.volumeSizeGiB }),
  }),
});

export const ControlPlaneInput = builder.inputType('ControlPlaneInput', {
  description: "The settings of a cluster's control plane; what is left out stays.",
  fields: (t) => ({
    replicas: t.int({ description: TEXT.replicas }),
    etcd: t.field({ type: EtcdInput, description: TEXT.etcd }),
  }),
});
