/** What a seed needs beside what kubeadm brings: a network for its pods, and volumes. */
import { buildCalico } from '../../../addons/calico.ts';
import { buildFlannel } from '../../../addons/flannel.ts';
import { buildLocalPath } from '../../../controlPlane/localPath.ts';
import { CLUSTER_LABEL, type KubernetesObject, PROJECT_LABEL } from '../../../controlPlane/object.ts';
import { DEFAULT_ADDONS } from '../../../domain/addons.ts';
import { networkDriverOf, SEED_API_PORT } from '../../../domain/madeSeed.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { noteAllGone } from '../../../store/inventory.ts';
import { applyGroup } from '../../applied.ts';
import { madeOf, placeOf, settled } from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { runningRelease } from '../upgrade.ts';
import { apiAnswers } from './apiAnswers.ts';

export const equipment: Step<SeedScope> = {
  name: 'EquipmentApplied',
  title: 'Install the pod network and storage',
  usuallyMs: 10_000,
  needs: [apiAnswers],
  ensure: async (scope) => {
    const { row } = scope;
    const { kube } = await scope.seed();
    const group = { clusterId: row.id, ownerId: row.id, service: 'SEED', group: 'equipment', look: 'full' } as const;
    const { version } = await scope.probe();
    await applyGroup(scope, kube, group, [...podNetworkOf(scope, version).map(unmarked), ...buildLocalPath(scope.world.settings)]);
    return done(`${networkDriverOf(madeOf(scope)).toLowerCase()}, local-path`);
  },
  // It goes with the machines.
  remove: async (scope) => {
    await scope.write((tx) => noteAllGone(tx, scope.row.id, 'SEED', scope.clock.now()));
    return done();
  },
};

/** As goes with what the API server runs now. */
const podNetworkOf = (scope: SeedScope, version: string): KubernetesObject[] => {
  const { row, world } = scope;
  const made = madeOf(scope);
  const { imageRegistry, imageDigests } = world.settings;
  const cluster = {
    id: row.id,
    projectId: '',
    release: runningRelease(scope, version),
    imageRegistry,
    imageDigests,
    podCidr: row.podCidr ?? '',
    ipv6: null,
    endpoint: { host: settled(placeOf(scope).address, 'the address of the API'), port: SEED_API_PORT },
  };
  if (networkDriverOf(made) === 'FLANNEL') return buildFlannel({ ...cluster, addons: { flannel: { backend: 'VXLAN' } } });
  // kubeadm's own kube-proxy speaks iptables to the kernel.
  return buildCalico({ ...cluster, addons: { calico: DEFAULT_ADDONS.calico, kubeProxy: { mode: 'IPTABLES' } } });
};

const MARKS = new Set(['app.kubernetes.io/managed-by', CLUSTER_LABEL, PROJECT_LABEL]);

/** In a seed these labels say that something is a cluster's: a search for orphans would take it for one that outlived its cluster. */
const unmarked = <T>(value: T): T => {
  if (Array.isArray(value)) return value.map(unmarked) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => (MARKS.has(key) ? [] : [[key, unmarked(inner)]]))) as T;
};
