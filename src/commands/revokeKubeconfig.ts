/** revokeKubeconfig: ends an access before its time. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { patchKubeconfigs } from '../store/kubeconfigs.ts';
import { wakeNow } from '../store/wake.ts';
import { ownNameOf } from './access.ts';
import type { Command, CommandDeps, RevokedKubeconfigAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { checkGeneration, getKubeconfig, recallCluster, recallKubeconfig } from './targets.ts';

const schema = z.strictObject({ kubeconfigId: nameOrId });

export const revokeKubeconfig =
  (deps: CommandDeps): Command<RevokedKubeconfigAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return runOnce<RevokedKubeconfigAnswer, void>(deps, call, {
      mutation: 'revokeKubeconfig',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const { kubeconfig, cluster } = await getKubeconfig(tx.db, call, input.kubeconfigId);
        // Whoever may read may have one that reads, and may give it back.
        permit(call.actor, 'revokeKubeconfig', { projectId: cluster.projectId, userId: kubeconfig.ownerId });
        checkGeneration(call, cluster);
        if (kubeconfig.revokedAt === null) {
          const now = deps.clock.now();
          await patchKubeconfigs(tx, [kubeconfig.id], { revokedAt: now, revokedBy: ownNameOf(call) });
          await wakeNow(tx, 'CLUSTER', cluster.id, now);
        }
        return {
          answer: { record: await recallKubeconfig(tx.db, call, kubeconfig.id), cluster },
          target: { kind: 'CLUSTER', id: cluster.id, projectId: cluster.projectId },
          recall: { clusterId: cluster.id, kubeconfigId: kubeconfig.id },
        };
      },
      recall: async (ids) => ({
        record: await recallKubeconfig(deps.store.db, call, ids.kubeconfigId),
        cluster: await recallCluster(deps.store.db, call, ids.clusterId),
      }),
    });
  };
