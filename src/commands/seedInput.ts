/** A seed as input, and the frame that all commands on a registered seed share. */
import { z } from 'zod';
import { permit } from '../domain/actor.ts';
import { parseCidr } from '../domain/cidr.ts';
import { Conflict, UserError } from '../domain/errors.ts';
import { faultOfLabel, MAX_SEED_NAME } from '../domain/names.ts';
import type { OperationKind } from '../domain/operation.ts';
import type { Action } from '../domain/policy.ts';
import { DEFAULT_SEED_WEIGHT, MAX_SEED_WEIGHT } from '../domain/seed.ts';
import { isUniqueViolation, type Tx } from '../store/open.ts';
import { findNewestOperation, supersedeOperations } from '../store/operations.ts';
import type { OperationRow } from '../store/progress.ts';
import { patchSeed, type SeedRow } from '../store/reconcile.ts';
import { countClustersBoundToSeed, insertSeed } from '../store/seeds.ts';
import { wakeNow } from '../store/wake.ts';
import { enqueue } from '../store/workItems.ts';
import { announce, newOperation, seedSubject } from './announce.ts';
import type { Call, CommandDeps, SeedAnswer } from './call.ts';
import { type Recalled, runOnce } from './idempotent.ts';
import { clearable, given, nameBy, nameOrId, ownInput, parseInput, smallMap, wholeNumber } from './parse.ts';
import { checkGeneration, getSeed, recallOperation, recallSeed } from './targets.ts';

/** The secret's name, with the seed as its owner. */
export const KUBECONFIG = 'kubeconfig';

/** IPv4, as clusters' ranges are; canonical text is not needed, it is only compared. */
const cidr = z.string().superRefine((text, context) => {
  try {
    parseCidr(text, []);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof UserError ? error.message : 'is not a range' });
  }
});

export const seedFields = z.strictObject({
  name: nameBy(faultOfLabel, MAX_SEED_NAME),
  /** The parser's own limit is lower; this one spares it the reading. */
  kubeconfig: z.string().min(1, 'must not be empty').max(262_144, 'is too long'),
  region: clearable(nameOrId),
  labels: given(smallMap(20)),
  exposure: given(z.enum(['LOAD_BALANCER', 'NODE_PORT'], 'must be LOAD_BALANCER or NODE_PORT')),
  maxClusters: clearable(wholeNumber(0, 100_000)),
  weight: given(wholeNumber(0, MAX_SEED_WEIGHT)),
  podCidr: clearable(cidr),
  serviceCidr: clearable(cidr),
  storageClass: clearable(nameOrId),
  priorityClass: clearable(nameOrId),
});

type SeedSettings = Omit<z.output<typeof seedFields>, 'kubeconfig'>;

/** `server`: its API's URL; empty: it has none yet. */
export const newSeedRow = (deps: CommandDeps, input: SeedSettings, server: string): SeedRow => {
  const now = deps.clock.now();
  return {
    id: deps.newId(),
    name: input.name,
    region: input.region ?? null,
    labels: input.labels ?? {},
    exposure: input.exposure ?? 'LOAD_BALANCER',
    maxClusters: input.maxClusters ?? null,
    weight: input.weight ?? DEFAULT_SEED_WEIGHT,
    cordoned: false,
    apiServerUrl: server,
    storageClass: input.storageClass ?? null,
    priorityClass: input.priorityClass ?? null,
    podCidr: input.podCidr ?? null,
    serviceCidr: input.serviceCidr ?? null,
    facts: null,
    drain: null,
    made: null,
    place: null,
    clusterUid: null,
    silentSince: null,
    lostAt: null,
    state: 'PENDING',
    eventNumber: 0,
    generation: 1,
    observedGeneration: 0,
    deleteRequestedAt: null,
    deletedAt: null,
    createdAt: now,
    updatedAt: now,
  };
};

export const recallSeedAnswer = async (deps: CommandDeps, call: Call, ids: Recalled): Promise<Omit<SeedAnswer, 'replayed'>> => ({
  seed: await recallSeed(deps.store.db, ids.seedId),
  operation: await recallOperation(deps.store.db, call, ids.operationId),
});

/** Writes a seed down that nobody knew of, with its operation, event and work item. `message`: for people. @throws NAME_TAKEN. */
export const addSeed = async (
  deps: CommandDeps,
  call: Call,
  tx: Tx,
  { row, kind, message }: { row: SeedRow; kind: OperationKind; message: string },
) => {
  await insertSeed(tx, row).catch((error: unknown) => {
    throw nameTaken(error, row.name);
  });
  const operation = newOperation(deps, call, kind, seedSubject(row), row.generation);
  await announce(tx, seedSubject(row), operation, row.state, message, 'CREATED');
  await enqueue(tx, 'SEED', row.id, row.createdAt);
  const seed = await recallSeed(tx.db, row.id);
  return {
    answer: { seed, operation },
    target: { kind: 'SEED' as const, id: seed.id, projectId: null },
    recall: { seedId: seed.id, operationId: operation.id },
  };
};

