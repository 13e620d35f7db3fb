/** signCertificate: a short-lived client certificate over the caller's own key; Magnum's certificates:create. */
import { z } from 'zod';
import { sealedAnswerOwner } from '../store/idempotency.ts';
import { accessFields, checkRole, ownNameOf, prepareAccess, recordAccess } from './access.ts';
import type { CertificateAnswer, Command, CommandDeps, SignedCertificate } from './call.ts';
import { runOnce } from './idempotent.ts';
import { ownInput, parseInput } from './parse.ts';
import { getCluster, recallCluster, recallKubeconfig } from './targets.ts';

/** The name of an answer that is kept for a repeated call. */
const ANSWER = 'certificate';

const schema = z.strictObject({ ...accessFields, csr: z.string() });

export const signCertificate =
  (deps: CommandDeps): Command<CertificateAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    const cluster = await getCluster(deps.store.db, call, input.clusterId);
    checkRole(call, 'signCertificate', cluster, input);
    return runOnce<CertificateAnswer, SignedCertificate & { userName: string }>(deps, call, {
      mutation: 'signCertificate',
      input: raw,
      personal: true,
      prepare: async () => {
        const { endpoint: _, ...prepared } = await prepareAccess(deps, call, cluster, input);
        const order = { ...prepared, csr: input.csr, ownNames: [call.actor.userName, ownNameOf(call)] };
        return { ...(await deps.signCertificate(order)), userName: order.userName };
      },
      apply: async (tx, { userName, ...signed }, { scope, key }) => {
        if (key !== null) await deps.secrets.put(tx, sealedAnswerOwner(scope, key), ANSWER, JSON.stringify(signed), deps.clock.now());
        const { expiresAt } = signed;
        const record = await recordAccess(tx, deps, call, cluster, { kind: 'CERTIFICATE', role: input.role, userName, expiresAt });
        return {
          answer: { ...signed, cluster, record },
          target: { kind: 'CLUSTER', id: cluster.id, projectId: cluster.projectId },
          recall: { clusterId: cluster.id, kubeconfigId: record.id },
        };
      },
      recall: async (ids, { scope, key }) => {
        const sealed = await deps.secrets.find(deps.store.db, sealedAnswerOwner(scope, key ?? ''), ANSWER);
        if (sealed === undefined) throw new Error('The answer that belongs to an idempotency key is gone.');
        const signed = JSON.parse(sealed) as SignedCertificate;
        const record = await recallKubeconfig(deps.store.db, call, ids.kubeconfigId);
        return { ...signed, record, cluster: await recallCluster(deps.store.db, call, ids.clusterId) };
      },
    });
  };
