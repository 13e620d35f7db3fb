/** Searches for orphans and removals of them: each is an operation, carried out pass by pass until it is over. */
import { CALLER_TOKEN } from '../../domain/cloudCredential.ts';
import { type Problem, problemOf, SeedbedError, Unavailable } from '../../domain/errors.ts';
import type { OperationStep } from '../../domain/operation.ts';
import { retryDelayMs } from '../../engine/backoff.ts';
import type { Handler, PassResult } from '../../engine/worker.ts';
import { listOrphansOfOperation } from '../../store/orphans.ts';
import { loadTrackedOperations, type OperationRow, updateOperation } from '../../store/progress.ts';
import type { Write } from '../kind.ts';
import { fencedWrite } from '../pass.ts';
import { type World, worldOf } from '../world.ts';
import { listPlaces, placeOf } from './places.ts';
import { inOrder, removeOrphan } from './removal.ts';
import { searchPlace } from './search.ts';

/** So long a service may be away before a search does without. */
const PATIENCE_MS = 900_000;
const LOOK_AGAIN_MS = 1_000;
const OVER: PassResult = { dueInMs: null, failed: false };

export const createOrphansHandler =
  (world: World): Handler =>
  async ({ claim, signal }) => {
    const [operation] = await loadTrackedOperations(world.store.db, claim.id);
    if (operation === undefined || operation.state === 'FAILED') return OVER;
    const work: Work = {
      world: worldOf(world, operation.requestId),
      operation,
      write: fencedWrite(world, claim),
      signal,
      attempts: claim.attempts,
    };
    return operation.kind === 'FIND_ORPHANS' ? search(work) : removal(work);
  };

interface Work {
  world: World;
  operation: OperationRow;
  write: Write;
  signal: AbortSignal;
  attempts: number;
}

/** From the beginning at each pass: it finds what it has found before, and writes it down once. */
const search = async (work: Work): Promise<PassResult> => {
  const { world, operation, write, signal, attempts } = work;
  const places = await listPlaces(world, operation.id);
  let found = 0;
  const problems: Problem[] = [];
  for (const [i, place] of places.entries()) {
    if (signal.aborted) return { dueInMs: 0, failed: false };
    await tell(work, { percent: Math.floor((i / places.length) * 100), message: `${i} of ${places.length} places looked through.` });
    try {
      found += await searchPlace(world, write, place);
    } catch (error) {
      if (!(error instanceof SeedbedError)) throw error;
      const patient = error instanceof Unavailable && world.clock.now() - began(work) < PATIENCE_MS;
      if (patient) return { dueInMs: retryDelayMs(error, attempts + 1, world.random()), failed: true };
      problems.push({ ...problemOf(error), message: `${place.title} could not be looked through: ${error.message}` });
    }
  }
  const looked = places.length - problems.length;
  return end(work, problems, `${looked} of ${places.length} places looked through; orphans: ${found}.`);
};

const removal = async (work: Work): Promise<PassResult> => {
  const { world, operation, write, signal } = work;
  for (const row of inOrder(await listOrphansOfOperation(world.store.db, operation.id))) {
    if (signal.aborted) return { dueInMs: 0, failed: false };
    if (row.state === 'REMOVING') await removeOrphan(world, write, placeOf(world, operation.id, row), row);
  }
  const rows = await listOrphansOfOperation(world.store.db, operation.id);
  const count = (state: string) => rows.filter((row) => row.state === state).length;
  const message = `${count('REMOVED')} of ${rows.length} removed, ${count('GONE')} gone otherwise, ${count('FAILED')} failed.`;
  if (count('REMOVING') > 0) {
    await tell(work, { percent: Math.floor(((rows.length - count('REMOVING')) / rows.length) * 100), message });
    return { dueInMs: LOOK_AGAIN_MS, failed: false };
  }
  const problems = rows.flatMap(({ state, problem, kind, externalId }) =>
    state === 'FAILED' && problem !== null ? [{ ...problem, message: `${kind} ${externalId}: ${problem.message}` }] : [],
  );
  return end(work, problems, message);
};

const began = ({ operation }: Work): number => operation.steps[0]?.startedAt ?? operation.requestedAt;

const stepOf = (work: Work, state: OperationStep['state'], message: string): OperationStep[] => {
  const finding = work.operation.kind === 'FIND_ORPHANS';
  const now = work.world.clock.now();
  return [
    {
      name: finding ? 'OrphansFound' : 'OrphansRemoved',
      title: finding ? 'Look through projects and seeds' : 'Remove what was chosen',
      state,
      startedAt: work.operation.steps[0]?.startedAt ?? now,
      finishedAt: state === 'DONE' ? now : null,
      message,
      waitingFor: null,
    },
  ];
};

const tell = async (work: Work, { percent, message }: { percent: number; message: string }): Promise<void> => {
  const { operation, write } = work;
  if (operation.state === 'RUNNING' && operation.percent === percent && operation.steps[0]?.message === message) return;
  const patch = { state: 'RUNNING' as const, percent: Math.min(99, percent), steps: stepOf(work, 'RUNNING', message), problem: null };
  await write((tx) => updateOperation(tx, operation, { ...patch, finishedAt: null }));
  Object.assign(operation, patch);
};

/** The token goes with the end: another try brings another. */
const end = async (work: Work, problems: readonly Problem[], message: string): Promise<PassResult> => {
  const { world, operation, write } = work;
  const [problem = null] = problems;
  await write(async (tx) => {
    await updateOperation(tx, operation, {
      state: problem === null ? 'SUCCEEDED' : 'FAILED',
      percent: problem === null ? 100 : Math.min(99, operation.percent),
      steps: stepOf(work, problem === null ? 'DONE' : 'FAILED', message),
      problem,
      finishedAt: world.clock.now(),
    });
    await world.secrets.remove(tx, operation.id, CALLER_TOKEN);
  });
  return OVER;
};
