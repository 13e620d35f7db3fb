/** The node's root volume, when its group asks for one. */
import { type Problem, UserError } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { findInventory, notePresent } from '../../../store/inventory.ts';
import { DELETABLE, listed, listSnapshotsOf } from '../../cluster/cloudLeftovers.ts';
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
      uses: { projectId: cluster.projectId, use: { kind: 'VOLUME', amount: wish.sizeGiB } },
      find: () => api.findVolume(row.name),
      create: async () => {
        await scope.patch({ imageId });
        return naming(scope, [image, volumeType], () =>
          api.createVolume({
            name: row.name,
            description: descriptionOf(cluster),
            sizeGiB: wish.sizeGiB,
            imageId,
            type: wish.type,
            availabilityZone: null,
            metadata: { 'seedbed-cluster': cluster.id },
          }),
        );
      },
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
      try {
        return (await removeOwn(scope)) ? done() : waiting('Cinder to delete the root volume', 2_000);
      } catch (error) {
        const held = await heldBySnapshots(scope, error);
        if (held === null) throw error;
        return held;
      }
    }),
};

const removeOwn = (scope: NodeScope): Promise<boolean> =>
  removeResource(scope, {
    key: volumeKey(scope),
    find: () => scope.cloud().volume.findVolume(scope.row.name),
    remove: async (id) => !(await scope.cloud().volume.deleteVolume(id)),
  });

/**
 * Cinder refuses (400) to delete a volume that has snapshots, whoever took them. Asked only then: they are rare, and listed for the whole project.
 * Without the cluster's end nobody has said what is to become of them, and a node that is replaced must not wait for that: the volume outlives it.
 */
const heldBySnapshots = async (scope: NodeScope, error: unknown): Promise<Outcome | null> => {
  if (!(error instanceof UserError) || error.detail.openstack?.status !== 400) return null;
  const { cluster, row } = scope;
  const cloud = scope.cloud();
  const id = (await findInventory(scope.db, volumeKey(scope)))?.externalId ?? (await cloud.volume.findVolume(row.name))?.id;
  if (id === undefined) return null;
  const snapshots = await listSnapshotsOf(cloud, [{ id }]);
  if (snapshots.length === 0) return null;
  const those = listed(snapshots.map((snapshot) => snapshot.id));
  const fate = cluster.deleteRequestedAt === null ? 'KEEP' : (cluster.deletePolicy?.snapshots ?? null);
  if (fate === null)
    return waiting(
      `word on the snapshots of root volume ${id}: delete them, or ask deleteCluster again with policy.snapshots KEEP (the volume stays as well) or DELETE: ${those}`,
      30_000,
      'CUSTOMER',
    );
  if (fate === 'DELETE') {
    for (const snapshot of snapshots) if (DELETABLE.has(snapshot.status)) await cloud.volume.deleteSnapshot(snapshot.id);
    return waiting(`snapshots of the root volume to go: ${those}`, 2_000);
  }
  await scope.write((tx) => notePresent(tx, volumeKey(scope), id, scope.clock.now()));
  return done(`Root volume ${id} is kept, for Cinder deletes none that has snapshots: ${those}. It is the cluster's still.`);
};

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
