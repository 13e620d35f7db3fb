/** The node's root volume, when its group asks for one. */
import { type Problem, UserError } from '../../../domain/errors.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { orLeft } from '../../cluster/deletionStage.ts';
import { descriptionOf } from '../../names.ts';
import { ensureResource, removeResource } from '../../resource.ts';
import { afterBuildFailure, type Failed, noteBuildFailure, type Rebuilt } from '../buildFailure.ts';
import { image, naming, volumeType } from '../gone.ts';
import type { NodeScope } from '../scope.ts';
import { LEFT_TO_SERVER, serverStands } from '../standing.ts';

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
    const held = await afterBuildFailure(scope, failed(scope));
    if (held !== undefined) return held;
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
      await noteBuildFailure(scope, volumeKey(scope), (failed) => problemOfBuild(status, failed));
      return (await afterBuildFailure(scope, failed(scope))) ?? waiting('another try', 0);
    }
    return waiting(`Cinder to make the root volume (${status})`, 2_000);
  },
  remove: (scope) =>
    orLeft(scope.cluster, async () => {
      if (await serverStands(scope)) return done(LEFT_TO_SERVER);
      return (await removeOwn(scope)) ? done() : waiting('Cinder to delete the root volume', 2_000);
    }),
};

const removeOwn = (scope: NodeScope): Promise<boolean> =>
  removeResource(scope, {
    key: volumeKey(scope),
    find: () => scope.cloud().volume.findVolume(scope.row.name),
    remove: async (id) => !(await scope.cloud().volume.deleteVolume(id)),
  });

const failed = (scope: NodeScope): Rebuilt => ({
  key: volumeKey(scope),
  what: 'root volume',
  clear: async () => {
    const gone = await removeOwn(scope);
    if (gone) await scope.patch({ volumeId: null });
    return gone;
  },
});

const problemOfBuild = (status: string, { which, next }: Failed): Problem =>
  new UserError(
    'VOLUME_BUILD_FAILED',
    `Cinder could not make the root volume (${which}): its status is ${status}. Ask the cloud administrator, or choose another volume type or size; ${next}.`,
    { whoMustAct: 'CLOUD_ADMIN' },
  ).toProblem();

const volumeKey = (scope: NodeScope) => scope.key('VOLUME', 'volume', scope.row.name);
