/** setQuota: what one project may have of what Seedbed makes. What it has already stays, be it more. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { NO_LIMIT, type OwnLimits, PROJECT_RESOURCES } from '../domain/projectQuota.ts';
import { findProjectQuota, saveProjectQuota } from '../store/projectQuotas.ts';
import type { Command, CommandDeps, QuotaAnswer } from './call.ts';
import { runOnce } from './idempotent.ts';
import { clearable, ownInput, parseInput, requireChange, wholeNumber } from './parse.ts';
import { checkGeneration } from './targets.ts';

/** As many as GraphQL's Int can tell. */
const MOST = 2_147_483_647;
const limit = clearable(wholeNumber(NO_LIMIT, MOST));

const schema = z.strictObject({
  /** Keystone is not asked whether it is there: it may come later, and nothing is lost where it does not. */
  projectId: z.string().regex(/^[\w-]{1,64}$/, "must be the id of one of Keystone's projects"),
  clusters: limit,
  nodes: limit,
  workerVcpus: limit,
  controlPlaneReplicas: limit,
});

export const setQuota =
  (deps: CommandDeps): Command<QuotaAnswer> =>
  async (call, raw) => {
    permit(call.actor, 'setQuota');
    const { projectId, ...limits } = parseInput(schema, ownInput(raw));
    requireChange(limits);
    return runOnce<QuotaAnswer, void>(deps, call, {
      mutation: 'setQuota',
      input: raw,
      prepare: async () => {},
      apply: async (tx) => {
        const before = await findProjectQuota(tx.db, projectId);
        const generation = before?.generation ?? 0;
        checkGeneration(call, { generation });
        await saveProjectQuota(tx, {
          projectId,
          limits: changed(before?.limits ?? {}, limits),
          generation: generation + 1,
          updatedBy: call.actor.userName,
          updatedAt: deps.clock.now(),
        });
        return { answer: { projectId }, target: { kind: 'QUOTA', id: projectId, projectId }, recall: { projectId } };
      },
      recall: async () => ({ projectId }),
    });
  };

/** What is null is as everywhere again. */
const changed = (before: OwnLimits, change: { [Resource in keyof OwnLimits]?: number | null | undefined }): OwnLimits =>
  Object.fromEntries(
    PROJECT_RESOURCES.flatMap((resource) => {
      const value = change[resource] === undefined ? before[resource] : change[resource];
      return value == null ? [] : [[resource, value]];
    }),
  );
