/** The status a kubelet writes for a pod in each of its states. */
import { type Dict, dicts, type KubeObject, sameJson, spec, status, text, timestamp, withCondition } from './objects.ts';

export type ContainerState =
  | { kind: 'waiting'; reason: string; message: string }
  | { kind: 'running'; ready: boolean }
  | { kind: 'crashed'; message: string }
  | { kind: 'stopping' }
  | { kind: 'succeeded' }
  /** Exit codes by container. */
  | { kind: 'ended'; codes: Record<string, number> };

export interface Facts {
  now: number;
  hostIp: string;
  podIp: string;
  restarts: number;
  startedAt: number;
}

const containerState = (state: ContainerState, facts: Facts, name: string): Dict => {
  const startedAt = timestamp(facts.startedAt);
  switch (state.kind) {
    case 'waiting':
      return { waiting: { reason: state.reason, message: state.message } };
    case 'crashed':
      return { waiting: { reason: 'CrashLoopBackOff', message: `back-off restarting failed container: ${state.message}` } };
    case 'succeeded':
    case 'ended': {
      const exitCode = state.kind === 'ended' ? (state.codes[name] ?? 0) : 0;
      return { terminated: { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt, finishedAt: timestamp(facts.now) } };
    }
    default:
      return { running: { startedAt } };
  }
};

const lastState = (state: ContainerState, facts: Facts, known: Dict | undefined): Dict => {
  if (state.kind !== 'crashed') return (known?.lastState as Dict | undefined) ?? {};
  return {
    terminated: {
      exitCode: 1,
      reason: 'Error',
      message: state.message,
      startedAt: timestamp(facts.startedAt),
      finishedAt: timestamp(facts.now),
    },
  };
};

const phaseOf = (state: ContainerState): string => {
  if (state.kind === 'waiting') return 'Pending';
  if (state.kind === 'succeeded') return 'Succeeded';
  if (state.kind === 'ended') return Object.values(state.codes).every((code) => code === 0) ? 'Succeeded' : 'Failed';
  return 'Running';
};

/** The next status; undefined when nothing changed. */
export const podStatus = (pod: KubeObject, state: ContainerState, facts: Facts): Dict | undefined => {
  const ready = state.kind === 'running' && state.ready;
  const now = timestamp(facts.now);
  const known = dicts(status(pod).containerStatuses);
  const statuses = dicts(spec(pod).containers).map((c) => ({
    name: c.name,
    image: c.image,
    imageID: state.kind === 'waiting' ? '' : `${text(c.image)}@sandbox`,
    ready,
    started: state.kind === 'running',
    restartCount: facts.restarts,
    state: containerState(state, facts, text(c.name)),
    lastState: lastState(
      state,
      facts,
      known.find((k) => k.name === c.name),
    ),
  }));
  const verdict = ready
    ? { status: 'True' as const }
    : {
        status: 'False' as const,
        reason: phaseOf(state) === 'Succeeded' ? 'PodCompleted' : phaseOf(state) === 'Failed' ? 'PodFailed' : 'ContainersNotReady',
        message: `containers with unready status: [${statuses.map((s) => text(s.name)).join(' ')}]`,
      };
  const conditions = [
    { type: 'Initialized', status: 'True' as const },
    { type: 'PodReadyToStartContainers', status: state.kind === 'waiting' ? ('False' as const) : ('True' as const) },
    { type: 'Ready', ...verdict },
    { type: 'ContainersReady', ...verdict },
  ].reduce<unknown>((all, c) => withCondition(all, c, now), status(pod).conditions);
  const next = {
    ...status(pod),
    phase: phaseOf(state),
    conditions,
    hostIP: facts.hostIp,
    hostIPs: [{ ip: facts.hostIp }],
    ...(facts.podIp ? { podIP: facts.podIp, podIPs: [{ ip: facts.podIp }] } : {}),
    startTime: status(pod).startTime ?? now,
    containerStatuses: statuses,
  };
  return sameJson(status(pod), next) ? undefined : next;
};
