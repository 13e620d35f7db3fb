/** The order in which the parts of a control plane go to another version. It is read from what runs, for a pass may be cut anywhere. */
import { buildControllerManager } from '../../controlPlane/controllerManager.ts';
import { buildEtcd } from '../../controlPlane/etcd.ts';
import type { KubernetesObject } from '../../controlPlane/object.ts';
import { buildScheduler } from '../../controlPlane/scheduler.ts';
import { selectorOf } from '../../controlPlane/workload.ts';
import { isOlder, isUpgrading, newerOf, noWayBack } from '../../domain/upgrade.ts';
import { parseVersion } from '../../domain/version.ts';
import { type Outcome, waiting } from '../../engine/flow.ts';
import { loadCluster, patchCluster } from '../../store/reconcile.ts';
import { findUnmoved } from '../rollout.ts';
import { selectorText } from '../workload.ts';
import type { ClusterScope } from './scope.ts';

/** One after the other; the managers are the controller manager and the scheduler. */
type Stage = 'etcd' | 'managers' | 'cloudControllers';

const SOON_MS = 2_000;

const builtOf = async (scope: ClusterScope, stage: 'etcd' | 'managers'): Promise<KubernetesObject[]> => {
  const hosted = await scope.reachable();
  const pki = await scope.pki();
  if (stage === 'etcd') return buildEtcd(hosted, pki);
  return [...buildControllerManager(hosted, pki), ...buildScheduler(hosted, pki)];
};

/** What the objects' component waits for until no pod of another version is left; null at rest, and once all have moved. */
export const untilMoved = async (scope: ClusterScope, objects: readonly KubernetesObject[]): Promise<Outcome | null> => {
  if (!isUpgrading(scope.row)) return null;
  const late = await findUnmoved(scope, objects);
  return late === undefined ? null : waiting(`${late} to run what goes with ${scope.row.spec.kubernetesVersion}`, SOON_MS);
};

/** Looks of a pass, by their stage: within it nobody takes back what has moved. */
const looks = new WeakMap<ClusterScope, Map<Stage, Promise<Outcome | null>>>();

/** Steps side by side share one look; after one that found something to wait for the next looks anew. */
const sharing = async (scope: ClusterScope, stage: Stage, look: () => Promise<Outcome | null>): Promise<Outcome | null> => {
  const known = looks.get(scope) ?? new Map<Stage, Promise<Outcome | null>>();
  looks.set(scope, known);
  const shared = known.get(stage) ?? look();
  known.set(stage, shared);
  try {
    const outcome = await shared;
    if (outcome !== null) known.delete(stage);
    return outcome;
  } catch (error) {
    known.delete(stage);
    throw error;
  }
};

/** For what comes after a stage: what it waits for; null at rest, and once all of the stage has moved. */
export const untilStageMoved = async (scope: ClusterScope, stage: 'etcd' | 'managers'): Promise<Outcome | null> =>
  isUpgrading(scope.row) ? sharing(scope, stage, async () => untilMoved(scope, await builtOf(scope, stage))) : null;

/** The same for what acts in the cloud; `build`: its objects, which its addons know. */
export const untilCloudControllersMoved = async (
  scope: ClusterScope,
  build: () => Promise<readonly KubernetesObject[]>,
): Promise<Outcome | null> =>
  isUpgrading(scope.row) ? sharing(scope, 'cloudControllers', async () => untilMoved(scope, await build())) : null;

interface Pod {
  spec: { containers: { name: string; image?: string }[] };
  status?: { containerStatuses?: { name: string; restartCount?: number; state?: ContainerState; lastState?: ContainerState }[] };
}
interface ContainerState {
  running?: object;
  terminated?: object;
}

/**
 * Notes which versions API servers have run, before another form of them is asked for.
 * @throws UserError UNSUPPORTED_VERSION when one has run a newer version than the one that is wanted.
 */
export const checkWayBack = async (scope: ClusterScope): Promise<void> => {
  const { row } = scope;
  if (row.upgrade === null) return;
  const hosted = await scope.hosted();
  const { kube } = await scope.seed();
  const labelSelector = selectorText(selectorOf(hosted, 'kube-apiserver'));
  const { items } = await kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: hosted.namespace, labelSelector });
  const newest = (items as unknown as Pod[]).flatMap(versionRunBy).reduce(newerOf, row.upgrade.newestApiServer);
  if (newest !== row.upgrade.newestApiServer) await noteNewest(scope, newest);
  if (isOlder(row.spec.kubernetesVersion, newest)) throw noWayBack(newest, row.spec.kubernetesVersion);
};

/** Into what is stored: another upgrade may have been asked for since the pass began, with a backup of its own that comes before it. */
const noteNewest = async ({ row, write }: ClusterScope, newestApiServer: string): Promise<void> => {
  await write(async (tx) => {
    const upgrade = (await loadCluster(tx.db, row.id))?.upgrade ?? null;
    if (upgrade !== null) await patchCluster(tx, row.id, { upgrade: { ...upgrade, newestApiServer } });
  });
  if (row.upgrade !== null) row.upgrade = { ...row.upgrade, newestApiServer };
};

/** None: it has not started yet, for want of its image, say; then it has written nothing. */
const versionRunBy = ({ spec, status }: Pod): string[] => {
  const own = status?.containerStatuses?.find(({ name }) => name === 'kube-apiserver');
  const image = spec.containers.find(({ name }) => name === 'kube-apiserver')?.image;
  const [, version] = /:(v[^@]+)/.exec(image ?? '') ?? [];
  if (own === undefined || version === undefined || parseVersion(version) === undefined) return [];
  const { restartCount = 0, state, lastState } = own;
  const hasRun = restartCount > 0 || [state, lastState].some((s) => s?.running !== undefined || s?.terminated !== undefined);
  return hasRun ? [version] : [];
};
