/** The node's root volume, when its group asks for one. */
import { UserError } from '../../../domain/errors.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { descriptionOf } from '../../names.ts';
import { ensureResource, removeResource } from '../../resource.ts';
import { image, naming, volumeType } from '../gone.ts';
import type { NodeScope } from '../scope.ts';

export const rootVolume: Step<NodeScope> = {
  name: 'RootVolumeReady',
  title: 'Make the root volume',
  usuallyMs: 60_000,
  late: 'CLOUD_ADMIN',
  wanted: (scope) => scope.group.spec.rootVolume !== null,
  ensure: async (scope) => {
    const { cluster, row, group } = scope;
    const wish = group.spec.rootVolume;
    if (wish === null) return done();
    if (group.resolved === null) return waiting("the group's image", 2_000);
    const { imageId } = group.resolved;
    const { volume: api } = scope.cloud();
    const volumeId = await ensureResource(scope, {
      key: volumeKey(scope),
      find: () => api.findVolume(row.name),
      create: () =>
        naming(scope, [image, volumeType], () =>
          api.createVolume({
            name: row.name,
            description: descriptionOf(cluster),
            sizeGiB: wish.sizeGiB,
            imageId,
            type: wish.type,
            availabilityZone: null,
            metadata: { 'seedbed-cluster': cluster.id },
          }),
        ),
    });
    if (row.volumeId !== volumeId) await scope.patch({ volumeId });
    const { status } = await api.getVolume(volumeId);
    if (status === 'available' || status === 'in-use' || status === 'attaching' || status === 'reserved') return done();
    if (status.startsWith('error')) {
      throw new UserError(
        'CLOUD_REFUSED',
        `Cinder could not make the root volume (status ${status}); delete the node to have it made again.`,
        {
          whoMustAct: 'CLOUD_ADMIN',
        },
      );
    }
    return waiting(`Cinder to make the root volume (${status})`, 2_000);
  },
  remove: async (scope) => {
    const gone = await removeResource(scope, {
      key: volumeKey(scope),
      find: () => scope.cloud().volume.findVolume(scope.row.name),
      remove: async (id) => !(await scope.cloud().volume.deleteVolume(id)),
    });
    return gone ? done() : waiting('Cinder to delete the root volume', 2_000);
  },
};

const volumeKey = (scope: NodeScope) => scope.key('VOLUME', 'volume', scope.row.name);
