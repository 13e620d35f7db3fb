/** Kubernetes clusters whose control plane runs on a machine of the simulated cloud, by kubeadm: what Seedbed makes seeds of. */
import type { ControlPlaneFiles, KubernetesDeps, StartControlPlane } from '../contract.ts';
import { systemContext } from './controllers/ownedPods.ts';
import { createPlane, type Plane, type PlaneDeps } from './hosted/plane.ts';
import { createPlanes, type Planes } from './hosted/planes.ts';
import { findKind } from './kinds.ts';
import { type KubeObject, namespaceOf } from './objects.ts';
import { createObject } from './resources.ts';
import { UNSEALED } from './sealing.ts';

export interface MachinePlanes {
  start: StartControlPlane;
  list(): { plane: Plane; planes: Planes }[];
  close(): void;
}

type Deps = Pick<KubernetesDeps, 'world' | 'latency' | 'log' | 'counters' | 'faults' | 'playFault'> & { now: () => number };

export const createMachinePlanes = (deps: Deps): MachinePlanes => {
  const running = new Map<string, { plane: Plane; planes: Planes }>();
  const stop = (id: string): void => {
    const entry = running.get(id);
    running.delete(id);
    entry?.planes.close();
    entry?.plane.close();
  };
  return {
    start: async (files) => {
      const entry = open(deps, files);
      running.set(files.id, entry);
      await entry.plane.listening();
      return {
        stop: () => stop(files.id),
        restart: async (changed, away) => {
          entry.plane.withdraw(podUidOf(files));
          await away();
          if (running.get(files.id) !== entry) return;
          serve(entry.plane, changed);
          await entry.plane.listening();
        },
      };
    },
    list: () => [...running.values()],
    close: () => {
      for (const id of [...running.keys()]) stop(id);
    },
  };
};

const open = (deps: Deps, files: ControlPlaneFiles): { plane: Plane; planes: Planes } => {
  const { id, endpoint, address } = files;
  const plane = createPlane({
    ...deps,
    id,
    rows: deps.world.table(`kubernetes/hosted/${id}`),
    addressesOf: (_config, port) => (port === endpoint.port ? [endpoint] : []),
    onMachines: { startProcess: (pod) => planes.startProcess(pod) },
  } satisfies PlaneDeps);
  const planes = createPlanes({
    ...deps,
    seed: plane.cluster,
    // The others are behind their router, and have no floating IP.
    reachedAt: (node) => (node === address ? [endpoint.host] : []),
  });
  serve(plane, files);
  return { plane, planes };
};

/** All three programs of it come and go together. */
const podUidOf = ({ id }: ControlPlaneFiles): string => `kube-apiserver-${id}`;

const serve = (plane: Plane, files: ControlPlaneFiles): void => {
  const { id, endpoint, address, ca, server } = files;
  const podUid = podUidOf(files);
  plane.serve({
    podUid,
    podName: 'kube-apiserver',
    namespace: 'kube-system',
    version: files.kubernetesVersion,
    port: endpoint.port,
    advertiseAddress: address,
    ...server,
    clientCaPem: ca.certPem,
    kubeletClientPem: files.kubeletClientPem,
    serviceCidr: files.serviceCidr,
    authentication: { bootstrapTokens: true, anonymous: 'any' },
    tokenKeys: {
      issuer: 'https://kubernetes.default.svc.cluster.local',
      signingKeyPem: files.serviceAccountKeyPem,
      verifyKeyPems: [files.serviceAccountPublicPem],
    },
    sealing: [UNSEALED],
    tunnel: undefined,
  });
  for (const object of files.objects) ensure(plane, object as KubeObject);
  plane.lead('manager', {
    podUid,
    holder: `kube-controller-manager_${id}`,
    signingCertPem: ca.certPem,
    signingKeyPem: ca.keyPem,
    rootCaPem: ca.certPem,
    signsClusterInfo: true,
    cleansTokens: true,
    clusterCidr: files.podCidr,
    nodeMask: 24,
    nodeMaskV6: 64,
  });
  plane.lead('scheduler', { podUid, holder: `kube-scheduler_${id}` });
};

const ensure = (plane: Plane, object: KubeObject): void => {
  const kind = findKind(object.apiVersion, object.kind);
  if (kind === undefined) throw new Error(`no kind ${object.kind} in ${object.apiVersion}`);
  const namespace = namespaceOf(object);
  if (plane.cluster.store.get(kind, namespace, object.metadata.name) === undefined)
    createObject(plane.cluster, kind, namespace, object, systemContext());
};
