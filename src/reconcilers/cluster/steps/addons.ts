/** One step for each addon of the list: its objects are applied while it is wanted, and taken away when it is not any more. */
import type { Addon, Facts, Reader } from '../../../addons/addon.ts';
import { addons } from '../../../addons/index.ts';
import { buildCinderCsi } from '../../../controlPlane/cinderCsi.ts';
import type { CloudAccess } from '../../../controlPlane/cloudConfig.ts';
import { buildCloudController } from '../../../controlPlane/cloudController.ts';
import type { ReachableCluster } from '../../../controlPlane/hostedCluster.ts';
import { nameOfObject } from '../../../domain/addonBundle.ts';
import { type AddonName, addonInfo, addonStepName, isWanted } from '../../../domain/addons.ts';
import { NotFound } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import type { ClusterPki } from '../../../pki/bundle.ts';
import type { Kubernetes } from '../../../seeds/connection.ts';
import type { KubernetesObject } from '../../../seeds/kinds.ts';
import { readyReplicas } from '../../workload.ts';
import { leaveLoadBalancers, leaveVolumes } from '../cloudLeftovers.ts';
import { appliedOf, findForeign } from '../foreign.ts';
import { getProjectCredential } from '../projectCredential.ts';
import type { ClusterScope } from '../scope.ts';
import { lookAtHealth } from '../tenantHealth.ts';
import { untilCloudControllersMoved, untilMoved, untilStageMoved } from '../upgradeOrder.ts';
import { network } from './network.ts';
import { router } from './router.ts';
import { tenantBootstrap } from './tenantBootstrap.ts';

/** Addons with a half that runs beside the control plane, because it acts in the customer's project. */
const IN_SEED: Partial<Record<AddonName, SeedHalf>> = {
  cloudController: { build: buildCloudController, leave: leaveLoadBalancers },
  cinderCsi: { build: buildCinderCsi, leave: leaveVolumes },
};

interface SeedHalf {
  build: (cluster: ReachableCluster, pki: ClusterPki, cloud: CloudAccess) => KubernetesObject[];
  /** With its cluster: stops it, and sees to what it made in the project. */
  leave: (scope: ClusterScope, stop: () => Promise<unknown>) => Promise<Outcome>;
}

const made = new Map<AddonName, Step<ClusterScope>>();

const stepOf = (addon: Addon): Step<ClusterScope> => {
  const inSeed = IN_SEED[addon.name];
  return {
    name: addonStepName(addon.name),
    title: `Install ${inSentence(addonInfo(addon.name).title)}`,
    usuallyMs: 120_000,
    needs: [
      tenantBootstrap,
      // Removed before it, so that load balancers do not hold the network.
      ...(inSeed === undefined ? [] : [network, router]),
      ...(addon.needs ?? []).map(({ name }) => made.get(name)).filter((step) => step !== undefined),
    ],
    wanted: ({ row }) => isWanted(addon.name, row.spec),
    ensure: async (scope) => {
      const cluster = await scope.reachable();
      const held =
        (await untilStageMoved(scope, 'managers')) ??
        (inSeed === undefined ? await untilCloudControllersMoved(scope, () => cloudControllersOf(scope)) : null);
      if (held !== null) return held;
      const objects = addon.objects(cluster, await factsFor(scope, addon));
      const taken = await takenBySomebody(scope, addon, objects);
      if (taken !== null) return waiting(taken, 60_000, 'CUSTOMER');
      const written = await scope.applyToTenant(groupOf(addon), objects);
      if (inSeed !== undefined) {
        const beside = inSeed.build(cluster, await scope.pki(), await cloudAccessOf(scope));
        await scope.applyToSeed(groupOf(addon), beside);
        const starting = (await lookInSeed(scope, beside)) ?? (await untilMoved(scope, beside));
        if (starting !== null) return starting;
      }
      const health = await lookAtHealth(scope, objects, written);
      return health.ok ? done(health.message) : waiting(health.message, 10_000);
    },
    remove: async (scope) => {
      if (!(await scope.hasApplied(groupOf(addon)))) return done();
      // With its control plane a cluster loses all that is in it.
      if (scope.row.deleteRequestedAt !== null) {
        const stop = async () => scope.row.seedAbandoned || scope.applyToSeed(groupOf(addon), []);
        const left = await inSeed?.leave(scope, stop);
        // Its API goes next, and cannot be asked again.
        if (left?.kind === 'done') await scope.forgetInTenant(groupOf(addon));
        return left ?? done();
      }
      const kept = await addon.keptFor?.(readerOf((await scope.tenant()).kube));
      if (kept != null) return waiting(kept, 60_000, 'CUSTOMER');
      if (inSeed !== undefined) await scope.applyToSeed(groupOf(addon), []);
      await scope.applyToTenant(groupOf(addon), []);
      return done();
    },
  };
};

