/** The worker that a group would get next, for groups that have none to look at: what its flavor gives, less what the machine keeps for itself. */
import type { Machine, NodeGroupSpec } from '../domain/nodeGroup.ts';
import type { TemplateNode } from './protocol.ts';

/** A kubelet's own default. */
const MAX_PODS = 110;
/** The kernel takes some of the memory before the kubelet counts it, and the kubelet evicts pods before the last of it is used. */
const KERNEL_SHARE = 0.06;
const EVICTION_MIB = 100;
/** Below a tenth of the disk the kubelet evicts pods. */
const DISK_SHARE = 0.9;

/**
 * Promises rather too little: a pod that fits here must fit the machine, or one machine after the other would be started for it.
 * `cloudLabels`: a cloud controller will label the worker with its size and zone.
 */
export const buildTemplateNode = (
  group: { id: string; name: string; spec: NodeGroupSpec },
  machine: Machine,
  cloudLabels: boolean,
): TemplateNode => {
  const { spec } = group;
  const memoryMiB = Math.floor(machine.ramMiB * (1 - KERNEL_SHARE));
  const diskGiB = spec.rootVolume?.sizeGiB ?? machine.diskGiB;
  const quantities = (memory: number, diskMiB: number): Record<string, { string: string }> => ({
    cpu: { string: String(machine.vcpus) },
    memory: { string: `${memory}Mi` },
    pods: { string: String(MAX_PODS) },
    ...(diskGiB > 0 && { 'ephemeral-storage': { string: `${Math.floor(diskMiB)}Mi` } }),
  });
  const name = `template-${group.name}`;
  const [zone, otherZone] = spec.availabilityZones;
  return {
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        ...(cloudLabels && { 'node.kubernetes.io/instance-type': machine.flavor }),
        ...(cloudLabels && zone !== undefined && otherZone === undefined && { 'topology.kubernetes.io/zone': zone }),
        ...spec.labels,
      },
    },
    spec: {
      providerID: `seedbed:///template/${group.id}`,
      taints: spec.taints.map(({ key, value, effect }) => ({ key, value: value ?? '', effect })),
    },
    status: {
      capacity: quantities(memoryMiB, diskGiB * 1024),
      allocatable: quantities(Math.max(0, memoryMiB - EVICTION_MIB), diskGiB * 1024 * DISK_SHARE),
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
};
