/** The Keystone trust by which Seedbed acts in the customer's project, made once with the caller's own token. */
import { UserError } from '../../../domain/errors.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { patchCluster } from '../../../store/reconcile.ts';
import { enqueue } from '../../../store/workItems.ts';
import { ensureResource, removeResource } from '../../resource.ts';
import type { ClusterScope } from '../scope.ts';

export const cloudCredential: Step<ClusterScope> = {
  name: 'CloudCredentialReady',
  title: 'Get the right to act in the project',
  usuallyMs: 5_000,
  ensure: async (scope) => {
    const { trust } = scope.row;
    if (trust === null)
      throw new UserError('CLOUD_CREDENTIAL', 'The cluster has no record of who asked for it; delete it and create it again.');
    if (trust.trustId !== null) return done();
    const token = await scope.world.secrets.find(scope.db, scope.row.id, 'callerToken');
    if (token === undefined) throw freshTokenNeeded();
    const { identity } = scope.world.clouds.forToken(token);
    const key = {
      trustorUserId: trust.trustorUserId,
      trusteeUserId: await scope.world.clouds.trusteeUserId(),
      projectId: scope.row.projectId,
      expiresAt: trust.expiresAt,
    };
    const trustId = await ensureResource(scope, {
      key: scope.key('IDENTITY', 'trust', trust.expiresAt),
      find: () => identity.findTrust(key),
      create: () => identity.createTrust({ ...key, roles: trust.roles }),
    });
    await scope.write(async (tx) => {
      await scope.world.secrets.remove(tx, scope.row.id, 'callerToken');
      await patchCluster(tx, scope.row.id, { trust: { ...trust, trustId } });
      // The groups wait for this right too.
      for (const group of scope.groups) await enqueue(tx, 'NODE_GROUP', group.id, scope.clock.now());
    });
    scope.row.trust = { ...trust, trustId };
    return done();
  },
  remove: async (scope) => {
    const { trust } = scope.row;
    if (trust === null) return done();
    const token = await scope.world.secrets.find(scope.db, scope.row.id, 'callerToken');
    const trusteeUserId = await scope.world.clouds.trusteeUserId();
    await removeResource(scope, {
      twins: false,
      key: scope.key('IDENTITY', 'trust', trust.expiresAt),
      find: async () => {
        if (token === undefined) throw freshTokenNeeded();
        const key = { trustorUserId: trust.trustorUserId, trusteeUserId, projectId: scope.row.projectId, expiresAt: trust.expiresAt };
        return scope.world.clouds.forToken(token).identity.findTrust(key);
      },
      remove: async (id) => {
        await deleteTrust(scope, id, token);
        return true;
      },
    });
    await scope.write((tx) => scope.world.secrets.remove(tx, scope.row.id));
    return done();
  },
};

/** A trust that no longer logs anybody in is gone already, with its trustor or by a hand. */
const deleteTrust = async (scope: ClusterScope, id: string, token: string | undefined) => {
  const trust = scope.row.trust?.trustId ?? null;
  const cloud = trust === null && token !== undefined ? scope.world.clouds.forToken(token) : scope.cloud();
  try {
    await cloud.identity.deleteTrust(id);
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'CLOUD_CREDENTIAL') throw error;
  }
};

const freshTokenNeeded = () =>
  new UserError('CLOUD_CREDENTIAL', 'The token of the request ended before Seedbed could use it; log in again and retry the operation.', {
    whoMustAct: 'CUSTOMER',
  });