/** On the way to another version, those that act in the cloud go before all that runs in the cluster. */
const cloudControllersOf = async (scope: ClusterScope): Promise<KubernetesObject[]> => {
  const wanted = (Object.entries(IN_SEED) as [AddonName, SeedHalf][]).filter(([name]) => isWanted(name, scope.row.spec));
  if (wanted.length === 0) return [];
  const [cluster, pki, access] = [await scope.reachable(), await scope.pki(), await cloudAccessOf(scope)];
  return wanted.flatMap(([, { build }]) => build(cluster, pki, access));
};

/** What is to be deleted first, or null. In a cluster that was never ready nobody had the time to make a thing. */
const takenBySomebody = async (scope: ClusterScope, addon: Addon, objects: readonly KubernetesObject[]): Promise<string | null> => {
  if (scope.row.observedGeneration === 0) return null;
  const found = await findForeign((await scope.tenant()).kube, objects, await appliedOf(scope, groupOf(addon)));
  if (found === null) return null;
  const whose = found.owner === null ? "is not Seedbed's" : `belongs to ${found.owner.replace('Bundle/', 'the bundle ')}`;
  return `${nameOfObject(found.object)} to be deleted, or ${addon.name} switched off: it ${whose}`;
};

const inSentence = (title: string): string => title.charAt(0).toLowerCase() + title.slice(1);

/** The name of its objects in the inventory. */
const groupOf = ({ name }: Pick<Addon, 'name'>): string => name.charAt(0).toUpperCase() + name.slice(1);

export const CLOUD_CONTROLLER = groupOf({ name: 'cloudController' });
export const CINDER_CSI = groupOf({ name: 'cinderCsi' });
/** What acts in the cloud beside the control plane. */
export const groupsInSeed = (Object.keys(IN_SEED) as AddonName[]).map((name) => groupOf({ name }));

/** Of a kind that is not there, there are none. */
const readerOf = (kube: Kubernetes): Reader => ({
  list: (query) =>
    kube.list(query).catch((error: unknown) => {
      if (error instanceof NotFound) return { items: [] };
      throw error;
    }),
});

const factsFor = async (scope: ClusterScope, { asks }: Addon): Promise<Facts> => {
  if (asks === undefined) return { volumeTypes: [] };
  const types = await scope.cloud().volume.listVolumeTypes();
  return { volumeTypes: types.map(({ name }) => name) };
};

const cloudAccessOf = async (scope: ClusterScope): Promise<CloudAccess> => ({
  ...scope.world.settings.cloud,
  credential: await getProjectCredential(scope),
  ports: await scope.cloud().ports(),
  externalNetworkId: scope.row.resolved?.externalNetworkId ?? null,
  subnetId: scope.row.resolved?.fixedSubnetId ?? null,
});

/** null: what was applied there is ready. */
const lookInSeed = async (scope: ClusterScope, objects: readonly KubernetesObject[]): Promise<Outcome | null> => {
  const { deployments } = await scope.seed();
  const starting = objects.find(
    ({ kind, metadata }) => kind === 'Deployment' && readyReplicas(deployments.get(metadata.namespace, metadata.name)) < 1,
  );
  return starting === undefined ? null : waiting(`${starting.metadata.name} to be ready`, 10_000);
};

for (const addon of addons) made.set(addon.name, stepOf(addon));

export const addonSteps: readonly Step<ClusterScope>[] = [...made.values()];

const stepNamed = (name: AddonName): Step<ClusterScope> => {
  const step = made.get(name);
  if (step === undefined) throw new Error(`There is no addon ${name}.`);
  return step;
};
export const cloudControllerStep = stepNamed('cloudController');
