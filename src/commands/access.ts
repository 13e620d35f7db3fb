/** What issueKubeconfig and signCertificate have in common: who may ask for what, and what is written down of it. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { Conflict } from '../domain/errors.ts';
import type { KubeconfigKind } from '../domain/kubeconfig.ts';
import { insertKubeconfig, type KubeconfigRow } from '../store/kubeconfigs.ts';
import type { Tx } from '../store/open.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import type { Call, CommandDeps } from './call.ts';
import { nameOrId, wholeNumber } from './parse.ts';
import { checkGeneration, checkNotDeleting } from './targets.ts';

const DEFAULT_TTL_SECONDS = 3_600;
/** The name of a cluster's key material among its secrets. */
const PKI = 'pki';

export const accessFields = {
  clusterId: nameOrId,
  role: z.enum(['ADMIN', 'EDITOR', 'VIEWER'], 'must be ADMIN, EDITOR or VIEWER'),
  ttlSeconds: wholeNumber(600, 86_400).nullish(),
};
interface Input {
  role: 'ADMIN' | 'EDITOR' | 'VIEWER';
  ttlSeconds?: number | null | undefined;
}

/** @throws FORBIDDEN when the caller's own role does not reach that far. */
export const checkRole = (
  { actor }: Call,
  action: 'issueKubeconfig' | 'signCertificate',
  cluster: ClusterRow,
  { role }: Pick<Input, 'role'>,
): void => {
  permit(actor, action, cluster);
  if (role !== 'VIEWER') permit(actor, 'getWritingAccess', cluster, { field: ['role'] });
};

/** The caller as the cluster's audit log is to name them. */
export const ownNameOf = ({ actor }: Call): string => `${actor.userName}@${actor.userDomainName}`;

/** What a certificate is signed with. `ttlMs`: how long it is to live. @throws CLUSTER_UNAVAILABLE before the cluster has an address. */
export const prepareAccess = async (deps: CommandDeps, call: Call, cluster: ClusterRow, input: Input) => {
  checkNotDeleting(cluster);
  checkGeneration(call, cluster);
  const pkiJson = await deps.secrets.find(deps.store.db, cluster.id, PKI);
  const { endpointHost: host, endpointPort: port } = cluster;
  if (pkiJson === undefined || host === null || port === null)
    throw new Conflict(
      'CLUSTER_UNAVAILABLE',
      `Cluster ${cluster.name} is not reachable yet: its control plane has no address. Follow its progress and ask again.`,
      { whoMustAct: 'NOBODY' },
    );
  return {
    pkiJson,
    endpoint: { host, port },
    // A name that was never used before: taking away its binding takes away this access and no other.
    userName: `${ownNameOf(call)}:${deps.randomToken(8)}`,
    ttlMs: (input.ttlSeconds ?? DEFAULT_TTL_SECONDS) * 1_000,
    now: deps.clock.now(),
  };
};

/** Writes the access down and asks the cluster's flow to bind it. */
export const recordAccess = async (
  tx: Tx,
  deps: CommandDeps,
  call: Call,
  cluster: ClusterRow,
  given: { kind: KubeconfigKind; role: Input['role']; userName: string; expiresAt: number },
): Promise<KubeconfigRow> => {
  const row: KubeconfigRow = {
    ...given,
    id: deps.newId(),
    clusterId: cluster.id,
    ownerId: call.actor.userId,
    owner: ownNameOf(call),
    createdAt: deps.clock.now(),
    boundAt: null,
    revokedAt: null,
    revokedBy: null,
    unboundAt: null,
  };
  await insertKubeconfig(tx, row);
  await wakeNow(tx, 'CLUSTER', cluster.id, deps.clock.now());
  return row;
};