/** A seed that was registered is let go of, and one that Seedbed made is deleted; `refuse` throws for the other kind. Asking twice answers the removal that is under way. */
export const removeSeed = (
  deps: CommandDeps,
  call: Call,
  raw: unknown,
  way: { mutation: Action; kind: OperationKind; message: string; refuse: (row: SeedRow) => void },
): Promise<SeedAnswer> => {
  permit(call.actor, way.mutation);
  const { refuse, ...change } = way;
  return changeSeed(deps, call, raw, {
    ...change,
    seedId: parseInput(removal, ownInput(raw)).seedId,
    supersedes: null,
    underWay: async (tx, row) => (row.deleteRequestedAt === null ? undefined : findNewestOperation(tx.db, row.id, way.kind)),
    patch: async (tx, row, now) => {
      refuse(row);
      await refuseUsed(tx, row);
      return { deleteRequestedAt: now, state: 'UNREGISTERING' };
    },
  });
};

const removal = z.strictObject({ seedId: nameOrId });

const nameTaken = (error: unknown, name: string): unknown =>
  isUniqueViolation(error)
    ? new Conflict('NAME_TAKEN', `A seed named ${name} is registered already; choose another name.`, { field: ['name'] })
    : error;

export interface SeedChange {
  mutation: Action;
  kind: OperationKind;
  seedId: string;
  /** Open operations of these kinds are superseded; null: all of the seed's. */
  supersedes: readonly OperationKind[] | null;
  /** For people, after "Seed <name> ". */
  message: string;
  /** An earlier removal that goes on, for an answer without a new operation. */
  underWay?(tx: Tx, row: SeedRow): Promise<OperationRow | undefined>;
  /** What to set; may check and throw, and may write secrets. */
  patch(tx: Tx, row: SeedRow, now: number): Promise<Parameters<typeof patchSeed>[2]>;
}

/** Runs a change of one registered seed: rights, generation, row, operation, event and work item. */
export const changeSeed = (deps: CommandDeps, call: Call, raw: unknown, change: SeedChange): Promise<SeedAnswer> => {
  permit(call.actor, change.mutation);
  return runOnce<SeedAnswer, void>(deps, call, {
    mutation: change.mutation,
    input: raw,
    prepare: async () => {},
    apply: async (tx) => {
      const row = await getSeed(tx.db, change.seedId, 'seedId');
      const operation = (await change.underWay?.(tx, row)) ?? (await write(deps, call, tx, row, change));
      const seed = await recallSeed(tx.db, row.id);
      return {
        answer: { seed, operation },
        target: { kind: 'SEED', id: seed.id, projectId: null },
        recall: { seedId: seed.id, operationId: operation.id },
      };
    },
    recall: (ids) => recallSeedAnswer(deps, call, ids),
  });
};

const refuseUsed = async (tx: Tx, row: SeedRow): Promise<void> => {
  const used = await countClustersBoundToSeed(tx.db, row.id);
  if (used > 0)
    throw new Conflict(
      'IN_USE',
      `${used} ${used === 1 ? 'cluster lives' : 'clusters live'} on seed ${row.name}; delete them first (cordon the seed so that no new ones come).`,
    );
};

const write = async (deps: CommandDeps, call: Call, tx: Tx, row: SeedRow, change: SeedChange): Promise<OperationRow> => {
  if (row.deleteRequestedAt !== null)
    throw new Conflict('CONFLICT', `Seed ${row.name} is being taken out; nothing of it can be changed any more.`);
  checkGeneration(call, row);
  const now = deps.clock.now();
  const generation = row.generation + 1;
  const patch = await change.patch(tx, row, now);
  try {
    await patchSeed(tx, row.id, { ...patch, generation, updatedAt: now });
  } catch (error) {
    throw nameTaken(error, patch.name ?? row.name);
  }
  const subject = seedSubject({ ...row, name: patch.name ?? row.name });
  const operation = newOperation(deps, call, change.kind, subject, generation);
  await supersedeOperations(tx, operation, change.supersedes === null ? { below: 'TARGET' } : { kinds: change.supersedes }, now);
  await announce(
    tx,
    subject,
    operation,
    patch.state ?? row.state,
    `Seed ${subject.name} ${change.message}, as ${call.actor.userName} asked.`,
    'CHANGED',
  );
  await wakeNow(tx, 'SEED', row.id, now);
  return operation;
};
