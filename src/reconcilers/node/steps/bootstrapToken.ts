/** Makes the API know the node's token, while the node has not joined. */
import { buildBootstrapToken, tokenSecretName } from '../../../controlPlane/bootstrapToken.ts';
import { SeedbedError } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { findInventory, noteCreating, notePresent, noteState } from '../../../store/inventory.ts';
import { loadConditions } from '../../../store/progress.ts';
import type { NodeScope } from '../scope.ts';
import { loadOrMakeToken, loadToken } from '../token.ts';
import { port } from './port.ts';

const TTL_MS = 30 * 60_000;
const RENEW_MS = 25 * 60_000;

export const bootstrapToken: Step<NodeScope> = {
  name: 'BootstrapTokenReady',
  title: 'Hand the node a token',
  usuallyMs: 90_000,
  needs: [port],
  ensure: async (scope) => {
    if (scope.row.kubeletVersion !== null) return done();
    const hosted = await scope.hosted();
    if (hosted === undefined) return waiting("the cluster's API", 15_000);
    const token = await loadOrMakeToken(scope);
    const key = scope.key('CLUSTER', 'bootstrap-token', tokenSecretName(token));
    const noted = await findInventory(scope.db, key);
    const fresh = noted?.state === 'PRESENT' && scope.clock.now() - noted.updatedAt < RENEW_MS;
    if (fresh) return done();
    // The API has no such right for anybody before the cluster is prepared for nodes; until then there is nobody to ask.
    const prepared = (await loadConditions(scope.db, scope.cluster.id)).get('TenantBootstrapped')?.state === 'DONE';
    if (!prepared) return waiting("the cluster's API", 15_000);
    await scope.write((tx) => noteCreating(tx, key, scope.clock.now()));
    const { kube } = await scope.tenant();
    await kube.apply(buildBootstrapToken(hosted, token, scope.row.name, scope.clock.now() + TTL_MS));
    await scope.write((tx) => notePresent(tx, key, tokenSecretName(token), scope.clock.now()));
    return done();
  },
  remove: (scope) => revoke(scope),
};

/** Deletes the token in the cluster and here. Of a cluster that is going it is enough to forget it: the API is ending. */
export const revoke = async (scope: NodeScope): Promise<Outcome> => {
  const token = await loadToken(scope);
  if (token === undefined) return done();
  const key = scope.key('CLUSTER', 'bootstrap-token', tokenSecretName(token));
  if ((await findInventory(scope.db, key)) !== undefined) {
    if (scope.cluster.deleteRequestedAt === null) await removeSecret(scope, tokenSecretName(token));
    await scope.write((tx) => noteState(tx, key, 'GONE', scope.clock.now()));
  }
  await scope.write((tx) => scope.world.secrets.remove(tx, scope.row.id, 'bootstrapToken'));
  return done();
};

const removeSecret = async (scope: NodeScope, name: string): Promise<void> => {
  try {
    const { kube } = await scope.tenant();
    await kube.remove({ apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name });
  } catch (error) {
    // A node that goes must not wait for an API that does not answer: the token runs out by itself.
    if (!(error instanceof SeedbedError) || scope.row.deleteRequestedAt === null) throw error;
  }
};
