/** issueKubeconfig: a short-lived client certificate for one person in one role of one cluster. */
import { z } from 'zod';
import { mayRead, mayWrite } from '../domain/actor.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import { sealedAnswerOwner } from '../store/idempotency.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import type { Call, Command, CommandDeps, IssuedKubeconfig, KubeconfigAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { nameOrId, ownInput, parseInput, wholeNumber } from './parse.ts';
import { checkGeneration, checkNotDeleting, getCluster, recallCluster } from './targets.ts';

/** Groups in the certificate; the cluster's own bootstrap objects bind them to roles. */
const GROUPS = { ADMIN: 'seedbed:admin', EDITOR: 'seedbed:editor', VIEWER: 'seedbed:viewer' } as const;
const DEFAULT_TTL_SECONDS = 3_600;
/** The secrets' names: the cluster's key material, and an answer kept for a repeated call. */
const PKI = 'pki';
const ANSWER = 'kubeconfig';

const schema = z.strictObject({
  clusterId: nameOrId,
  role: z.enum(['ADMIN', 'EDITOR', 'VIEWER'], 'must be ADMIN, EDITOR or VIEWER'),
  ttlSeconds: wholeNumber(600, 86_400).nullish(),
});
type Input = z.output<typeof schema>;

export const issueKubeconfig =
  (deps: CommandDeps): Command<KubeconfigAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    const cluster = await getCluster(deps.store.db, call, input.clusterId);
    checkRole(call, input);
    return runOnce<KubeconfigAnswer, IssuedKubeconfig>(deps, call, {
      mutation: 'issueKubeconfig',
      input: raw,
      // It bears its owner's name: a colleague who finds the key does not get it.
      personal: true,
      prepare: () => build(deps, call, cluster, input),
      apply: async (tx, issued, { scope, key }) => {
        if (key !== null) await deps.secrets.put(tx, sealedAnswerOwner(scope, key), ANSWER, JSON.stringify(issued), deps.clock.now());
        return {
          answer: { ...issued, cluster },
          target: { kind: 'CLUSTER', id: cluster.id, projectId: cluster.projectId },
          recall: { clusterId: cluster.id },
        };
      },
      recall: async (ids, { scope, key }) => {
        const sealed = await deps.secrets.find(deps.store.db, sealedAnswerOwner(scope, key ?? ''), ANSWER);
        if (sealed === undefined) throw new Error('The answer that belongs to an idempotency key is gone.');
        const issued = JSON.parse(sealed) as IssuedKubeconfig;
        return { ...issued, cluster: await recallCluster(deps.store.db, call, ids.clusterId) };
      },
    });
  };

const checkRole = (call: Call, { role }: Input): void => {
  const { actor } = call;
  if (actor.isCloudAdmin || (role === 'VIEWER' ? mayRead(actor) : mayWrite(actor))) return;
  throw new UserError(
    'FORBIDDEN',
    `A kubeconfig of role ${role} needs the role "member" in the project; ask for VIEWER, or ask a project administrator.`,
    { field: ['role'] },
  );
};

const build = async (deps: CommandDeps, call: Call, cluster: ClusterRow, input: Input): Promise<IssuedKubeconfig> => {
  checkNotDeleting(cluster);
  checkGeneration(call, cluster);
  const pkiJson = await deps.secrets.find(deps.store.db, cluster.id, PKI);
  const { endpointHost: host, endpointPort: port } = cluster;
  if (pkiJson === undefined || host === null || port === null)
    throw new Conflict(
      'CLUSTER_UNAVAILABLE',
      `Cluster ${cluster.name} is not reachable yet: its control plane has no address. Follow its progress and ask again.`,
      {
        whoMustAct: 'NOBODY',
      },
    );
  return deps.buildKubeconfig({
    pkiJson,
    endpoint: { host, port },
    clusterName: cluster.name,
    userName: `${call.actor.userName}@${call.actor.userDomainName}`,
    groups: [GROUPS[input.role]],
    ttlMs: (input.ttlSeconds ?? DEFAULT_TTL_SECONDS) * 1_000,
    now: deps.clock.now(),
  });
};
