/** The group's flavor and image as ids; a wrong name stops here, with the field that holds it. */
import { UserError } from '../../../domain/errors.ts';
import { machineOf, type ResolvedGroup } from '../../../domain/nodeGroup.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { requireRoom } from '../../../store/projectQuotas.ts';
import { loadNodeGroup, patchNodeGroup } from '../../../store/reconcile.ts';
import { enqueue } from '../../../store/workItems.ts';
import { isLent } from '../../lentCloud.ts';
import { resolveName } from '../../resolve.ts';
import { resolvePorts } from '../ports.ts';
import type { NodeGroupScope } from '../scope.ts';

export const namesResolved: Step<NodeGroupScope> = {
  name: 'NamesResolved',
  title: 'Look up flavor and image',
  usuallyMs: 10_000,
  ensure: async (scope) => {
    const { spec, resolved, namesGeneration } = scope.row;
    if (resolved !== null && (resolved.namesGeneration ?? 1) === namesGeneration) return rememberMachine(scope, resolved);
    if (!isLent(scope.cluster)) return waiting('the right to act in the project', 15_000);
    const fixedNetworkId = scope.cluster.resolved?.fixedNetworkId ?? null;
    if (spec.subnets.length > 0 && fixedNetworkId === null) return waiting("the cluster's network to be looked up", 2_000);
    const made = await resolveMachine(scope);
    if (resolved !== null) {
      // Its ports are settled for its life, and its nodes have them.
      const { formerImageIds: _images, formerFlavorIds: _flavors, kubeVersion: _before, ...kept } = resolved;
      await keep(scope, { ...kept, ...made });
      return done();
    }
    const ports = await resolvePorts(scope, fixedNetworkId);
    await keep(scope, { ...made, ...ports });
    // Its security group lets load balancers in from the subnets of all workers.
    if (ports.subnets.length > 0) await scope.write((tx) => enqueue(tx, 'CLUSTER', scope.cluster.id, scope.clock.now()));
    return done();
  },
};

/**
 * With what a worker counts in the project's quota, which nobody may have known when the group was asked for.
 * @throws UserError QUOTA_EXCEEDED when there is no room for so much more than was counted.
 */
const keep = async (scope: NodeGroupScope, resolved: ResolvedGroup): Promise<void> => {
  const { row, cluster, world } = scope;
  const vcpus = resolved.machine?.vcpus ?? row.vcpus;
  await scope.write(async (tx) => {
    // It may have been resized meanwhile.
    const { spec, ...now } = (await loadNodeGroup(tx.db, row.id)) ?? row;
    const more = (vcpus ?? 0) - (now.vcpus ?? now.resolved?.machine?.vcpus ?? 0);
    const workers = Math.max(spec.count, scope.nodes.length);
    await requireRoom(tx, world.settings.projectLimits, cluster.projectId, { workerVcpus: workers * more }, ['flavor']);
    await patchNodeGroup(tx, row.id, { resolved, vcpus });
  });
  Object.assign(row, { resolved, vcpus });
};

/** What a new server is asked for with. */
const resolveMachine = async (
  scope: NodeGroupScope,
): Promise<Pick<ResolvedGroup, 'flavorId' | 'imageId' | 'machine' | 'kubeVersion' | 'namesGeneration'>> => {
  const { spec, namesGeneration } = scope.row;
  const { compute, image: images } = scope.cloud();
  const [flavors, image, keypairs] = await Promise.all([
    compute.listFlavors(),
    images.findImage(spec.image),
    spec.keypair === null ? [] : compute.listKeypairs(),
  ]);
  const flavor = resolveName('flavor', spec.flavor, flavors, ['flavor']);
  if (image === undefined) throw await unknownImage(scope);
  if (spec.keypair !== null && !keypairs.some((k) => k.name === spec.keypair)) throw unknownKeypair(spec.keypair);
  const { kubeVersion } = image;
  return {
    flavorId: flavor.id,
    imageId: image.id,
    machine: machineOf(flavor),
    ...(kubeVersion !== null && { kubeVersion }),
    namesGeneration,
  };
};

/** Groups that were resolved before it was kept have workers already, and go on without it where the flavor is gone. */
const rememberMachine = async (scope: NodeGroupScope, resolved: ResolvedGroup): Promise<Outcome> => {
  if (resolved.machine !== undefined) return done();
  const flavor = (await scope.cloud().compute.listFlavors()).find(({ id }) => id === resolved.flavorId);
  if (flavor !== undefined) await scope.patch({ resolved: { ...resolved, machine: machineOf(flavor) } });
  return done();
};

const unknownImage = async (scope: NodeGroupScope): Promise<Error> => {
  const all = (await scope.cloud().image.listImages()).filter((i) => i.status === 'active');
  try {
    resolveName('image', scope.row.spec.image, all, ['image']);
  } catch (error) {
    if (error instanceof UserError) return error;
  }
  return new UserError('INVALID_INPUT', `Image "${scope.row.spec.image}" is not active; upload it again or choose another.`, {
    field: ['image'],
  });
};

const unknownKeypair = (name: string) =>
  new UserError('INVALID_INPUT', `The user who created the cluster has no key pair "${name}"; make it with that user, or name another.`, {
    field: ['keypair'],
  });
