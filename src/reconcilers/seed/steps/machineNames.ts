/** Image, flavors and external network as ids, once; a wrong name stops here, with the field that holds it. */
import { UserError } from '../../../domain/errors.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { resolveName } from '../../resolve.ts';
import { madeOf } from '../made.ts';
import type { SeedScope } from '../scope.ts';

export const machineNames: Step<SeedScope> = {
  name: 'NamesResolved',
  title: 'Look up image, flavors and network',
  usuallyMs: 5_000,
  ensure: async (scope) => {
    if (scope.row.place !== null) return done();
    const made = madeOf(scope);
    const { compute, image: images, network } = scope.cloud();
    const [flavors, image, keypairs, external] = await Promise.all([
      compute.listFlavors(),
      images.findImage(made.image),
      made.keypair === null ? [] : compute.listKeypairs(),
      network.listNetworks({ external: true }),
    ]);
    const flavorId = resolveName('flavor', made.flavor, flavors, ['flavor']).id;
    const workerFlavorId = resolveName('flavor', made.workerFlavor, flavors, ['workerFlavor']).id;
    const externalNetworkId = resolveName('external network', made.externalNetwork, external, ['externalNetwork']).id;
    if (image === undefined) {
      const active = (await images.listImages()).filter(({ status }) => status === 'active');
      throw new UserError('INVALID_INPUT', `${resolveFault(made.image, active)}`, { field: ['image'] });
    }
    if (made.keypair !== null && !keypairs.some(({ name }) => name === made.keypair))
      throw new UserError(
        'INVALID_INPUT',
        `Seedbed's own user has no key pair "${made.keypair}"; make it with that user, or name another.`,
        {
          field: ['keypair'],
        },
      );
    await scope.patch({ place: { imageId: image.id, flavorId, workerFlavorId, externalNetworkId } });
    return done();
  },
};

const resolveFault = (name: string, active: readonly { id: string; name: string }[]): string => {
  try {
    resolveName('image', name, active, ['image']);
  } catch (error) {
    if (error instanceof UserError) return error.message;
  }
  return `Image "${name}" is not active; upload it again or choose another.`;
};
