/** Whether what a refused request names has gone from the cloud since it was checked: each is asked for, whatever words the service has for it. */
import { findByNameOrId } from '../../domain/cloud.ts';
import { Conflict, type ErrorCode, SeedbedError, Unavailable, UserError } from '../../domain/errors.ts';
import { machineOf, type ResolvedGroup } from '../../domain/nodeGroup.ts';
import { orUndefined } from '../../openstack/errors.ts';
import { noteState } from '../../store/inventory.ts';
import { patchNodeGroup } from '../../store/reconcile.ts';
import { enqueue } from '../../store/workItems.ts';
import { resourceName } from '../names.ts';
import { findUnlessGone, forgetResource, presentId } from '../resource.ts';
import type { NodeScope } from './scope.ts';
import { portKeys } from './steps/port.ts';

/** `create`, whose refusal says which of the things that it names is gone, if one is. */
export const naming = async <T>(scope: NodeScope, what: readonly Named[], create: () => Promise<T>): Promise<T> => {
  try {
    return await create();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    for (const look of what) {
      // What cannot be looked at is not said to be gone.
      const gone = await look(scope, error).catch(() => null);
      if (gone !== null) throw gone;
    }
    throw error;
  }
};

/** Null: it is there. */
type Named = (scope: NodeScope, refusal: SeedbedError) => Promise<SeedbedError | null>;

/** Nova says 400 of what is not there, Cinder 404. */
const isRefusal = (error: unknown): error is SeedbedError => {
  if (!(error instanceof SeedbedError) || error instanceof Unavailable || error instanceof Conflict) return false;
  const status = error.detail.openstack?.status;
  return status === 400 || status === 404;
};

/** One that was made anew under its name has another id, and is taken from then on. */
export const image: Named = async (scope, refusal) => {
  const { resolved, spec } = scope.group;
  if (resolved === null) return null;
  const { image: api } = scope.cloud();
  const old = await orUndefined(api.getImage(resolved.imageId));
  if (old?.status === 'active') return null;
  const anew = await api.findImage(spec.image);
  if (anew?.status === 'active') {
    const formerImageIds = [...(resolved.formerImageIds ?? []), resolved.imageId];
    return take(scope, refusal, 'IMAGE_GONE', `Image "${spec.image}"`, { ...resolved, imageId: anew.id, formerImageIds });
  }
  const state = old === undefined ? 'is not in the cloud any more' : `is ${old.status}, and not active`;
  return gone(
    refusal,
    'IMAGE_GONE',
    'image',
    `Image "${spec.image}" ${state}`,
    'Upload one of that name, or give the node group another image (updateNodeGroup)',
  );
};

export const flavor: Named = async (scope, refusal) => {
  const { resolved, spec } = scope.group;
  if (resolved === null) return null;
  const flavors = await scope.cloud().compute.listFlavors();
  if (flavors.some(({ id }) => id === resolved.flavorId)) return null;
  const anew = findByNameOrId(flavors, spec.flavor);
  if (anew !== undefined) {
    const formerFlavorIds = [...(resolved.formerFlavorIds ?? []), resolved.flavorId];
    const taken = { ...resolved, flavorId: anew.id, formerFlavorIds, machine: machineOf(anew) };
    return take(scope, refusal, 'FLAVOR_GONE', `Flavor "${spec.flavor}"`, taken);
  }
  const remedy = "Give the node group another flavor (updateNodeGroup), or ask the cloud's administrator to bring this one back";
  return gone(refusal, 'FLAVOR_GONE', 'flavor', `Flavor "${spec.flavor}" is not there for the project any more`, remedy);
};

export const keypair: Named = async (scope, refusal) => {
  const { keypair: name } = scope.group.spec;
  if (name === null || (await scope.cloud().compute.listKeypairs()).some((key) => key.name === name)) return null;
  const remedy = 'Make one of that name with that user, or give the node group another (updateNodeGroup)';
  return gone(refusal, 'KEYPAIR_GONE', 'keypair', `The user whom the cluster acts for has no key pair "${name}" any more`, remedy);
};

export const volumeType: Named = async (scope, refusal) => {
  const type = scope.group.spec.rootVolume?.type ?? null;
  if (type === null || findByNameOrId(await scope.cloud().volume.listVolumeTypes(), type) !== undefined) return null;
  const remedy = "Make a node group with another type, or ask the cloud's administrator to bring this one back";
  return gone(refusal, 'VOLUME_TYPE_GONE', 'rootVolume', `Volume type "${type}" is not there for the project any more`, remedy);
};

/** One that was deleted by hand is made anew by its node group; servers that are there cannot join it any more. */
export const serverGroup: Named = async (scope, refusal) => {
  const { cluster, group, db } = scope;
  const name = resourceName(cluster, group.name);
  const key = { clusterId: cluster.id, ownerId: group.id, service: 'COMPUTE', kind: 'server-group', name } as const;
  const id = await presentId(db, key);
  if (id === undefined || (await scope.cloud().compute.findServerGroup(name))?.id === id) return null;
  await scope.write(async (tx) => {
    const now = scope.clock.now();
    await noteState(tx, key, 'GONE', now);
    await enqueue(tx, 'NODE_GROUP', group.id, now);
  });
  return new Unavailable('CLOUD_UNAVAILABLE', `Server group ${name} was deleted in the cloud; it is made anew.`, originOf(refusal));
};

/** A server that was never built loses nothing by another port. */
export const ports: Named = async (scope, refusal) => {
  for (const key of portKeys(scope)) {
    const id = await presentId(scope.db, key);
    if (id === undefined || (await findUnlessGone(scope.cloud().network.getPort(id))) !== undefined) continue;
    await forgetResource(scope, key);
    return new Unavailable('CLOUD_UNAVAILABLE', `Port ${key.name} was deleted in the cloud; it is made anew.`, originOf(refusal));
  }
  return null;
};

const take = async (
  scope: NodeScope,
  refusal: SeedbedError,
  code: ErrorCode,
  what: string,
  resolved: ResolvedGroup,
): Promise<SeedbedError> => {
  await scope.write((tx) => patchNodeGroup(tx, scope.group.id, { resolved }));
  Object.assign(scope.group, { resolved });
  return new Unavailable(code, `${what} was made anew under another id, which is taken from now on.`, originOf(refusal));
};

const gone = (refusal: SeedbedError, code: ErrorCode, field: string, what: string, remedy: string): SeedbedError =>
  new UserError(code, `${what}. ${remedy}; it is looked for anew by itself. ${refusal.message}`, {
    ...originOf(refusal),
    field: [field],
    whoMustAct: 'CUSTOMER',
  });

const originOf = ({ detail }: SeedbedError) => (detail.openstack === undefined ? {} : { openstack: detail.openstack });
