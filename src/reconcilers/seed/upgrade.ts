/** What a made seed runs, seen from its API, and which of its machines is to be upgraded next. */
import type { SeedMachine } from '../../domain/madeSeed.ts';
import { isOlder } from '../../domain/upgrade.ts';
import { findRelease, getOfferedRelease, parseVersion, type Release } from '../../domain/version.ts';
import type { Kubernetes } from '../../seeds/connection.ts';
import type { NodeFact, SeedProbe } from '../../seeds/probe.ts';
import { machinesWanted, madeOf } from './made.ts';
import type { SeedScope } from './scope.ts';

/** Of the API server, and of the kubelets. */
export type VersionSight = Pick<SeedProbe, 'version' | 'nodes'>;

const isBehind = (has: string, wanted: string): boolean => parseVersion(has) !== undefined && isOlder(has, wanted);

/**
 * In the order in which they go: control plane first. The script of a machine ends with its kubelet, so a kubelet that is there says that all before it
 * is; where the API is on one machine alone, it can be asked as well. What is newer than wanted is no business of an upgrade.
 */
export const machinesBehind = (scope: SeedScope, { version, nodes }: VersionSight): SeedMachine[] => {
  const wanted = madeOf(scope).kubernetesVersion;
  const machines = machinesWanted(scope);
  const alone = machines.filter(({ controlPlane }) => controlPlane).length === 1;
  return machines.filter((machine) => {
    const kubelet = nodes.find(({ name }) => name === machine.name)?.kubeletVersion;
    return (kubelet !== undefined && isBehind(kubelet, wanted)) || (alone && machine.controlPlane && isBehind(version, wanted));
  });
};

/**
 * One of the control plane that is not Ready, or has no node yet: none is touched while others are not there, for etcd could do without no second one, and one that
 * is upgraded before the cluster's own version is would be left behind.
 */
export const absentOf = (scope: SeedScope, { nodes }: VersionSight): SeedMachine | undefined => {
  const ready = new Set(nodes.filter((node) => node.ready).map(({ name }) => name));
  return machinesWanted(scope).find(({ name, controlPlane }) => controlPlane && !ready.has(name));
};

/** What has to be Ready before the next machine is touched: that machine itself, for nothing can be done in it otherwise, and those that are there already. */
export const unreadyOf = (scope: SeedScope, { nodes }: VersionSight, next: SeedMachine): NodeFact | undefined => {
  const wanted = madeOf(scope).kubernetesVersion;
  const names = new Set(machinesWanted(scope).map(({ name }) => name));
  return nodes.find(
    ({ name, ready, kubeletVersion }) => !ready && (name === next.name || (names.has(name) && !isBehind(kubeletVersion, wanted))),
  );
};

/** What kubeadm has noted that the cluster runs, whichever of its API servers answers; undefined: nothing that could be read. */
export const readClusterVersion = async (kube: Kubernetes): Promise<string | undefined> => {
  const map = await kube.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubeadm-config' });
  const { data } = (map ?? {}) as { data?: Record<string, string> };
  const version = /^kubernetesVersion: "?(v[0-9.]+)"?$/m.exec(data?.ClusterConfiguration ?? '')?.[1];
  return version !== undefined && parseVersion(version) !== undefined ? version : undefined;
};

/** Of what its API server runs; of what it is to run, where that is none that is known. */
export const runningRelease = (scope: SeedScope, version: string): Release => {
  const wanted = madeOf(scope).kubernetesVersion;
  return findRelease(version) ?? findRelease(wanted) ?? getOfferedRelease(wanted);
};
