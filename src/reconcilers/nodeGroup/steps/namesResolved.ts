/** The group's flavor and image as ids; a wrong name stops here, with the field that holds it. */
import type { CloudNetwork } from '../../../domain/cloud.ts';
import { UserError } from '../../../domain/errors.ts';
import { machineOf, type ResolvedGroup, type ResolvedNetwork } from '../../../domain/nodeGroup.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { isLent } from '../../lentCloud.ts';
import { resolveName } from '../../resolve.ts';
import type { NodeGroupScope } from '../scope.ts';

export const namesResolved: Step<NodeGroupScope> = {
  name: 'NamesResolved',
  title: 'Look up flavor and image',
  usuallyMs: 10_000,
  ensure: async (scope) => {
    if (scope.row.resolved !== null) return rememberMachine(scope, scope.row.resolved);
    if (!isLent(scope.cluster)) return waiting('the right to act in the project', 15_000);
    const { spec } = scope.row;
    const { compute, image: images, network } = scope.cloud();
    const [flavors, image, keypairs, networks, securityGroups] = await Promise.all([
      compute.listFlavors(),
      images.findImage(spec.image),
      spec.keypair === null ? [] : compute.listKeypairs(),
      spec.additionalNetworks.length === 0 ? [] : network.listNetworks(),
      spec.securityGroups.length === 0 ? [] : network.listSecurityGroups(),
    ]);
    const flavor = resolveName('flavor', spec.flavor, flavors, ['flavor']);
    if (image === undefined) throw await unknownImage(scope);
    if (spec.keypair !== null && !keypairs.some((k) => k.name === spec.keypair)) throw unknownKeypair(spec.keypair);
    await scope.patch({
      resolved: {
        flavorId: flavor.id,
        imageId: image.id,
        machine: machineOf(flavor),
        networks: spec.additionalNetworks.map((name) => networkOf(scope, networks, name)),
        securityGroupIds: spec.securityGroups.map((name) => resolveName('security group', name, securityGroups, ['securityGroups']).id),
      },
    });
    return done();
  },
};

const networkOf = ({ cluster }: NodeGroupScope, networks: readonly CloudNetwork[], wanted: string): ResolvedNetwork => {
  const field = ['additionalNetworks'];
  const { id, name, portSecurity, subnetIds } = resolveName('network', wanted, networks, field);
  if (id === cluster.resolved?.fixedNetworkId)
    throw new UserError('INVALID_INPUT', `Network "${name}" is the cluster's own, in which its workers are already; leave it out.`, {
      field,
    });
  if (subnetIds.length === 0)
    throw new UserError('INVALID_INPUT', `Network "${name}" has no subnet, so a server can have no address in it.`, { field });
  return { id, portSecurity };
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
