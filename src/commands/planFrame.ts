/** The frame of all plans: a mutation's own checks, and what it would come to; nothing is written, and no cloud is asked. */
import { may } from '../domain/actor.ts';
import { type Problem, SeedbedError } from '../domain/errors.ts';
import { expectedDurationOf } from '../domain/expectedDuration.ts';
import { isHibernating, sayHibernation } from '../domain/hibernation.ts';
import type { OperationKind } from '../domain/operation.ts';
import { pauseOf, sayPause } from '../domain/pause.ts';
import type { Plan, PlannedQuota } from '../domain/plan.ts';
import type { Demand } from '../domain/quota.ts';
import { listPastOperations } from '../store/operations.ts';
import { listProjectQuotas } from '../store/projectQuotas.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import type { Call, CommandDeps } from './call.ts';

type Drawn = Omit<Plan, 'problems' | 'expectedDuration'>;

/** A plan that is being made. */
export interface Sketch {
  /** Added to as far as the input says what is wanted. */
  plan: Drawn;
  /** The cluster that is to change. */
  about(row: ClusterRow): void;
  /** Without it the mutation looks at nothing more: its refusal is the only one that is told, and the plan goes on. */
  permit(check: () => void): void;
  /** Runs one of the mutation's checks: its value, or undefined with its refusal noted. */
  check<Value>(work: () => Value | Promise<Value>): Promise<Value | undefined>;
  /** What is needed of quotas, where it is more than nothing. */
  need(demand: { cloud?: Demand; own?: Demand; temporary?: boolean }): Promise<void>;
}

/** A plan as the API asks for it; it is not refused, for refusals are what it tells, those of `read` as well. `read`: the mutation's input. */
export type PlanCommand = (call: Call, read: () => unknown) => Promise<Plan>;

/** `draw` may throw what the mutation throws: that is the last problem then, and the plan is as far as it had come. */
export const planCommand =
  (kind: OperationKind, draw: (deps: CommandDeps, call: Call, raw: unknown, sketch: Sketch) => Promise<void>) =>
  (deps: CommandDeps): PlanCommand =>
  async (call, read) => {
    const plan: Drawn = { creates: [], changes: [], restarts: [], deletes: [], quota: [], warnings: [] };
    const problems: Problem[] = [];
    let projectId = call.actor.projectId ?? '';
    let isForbidden = false;
    const note = (error: unknown): void => {
      if (!(error instanceof SeedbedError)) throw error;
      if (!isForbidden) problems.push(error.toProblem());
    };
    const sketch: Sketch = {
      plan,
      about: (row) => {
        projectId = row.projectId;
        plan.warnings.push(...holdsOf(row, deps.clock.now()));
      },
      permit: (check) => {
        try {
          check();
        } catch (error) {
          note(error);
          isForbidden = true;
        }
      },
      check: async (work) => {
        try {
          return await work();
        } catch (error) {
          note(error);
          return undefined;
        }
      },
      need: async (demand) => {
        plan.quota.push(...(await quotasFor(deps, call, projectId, demand, plan.warnings)));
      },
    };
    try {
      await draw(deps, call, read(), sketch);
    } catch (error) {
      note(error);
    }
    const past = await listPastOperations(deps.store.db, kind);
    return { ...plan, problems, expectedDuration: expectedDurationOf(kind, projectId, past) };
  };

/** What keeps a change from beginning at once. */
const holdsOf = (row: ClusterRow, now: number): string[] => {
  const pause = pauseOf(row, now);
  return [
    ...(pause === null ? [] : [`It waits for ${sayPause(pause)}.`]),
    ...(row.hibernation !== null && isHibernating(row) ? [`It waits for ${sayHibernation(row.hibernation)}.`] : []),
  ];
};

const quotasFor = async (
  deps: CommandDeps,
  call: Call,
  projectId: string,
  { cloud = {}, own = {}, temporary = false }: Parameters<Sketch['need']>[0],
  warnings: string[],
): Promise<PlannedQuota[]> => {
  const needed = (demand: Demand) => Object.entries(demand).filter(([, more]) => more > 0);
  const seesOwn = needed(own).length > 0 && may(call.actor, 'readQuota', { projectId });
  const ownQuotas = seesOwn ? await listProjectQuotas(deps.store.db, deps.settings.projectLimits, projectId) : [];
  const seesCloud = may(call.actor, 'readCloud', { projectId });
  const cloudQuotas = seesCloud ? deps.peekQuotas(projectId) : null;
  if (seesCloud && cloudQuotas === null && needed(cloud).length > 0) warnings.push(QUOTAS_UNKNOWN);
  const row = (source: PlannedQuota['source'], quotas: readonly { resource: string; used: number; limit: number | null }[]) => {
    const of = (resource: string) => quotas.find((quota) => quota.resource === resource);
    return ([resource, more]: [string, number]): PlannedQuota => ({
      resource,
      source,
      needed: more,
      inUse: of(resource)?.used ?? null,
      limit: of(resource)?.limit ?? null,
      temporary,
    });
  };
  return [...needed(own).map(row('SEEDBED', ownQuotas)), ...needed(cloud).map(row('OPENSTACK', cloudQuotas ?? []))];
};

const QUOTAS_UNKNOWN =
  "What the project's OpenStack quotas have left is not known at this moment; it is looked up, so ask again in a few seconds.";
/** Of names in the cloud. */
export const NAMES_UNKNOWN =
  "What there is in the project's cloud is not known at this moment, so neither names in it nor sizes of flavors were looked at; ask again in a few seconds.";

/** Adds what a part of a change brings. */
export const add = (plan: Drawn, part: Partial<Pick<Drawn, 'creates' | 'restarts' | 'deletes'>>): void => {
  plan.creates.push(...(part.creates ?? []));
  plan.restarts.push(...(part.restarts ?? []));
  plan.deletes.push(...(part.deletes ?? []));
};
