/** One addon bundle in one cluster: what is applied of it, what must not be lost with it, and how it goes. */
import { isBuiltIn } from '../../addons/builtIn.ts';
import { labelsOf } from '../../controlPlane/object.ts';
import { type BundleChoice, checkObjects, nameOfObject, placeOfOption, renderBundle } from '../../domain/addonBundle.ts';
import { Conflict, NotFound, SeedbedError, Unavailable, UserError } from '../../domain/errors.ts';
import { done, NotYet, type Outcome, waiting } from '../../engine/flow.ts';
import type { Kubernetes } from '../../seeds/connection.ts';
import { identityOf, isCustom, type KubernetesObject, type ObjectRef, refOf } from '../../seeds/kinds.ts';
import { findBundleRevision } from '../../store/addonBundles.ts';
import { keptFor } from './bundleKept.ts';
import { appliedOf, type Foreign, findForeign } from './foreign.ts';
import type { ClusterScope } from './scope.ts';
import { lookAtHealth } from './tenantHealth.ts';

const BUNDLE_LABEL = 'seedbed.io/bundle';

/** The name of its objects in the inventory. */
const inventoryGroup = (name: string): string => `Bundle/${name}`;

/** @throws UserError that names the object and who must act. */
export const installBundle = async (scope: ClusterScope, choice: BundleChoice): Promise<Outcome> => {
  const { name } = choice;
  const objects = await objectsOf(scope, choice);
  const wanted = new Set(objects.map((object) => identityOf(refOf(object))));
  const applied = await appliedOf(scope, inventoryGroup(name));
  const { kube } = await scope.tenant();
  const foreign = await findForeign(kube, objects, applied);
  if (foreign !== null) throw refusal(foreign, name);
  // The same object in another version of its group is no other one.
  const doomed = applied.own.filter((ref) => !wanted.has(identityOf(ref)));
  const held = await letGo(kube, name, doomed, applied.own);
  if (held !== null) return held;
  const written = await scope.applyToTenant(inventoryGroup(name), objects, blameOf(name));
  const health = await lookAtHealth(scope, objects, written);
  if (health.failed)
    throw new UserError('CLUSTER_UNAVAILABLE', `The bundle ${name}: ${health.message}; look at its pods, or ask who registered it.`, {
      whoMustAct: 'CLOUD_ADMIN',
    });
  return health.ok ? done(health.message) : waiting(health.message, 10_000);
};

export const removeBundle = async (scope: ClusterScope, name: string): Promise<Outcome> => {
  const { own } = await appliedOf(scope, inventoryGroup(name));
  if (own.length === 0) return done();
  const { kube } = await scope.tenant();
  const held = await letGo(kube, name, own, own);
  if (held !== null) return held;
  await scope.applyToTenant(inventoryGroup(name), []);
  return done();
};

const objectsOf = async (scope: ClusterScope, { name, revision, options, sealed = {} }: BundleChoice): Promise<KubernetesObject[]> => {
  const found = await findBundleRevision(scope.db, name, revision);
  if (found === undefined)
    throw new UserError('NOT_FOUND', `The addon bundle ${name} is not registered any more; take it out of the cluster's bundles.`);
  const cluster = await scope.hosted();
  const { secrets } = scope.world;
  const opened = Object.entries(sealed).map(([option, text]) => [option, secrets.open(text, placeOfOption(name, option))]);
  const rendered = renderBundle(found.objects, found.optionsSchema, { ...options, ...Object.fromEntries(opened) }, cluster);
  checkObjects(rendered, isBuiltIn);
  const { 'app.kubernetes.io/component': _, ...ours } = labelsOf(cluster, 'addon-bundle');
  return rendered.map(
    ({ metadata, ...rest }) =>
      ({ ...rest, metadata: { ...metadata, labels: { ...metadata.labels, ...ours, [BUNDLE_LABEL]: name } } }) as KubernetesObject,
  );
};

const refusal = ({ object, owner }: Foreign, name: string): UserError =>
  owner === null
    ? new UserError(
        'CONFLICT',
        `${nameOfObject(object)} of the bundle ${name} is in the cluster already, and not Seedbed's; delete it, or take the bundle out.`,
        { whoMustAct: 'CUSTOMER' },
      )
    : new UserError(
        'CONFLICT',
        `${nameOfObject(object)} of the bundle ${name} belongs to ${owner.replace('Bundle/', 'the bundle ')}; the bundle needs another name for it.`,
        { whoMustAct: 'CLOUD_ADMIN' },
      );

/** null: all of it may go. Objects of a bundle's own kinds go first, for what ends them goes with the bundle. */
const letGo = async (kube: Kubernetes, name: string, doomed: readonly ObjectRef[], own: readonly ObjectRef[]): Promise<Outcome | null> => {
  const kept = await keptFor(kube, doomed, own);
  if (kept !== null) return waiting(`${kept} would be lost with the bundle ${name}`, 60_000, 'CUSTOMER');
  for (const ref of doomed.filter(isCustom)) {
    await kube.remove(ref);
    if ((await kube.get(ref)) !== undefined) return waiting(`${ref.kind} ${ref.name} to be gone`, 2_000);
  }
  return null;
};

/** Names the object, and lets who registered the bundle act. */
const blameOf =
  (name: string) =>
  (object: KubernetesObject, error: unknown): unknown => {
    const what = `${nameOfObject(object)} of the bundle ${name}`;
    if (error instanceof NotFound) return new NotYet(`the kind or the namespace of ${what}`, 2_000);
    if (!(error instanceof SeedbedError) || error instanceof Conflict) return error;
    const message = `${what}: ${error.message}`;
    if (error.retryable) return new Unavailable(error.code, message, { ...error.detail });
    return new UserError(error.code, message, { ...error.detail, whoMustAct: 'CLOUD_ADMIN' });
  };
