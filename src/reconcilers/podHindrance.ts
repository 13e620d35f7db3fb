/** Why a pod does not start, as far as the scheduler and its kubelet say so. */
import { z } from 'zod';
import type { KubernetesObject } from '../seeds/kinds.ts';

export interface Hindrance {
  /** In CamelCase, such as ImagePullBackOff. */
  reason: string;
  /** Shortened, in one line and without credentials; may be empty. */
  message: string;
}

const waits = z.looseObject({ reason: z.string().optional(), message: z.string().optional() });
const container = z.looseObject({
  state: z.looseObject({ waiting: waits.nullish(), running: z.unknown().optional(), terminated: z.unknown().optional() }).nullish(),
  restartCount: z.number().optional(),
});
const shape = z.looseObject({
  status: z
    .looseObject({
      conditions: z
        .array(z.looseObject({ type: z.string(), status: z.string(), reason: z.string().optional(), message: z.string().optional() }))
        .nullish(),
      initContainerStatuses: z.array(container).nullish(),
      containerStatuses: z.array(container).nullish(),
    })
    .nullish(),
});

const statusOf = (pod: KubernetesObject) => shape.safeParse(pod).data?.status;
const containersOf = (status: ReturnType<typeof statusOf>) => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

/** These are on the way to a start. */
const USUAL: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);
/** Of a message: a kubelet's names the image up to four times. */
const LONGEST = 300;

/** Undefined: nothing is in its way that anybody has said. */
export const hindranceOf = (pod: KubernetesObject): Hindrance | undefined => {
  const status = statusOf(pod);
  const unplaced = status?.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  if (unplaced !== undefined) return { reason: unplaced.reason ?? 'Unschedulable', message: brief(unplaced.message) };
  const stuck = containersOf(status)
    .map(({ state }) => state?.waiting)
    .find((waiting) => waiting?.reason !== undefined && !USUAL.has(waiting.reason));
  return stuck?.reason === undefined ? undefined : { reason: stuck.reason, message: brief(stuck.message) };
};

/** Whether a container of it has run, for however short a time; one whose status cannot be read may have. */
export const hasRun = (pod: KubernetesObject): boolean => {
  const read = shape.safeParse(pod);
  if (!read.success) return true;
  return containersOf(read.data.status).some(
    ({ state, restartCount = 0 }) =>
      restartCount > 0 || (state?.running ?? undefined) !== undefined || (state?.terminated ?? undefined) !== undefined,
  );
};

/** A runtime tells the addresses that it called, in which a registry's or a proxy's credentials may stand. */
const brief = (message = ''): string => {
  const clean = message
    .replace(/(\w:\/\/)[^\s/@]+@/g, '$1')
    .replace(/(\w:\/\/[^\s?"']+)\?[^\s"']*/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
  return clean.length <= LONGEST ? clean : `${clean.slice(0, LONGEST)}…`;
};
