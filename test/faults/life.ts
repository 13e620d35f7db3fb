/** A life, of a cluster or a seed, in phases, calm or with something that goes wrong in each, and what is held against the calm one. */
import type { Problem } from '../../src/domain/errors.ts';
import type { RecordedCall } from '../../src/sandbox/counters.ts';
import { DAY_TWO, openDayTwo } from '../crash/dayTwo.ts';
import { shapeOfAll } from '../crash/shape.ts';
import { type Change, CREATE, DELETE, insist, isOver, resize } from '../crash/walk.ts';
import { openStory, type Settings, type Story, until } from '../reconcilers/story.ts';
import { type Case, ruleOf } from './cases.ts';
import { CLOUD_TIMEOUT_SECONDS } from './kinds.ts';

/** Its phases by their names, of which no two are the same in all lives. */
export interface Life {
  name: string;
  phases: readonly [string, Change][];
  open: (given: { settings: Settings; template: object }) => Promise<Story>;
}

const FIRST_DAY: Life = {
  name: 'the first day',
  phases: [
    ['create', CREATE],
    ['grow', resize(3)],
    ['shrink', resize(1)],
    ['delete', DELETE],
  ],
  open: (given) => openStory(given),
};

const NAMES_OF_DAY_TWO = ['prepare', 'backup', 'restore', 'clone', 'endClone', 'upgrade', 'hibernate', 'wake', 'move', 'end'];

const LATER: Life = {
  name: 'what is asked for later',
  phases: DAY_TWO.map((change, place) => [NAMES_OF_DAY_TWO[place] ?? '', change]),
  open: ({ settings, template }) =>
    openDayTwo((own) => openStory({ ...own, settings: { ...settings, ...own.settings }, template: { ...template, ...own.template } })),
};

const SEED = { by: 'admin', nodes: 0, seed: 'made' } as const;

/** In Seedbed's own project. */
const MADE_SEED: Life = {
  name: 'a seed that is made',
  phases: [
    [
      'createSeed',
      {
        ...SEED,
        mutation: 'createSeed',
        input: () => ({ name: SEED.seed, image: 'debian-12-node', flavor: 'm1.medium', externalNetwork: 'public', workers: 1 }),
        state: 'READY',
      },
    ],
    ['growSeed', { ...SEED, mutation: 'scaleSeed', input: () => ({ seedId: SEED.seed, workers: 2 }), state: 'READY' }],
    ['shrinkSeed', { ...SEED, mutation: 'scaleSeed', input: () => ({ seedId: SEED.seed, workers: 0 }), state: 'READY' }],
    ['deleteSeed', { ...SEED, mutation: 'deleteSeed', input: () => ({ seedId: SEED.seed }), state: 'DELETED' }],
  ],
  open: (given) => openStory(given),
};

export const LIVES: readonly Life[] = [FIRST_DAY, LATER, MADE_SEED];

/** What a phase leaves and what it took. */
export interface Course {
  shape: string[];
  calls: RecordedCall[];
  /** Problems that stopped it until somebody asked for another try. */
  stops: string[];
  ms: number;
}

export interface FaultWorld {
  story: Story;
  /** A phase from its request to its end. Throws when it does not come to one. */
  run(place: number, met: Case | null): Promise<Course>;
  /** A server that knows nothing yet, as the first calls of one are calls, too. */
  renew(): Promise<void>;
  close(): Promise<void>;
}

/** No promise, but a bound: beside other worlds on a busy machine a phase takes longer than alone. */
const PHASE_SECONDS = 300;
/** A person takes a moment to ask for another try. */
const PERSON_MS = 1_100;

interface OperationRow {
  id: string;
  state: string;
  problem: string | null;
}

export const openFaultWorld = async ({ phases, open }: Life): Promise<FaultWorld> => {
  const story = await open({
    settings: { cutOffSeconds: 1, cloudTimeoutSeconds: CLOUD_TIMEOUT_SECONDS },
    template: { floatingIpEnabled: true },
  });

  /** Asks for another try once the operation, or what works for it, waits for somebody's act. */
  const helpOut = async (operationId: string, stops: string[], by: 'admin' | 'member'): Promise<void> => {
    const [operation] = story.rows<OperationRow>(`select id, state, problem from operations where id = '${operationId}'`);
    const [blocked] = story.rows<{ name: string; problem: string }>(
      "select name, problem from conditions where state = 'FAILED' and json_extract(problem, '$.retryable') = 0 limit 1",
    );
    const problem = operation?.state === 'FAILED' ? operation.problem : blocked?.problem;
    if (problem === undefined) return;
    const { code, message } = JSON.parse(problem ?? '{}') as Partial<Problem>;
    stops.push(`${code ?? 'NO CODE'}: ${message || 'NO MESSAGE'}`);
    await new Promise((resolve) => setTimeout(resolve, PERSON_MS));
    const [now] = story.rows<OperationRow>(`select state from operations where id = '${operationId}'`);
    if (now?.state === 'SUCCEEDED') return;
    await story.change(story[by], 'retryOperation', { operationId }, 'operation { uuid }').catch(() => {});
  };

  const run = async (place: number, met: Case | null): Promise<Course> => {
    const [, change] = phases[place] ?? ['', CREATE];
    await story.control('POST', 'record');
    if (met !== null) await story.control('POST', 'faults', ruleOf(met));
    const began = Date.now();
    const stops: string[] = [];
    const operationId = await insist(story, change);
    let looked = Date.now();
    await until(async () => {
      if (isOver(story, change)) return true;
      if (Date.now() - looked > 500) {
        await helpOut(operationId, stops, change.by ?? 'member');
        looked = Date.now();
      }
      return false;
    }, PHASE_SECONDS).catch(() => {
      throw new Error(`no end after ${PHASE_SECONDS} s; ${JSON.stringify(tellTrouble(story))}; stopped by ${JSON.stringify(stops)}`);
    });
    const { calls } = await story.control<{ calls: RecordedCall[] }>('GET', 'record');
    await story.control('DELETE', 'faults');
    return { shape: await shapeOfAll(story), calls, stops, ms: Date.now() - began };
  };

  return { story, run, renew: () => story.restart(), close: () => story.close() };
};

const tellTrouble = (story: Story): unknown[] => [
  ...story.rows('select state from clusters order by rowid desc limit 1'),
  ...story.rows("select kind, state, problem from operations where state <> 'SUCCEEDED'"),
  ...story.rows("select object_kind, name, state, message from conditions where state not in ('DONE', 'REMOVED') limit 12"),
  ...story.rows('select name, state from nodes where deleted_at is null'),
  ...story.rows(
    'select kind, due_at - unixepoch() * 1000 as due, lease_until is not null as held from work_items where lease_until is not null or due_at < unixepoch() * 1000 + 60000',
  ),
];
