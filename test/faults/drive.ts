/** Lives one after the other, with a case in each phase, until there are none left. */
import { type Case, casesOf, nameOf } from './cases.ts';
import { type Course, type FaultWorld, type Life, openFaultWorld } from './life.ts';
import { isDouble, verdict } from './verdict.ts';

/** The calm life that others are compared with: the second of a world, as the first has first-time work in the seed. */
export const calmLife = async (world: FaultWorld, { phases }: Life): Promise<Course[]> => {
  const life = async () => {
    await world.renew();
    const courses: Course[] = [];
    for (const place of phases.keys()) courses.push(await world.run(place, null));
    return courses;
  };
  await life();
  return life();
};

export const allCases = ({ phases }: Life, calm: readonly Course[]): Case[] =>
  phases.flatMap(([phase], place) => casesOf(phase, calm[place]?.calls ?? []));

/** A world keeps the history of all its clusters, and is slower the more it has. */
const LIVES_OF_A_WORLD = 30;

/** Takes cases from `queue` until it is empty or `isTime` says so; tells each as it ends. */
export const drive = async (options: {
  life: Life;
  queue: Case[];
  calm: readonly Course[];
  isTime: () => boolean;
  tell: (met: Case, wrong: string[], ms: number) => void;
  world?: FaultWorld;
}): Promise<void> => {
  const { life, queue, calm } = options;
  const take = (phase: string): Case | null => {
    const place = queue.findIndex((met) => met.phase === phase);
    return place === -1 ? null : (queue.splice(place, 1)[0] ?? null);
  };
  let world = options.world ?? (await openFaultWorld(life));
  let lives = 0;
  try {
    while (queue.length > 0 && !options.isTime()) {
      lives += 1;
      if (lives % LIVES_OF_A_WORLD === 0) {
        await world.close();
        world = await openFaultWorld(life);
      }
      await world.renew();
      let met = null as Case | null;
      for (const [place, [phase]] of life.phases.entries()) {
        // What was left behind is gone when the cluster is: that life goes on calmly, to its end.
        const doubled: Case | null = met !== null && leavesBehind(met) ? met : null;
        met = doubled ?? take(phase);
        const course = await world.run(place, doubled === null ? met : null).catch((error: Error) => error);
        const wrong = course instanceof Error ? [course.message] : verdict(met, course, calm[place] ?? NOTHING);
        const isLast = place === life.phases.length - 1;
        const leaving = met !== null && leavesBehind(met);
        const fate = leaving && !isLast ? wrong.filter((sentence) => !isDouble(sentence)) : wrong;
        const isTold = !leaving || isLast || fate.length > 0;
        if (isTold && (met !== null || fate.length > 0))
          options.tell(met ?? calmCase(phase), fate, course instanceof Error ? 0 : course.ms);
        if (fate.length === 0) continue;
        await world.close();
        world = await openFaultWorld(life);
        break;
      }
    }
  } finally {
    await world.close();
  }
};

/**
 * Nobody is told of what a duplicate made. A trust that logs nobody in is written off, and another lent; it may come to life again with its
 * trustor's rights, so it is noted, and ended with the cluster.
 */
const leavesBehind = ({ kind, template }: Case): boolean =>
  kind === 'duplicate' || (template === '/v3/auth/tokens' && ['400', '401', '403'].includes(kind));

const NOTHING: Course = { shape: [], calls: [], stops: [], ms: 0 };

/** What went wrong with nothing done to it. */
const calmCase = (phase: string): Case => ({ phase, service: 'none', method: 'NONE', template: '/', nth: 1, kind: '400', times: 1 });

/** For a person who wants to see it again. */
export const sentenceOf = (met: Case, wrong: readonly string[]): string =>
  `${nameOf(met)}\n    ${wrong.join('\n    ')}\n  again: SEEDBED_FAULTS_CASE='${nameOf(met)}' npm run test:faults`;
