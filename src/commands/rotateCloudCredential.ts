/** rotateCloudCredential: another application credential, handed in or of the cluster's own user, or a trust of the caller's, to act by in the project. */
import { z } from 'zod';
import { CALLER_TOKEN, NO_CREDENTIAL, newUserCredential } from '../domain/cloudCredential.ts';
import { UserError } from '../domain/errors.ts';
import type { Tx } from '../store/open.ts';
import { supersedeOperations } from '../store/operations.ts';
import { type ClusterRow, patchCluster } from '../store/reconcile.ts';
import { wakeNow } from '../store/wake.ts';
import { announce, clusterSubject, newOperation } from './announce.ts';
import type { Call, ClusterAnswer, Command, CommandDeps } from './call.ts';
import { credentialInput, sealCredential } from './cloudCredential.ts';
import { changeCluster } from './clusterCommand.ts';
import { given, nameOrId, ownInput, parseInput } from './parse.ts';
import { recallCluster } from './targets.ts';
import { newTerms } from './trust.ts';

const schema = z.strictObject({ clusterId: nameOrId, credential: given(credentialInput) });
type Input = z.output<typeof schema>;

export const rotateCloudCredential =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const input = parseInput(schema, ownInput(raw));
    return changeCluster(deps, call, {
      mutation: 'rotateCloudCredential',
      raw,
      clusterId: input.clusterId,
      // A trust is the caller's own.
      personal: input.credential === undefined && !deps.settings.clustersHaveUsers,
      write: (tx, row) => write(deps, call, tx, row, input),
    });
  };

const write = async (deps: CommandDeps, call: Call, tx: Tx, row: ClusterRow, { credential }: Input) => {
  const now = deps.clock.now();
  const next = credential === undefined ? ownRight(deps, call, row) : sealCredential(deps, row.id, credential);
  const change = {
    credential: { ...(row.credential ?? NO_CREDENTIAL), next },
    generation: row.generation + 1,
    updatedAt: now,
    ...(row.state === 'READY' && { state: 'UPDATING' as const }),
  };
  await patchCluster(tx, row.id, change);
  // What Seedbed made in somebody's name only he can end.
  if (call.actor.projectId === row.projectId) await deps.secrets.put(tx, row.id, CALLER_TOKEN, call.token, now);
  const subject = clusterSubject(row);
  const operation = newOperation(deps, call, 'ROTATE_CLOUD_CREDENTIAL', subject, change.generation);
  // One that was refused is no reason to refuse a better one.
  await supersedeOperations(tx, operation, { kinds: ['ROTATE_CLOUD_CREDENTIAL'] }, now);
  const message = `The cloud credential of cluster ${row.name} is being replaced, as ${call.actor.userName} asked.`;
  await announce(tx, subject, operation, change.state ?? row.state, message, 'CHANGED');
  await wakeNow(tx, 'CLUSTER', row.id, now);
  return { cluster: await recallCluster(tx.db, call, row.id), operation };
};

const ownRight = (deps: CommandDeps, call: Call, row: ClusterRow) =>
  deps.settings.clustersHaveUsers
    ? newUserCredential(row, { randomToken: deps.randomToken, seal: deps.secrets.seal })
    : trustOf(deps, call, row);

const trustOf = (deps: CommandDeps, call: Call, row: ClusterRow) => {
  // A token of another project cannot delegate anything in this one.
  if (call.actor.projectId !== row.projectId)
    throw new UserError(
      'FORBIDDEN',
      "Only a member of the cluster's own project can lend it a trust; hand in an application credential, or ask one.",
      { field: ['credential'] },
    );
  return { kind: 'TRUST' as const, ...newTerms(deps, call) };
};
