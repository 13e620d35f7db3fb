/** issueKubeconfig: a short-lived client certificate for one person in one role of one cluster, in a kubeconfig. */
import { z } from 'zod';
import { sealedAnswerOwner } from '../store/idempotency.ts';
import { accessFields, checkRole, prepareAccess, recordAccess } from './access.ts';
import type { Command, CommandDeps, IssuedKubeconfig, KubeconfigAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { ownInput, parseInput } from './parse.ts';
import { getCluster, recallCluster, recallKubeconfig } from './targets.ts';

/** The name of an answer that is kept for a repeated call. */
const ANSWER = 'kubeconfig';

const schema = z.strictObject(accessFields);

export const issueKubeconfig =
  (deps: CommandDeps): Command<KubeconfigAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    const cluster = await getCluster(deps.store.db, call, input.clusterId);
    checkRole(call, 'issueKubeconfig', cluster, input);
    return runOnce<KubeconfigAnswer, IssuedKubeconfig & { userName: string }>(deps, call, {
      mutation: 'issueKubeconfig',
      input: raw,
      // It bears its owner's name: a colleague who finds the key does not get it.
      personal: true,
      prepare: async () => {
        const order = { ...(await prepareAccess(deps, call, cluster, input)), clusterName: cluster.name };
        return { ...(await deps.buildKubeconfig(order)), userName: order.userName };
      },
      apply: async (tx, { userName, ...issued }, { scope, key }) => {
        if (key !== null) await deps.secrets.put(tx, sealedAnswerOwner(scope, key), ANSWER, JSON.stringify(issued), deps.clock.now());
        const { role } = input;
        const { expiresAt } = issued;
        const record = await recordAccess(tx, deps, call, cluster, { kind: 'KUBECONFIG', role, userName, expiresAt });
        return {
          answer: { ...issued, cluster, record },
          target: { kind: 'CLUSTER', id: cluster.id, projectId: cluster.projectId },
          recall: { clusterId: cluster.id, kubeconfigId: record.id },
        };
      },
      recall: async (ids, { scope, key }) => {
        const sealed = await deps.secrets.find(deps.store.db, sealedAnswerOwner(scope, key ?? ''), ANSWER);
        if (sealed === undefined) throw new Error('The answer that belongs to an idempotency key is gone.');
        const issued = JSON.parse(sealed) as IssuedKubeconfig;
        const record = await recallKubeconfig(deps.store.db, call, ids.kubeconfigId);
        return { ...issued, record, cluster: await recallCluster(deps.store.db, call, ids.clusterId) };
      },
    });
  };
