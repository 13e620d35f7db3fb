/** Healing: when a worker is in trouble, when another takes its place, and when nothing is replaced at all. */

import type { Condition } from './condition.ts';

export type NodeTroubleKind = 'NOT_READY' | 'SERVER_LOST' | 'PORT_LOST' | 'SERVER_ERROR' | 'NOT_JOINED' | 'NODE_PROBLEM';

/** What is wrong with a worker, whether or not it will be replaced. */
export interface NodeTrouble {
  kind: NodeTroubleKind;
  /** Milliseconds since the epoch. */
  since: number;
  /** Goes on after the node's name, such as "is not Ready". */
  message: string;
}

export interface HealingSpec {
  nodeLimitSeconds: number;
  joinLimitSeconds: number;
  maxUnhealthyPercent: number;
  /** Types of conditions of a worker's that, once True, are a reason to replace it; empty: none is. */
  problems: string[];
  /** A worker that is not Ready or has a problem is rebooted once, before it is replaced. */
  rebootFirst: boolean;
}

/** Conditions of node-problem-detector's that do not pass by themselves: those that the monitors of our addon set, as of its version 0.8 and later. */
export const PERMANENT_PROBLEMS: readonly string[] = ['KernelDeadlock', 'ReadonlyFilesystem', 'XfsShutdown', 'CperHardwareErrorFatal'];

export const DEFAULT_HEALING: HealingSpec = {
  nodeLimitSeconds: 300,
  joinLimitSeconds: 900,
  maxUnhealthyPercent: 40,
  problems: [...PERMANENT_PROBLEMS],
  rebootFirst: false,
};

const PASSES = 'the kubelet sets it while it is short of this, moves pods away and takes it back by itself';

/** Conditions that Kubernetes itself sets, and why each is no problem that healing goes by. */
const BUILT_IN: Readonly<Record<string, string>> = {
  Ready: 'it is True on a worker that is well, and one that is not Ready is healed in any case',
  MemoryPressure: PASSES,
  DiskPressure: PASSES,
  PIDPressure: PASSES,
  NetworkUnavailable: 'the network sets it while routes to the worker are missing, and another worker would have no others',
};

/** Why healing cannot go by a condition of this type; null: it can. */
export const whyNoProblem = (type: string): string | null => (Object.hasOwn(BUILT_IN, type) ? (BUILT_IN[type] ?? null) : null);

/** The problems that count on a group's workers. `group`: null: as its cluster says. */
export const problemsThatCount = (group: { healingProblems: string[] | null }, cluster: { healing: HealingSpec }): readonly string[] =>
  group.healingProblems ?? cluster.healing.problems;

/** A worker's last reboot that was to heal it. */
export interface Reboot {
  /** Milliseconds since the epoch; written down before Nova is asked, so that nobody asks twice. */
  at: number;
  /** Why, as a sentence. */
  reason: string;
  /** The HEAL_NODE that it began. */
  operationId: string;
  /** In Nova's words, why it would not; null: it was asked. */
  refused: string | null;
}

/** What a node group remembers of its healings. */
export interface GroupHealing {
  /** Replacements in a row that failed as well. */
  failures: number;
  /** When it replaced a node last; null: never. */
  lastAt: number | null;
  /** The facts were missing, or too many nodes were in trouble. */
  held: boolean;
  /** Nothing is replaced sooner: those that come back after a mass failure need a moment. */
  notBefore: number;
}

export const NO_HEALING: GroupHealing = { failures: 0, lastAt: null, held: false, notBefore: 0 };

/** Machines that go at once are noticed one after the other: before that nobody knows whether it is one or all. */
const SETTLE_MS = 30_000;
const FIRST_BACKOFF_MS = 5 * 60_000;
const LONGEST_BACKOFF_MS = 6 * 3_600_000;
/** Longer than any wait between two tries. */
const FORGIVEN_MS = 24 * 3_600_000;
/** A replacement or a reboot that worked for this long has not failed; what is wrong with it now is something new. */
const PROVEN_MS = 3_600_000;

/** The step of a node group's flow that heals. */
export const AUTO_HEALING = 'AutoHealing';

/** What somebody should hear of first. */
const LOUDEST: readonly string[] = ['MassFailure', 'NoFacts', 'BackingOff'];

/** What a cluster shows of its groups' healing: that of the group that says most. `group`: its name. */
export const loudest = <C extends Pick<Condition, 'reason' | 'state'>>(groups: readonly { group: string; condition: C }[]) => {
  const rank = ({ reason, state }: C): number => {
    const place = LOUDEST.indexOf(reason);
    return place >= 0 ? place : LOUDEST.length + (state === 'FAILED' ? 0 : state === 'DONE' ? 2 : 1);
  };
  return [...groups].sort((a, b) => rank(a.condition) - rank(b.condition) || (a.group < b.group ? -1 : 1))[0];
};

/** How long to wait before a decision that cannot be taken back, in milliseconds. */
export const settleMs = (spec: HealingSpec): number => Math.min(SETTLE_MS, spec.nodeLimitSeconds * 1000);

/** One node is no mass, however small its group is. */
export const isMassFailure = (ill: number, all: number, { maxUnhealthyPercent }: HealingSpec): boolean =>
  ill > 1 && ill * 100 > all * maxUnhealthyPercent;

/** Fewer clusters may be ill at once by chance; one that is well shows that the seed is not to blame. */
const CLUSTERS_OF_A_SEED = 3;

/** `all`: clusters with workers on one seed, `ill`: those of them with a worker in trouble. */
export const isSeedWide = ({ all, ill }: { all: number; ill: number }): boolean => all >= CLUSTERS_OF_A_SEED && ill === all;

export interface Patient {
  name: string;
  createdAt: number;
  /** It took the place of the one that was healed last. */
  isReplacement: boolean;
  ready: boolean;
  trouble: NodeTrouble;
  reboot: Pick<Reboot, 'at' | 'refused'> | null;
}

/** Which of a group's nodes took the place of the one that was healed last: healing is one at a time, so it is the first that came after. */
export const replacementIn = <N extends { createdAt: number }>(nodes: readonly N[], { lastAt }: GroupHealing): N | undefined =>
  nodes
    .filter(({ createdAt }) => lastAt !== null && createdAt >= lastAt)
    .reduce<N | undefined>((first, node) => (first === undefined || node.createdAt < first.createdAt ? node : first), undefined);

export interface Plan<P extends Patient> {
  patient: P;
  /** When it may be replaced; in the past: now. */
  at: number;
  /** Replacements in a row that have failed, this one included. */
  failures: number;
  /** It is kept waiting because of those. */
  backsOff: boolean;
  /** It is rebooted then, and not replaced yet. */
  reboots: boolean;
}

type Rebooted = Pick<Patient, 'trouble' | 'reboot'>;

/** Of a server that is gone, in ERROR or has never joined a reboot makes nothing better. */
const CURED_BY_REBOOT: readonly NodeTroubleKind[] = ['NOT_READY', 'NODE_PROBLEM'];

export const isCuredByReboot = (kind: NodeTroubleKind): boolean => CURED_BY_REBOOT.includes(kind);

/** The reboot that has to do with its trouble; null: none has, for what came an hour after one is something new. */
export const rebootBehind = <R extends { at: number }>(patient: { trouble: NodeTrouble; reboot: R | null }): R | null =>
  patient.reboot === null || patient.trouble.since - patient.reboot.at >= PROVEN_MS ? null : patient.reboot;

/** Until when one that was rebooted has time to come back; null: it was not, or is in other trouble by now. */
export const comesBackBy = ({ trouble, reboot }: Rebooted, spec: HealingSpec): number | null => {
  if (reboot === null || reboot.refused !== null || !isCuredByReboot(trouble.kind)) return null;
  const limit = limitMs(trouble.kind, spec);
  // Trouble of another kind may begin as it starts anew.
  return trouble.since < reboot.at + limit ? Math.max(trouble.since, reboot.at) + limit : null;
};

/** Who is replaced next: the first that may be; of several those that do not work before those that still do, and there the oldest trouble. */
export const nextPatient = <P extends Patient>(
  patients: readonly P[],
  spec: HealingSpec,
  healing: GroupHealing,
  now: number,
): Plan<P> | undefined => {
  const before = (a: Plan<P>, b: Plan<P>) =>
    Math.max(a.at, now) - Math.max(b.at, now) ||
    Number(a.patient.ready) - Number(b.patient.ready) ||
    a.patient.trouble.since - b.patient.trouble.since ||
    (a.patient.name < b.patient.name ? -1 : 1);
  return patients.map((patient) => planOf(patient, spec, healing)).sort(before)[0];
};

/** What failed before a replacement that works, or long ago, says nothing of the next. `works`: of the one that was made last. */
export const forgive = (healing: GroupHealing, works: boolean, now: number): GroupHealing =>
  works || (healing.lastAt !== null && now - healing.lastAt > FORGIVEN_MS) ? { ...healing, failures: 0 } : healing;

const planOf = <P extends Patient>(patient: P, spec: HealingSpec, healing: GroupHealing): Plan<P> => {
  const { trouble, createdAt, isReplacement } = patient;
  const { lastAt, notBefore } = healing;
  const proven = trouble.since - createdAt >= PROVEN_MS;
  const failures = isReplacement ? (proven ? 0 : healing.failures + 1) : healing.failures;
  const due = Math.max(comesBackBy(patient, spec) ?? trouble.since + limitMs(trouble.kind, spec), notBefore);
  const after = (isReplacement ? trouble.since : (lastAt ?? 0)) + backoffMs(failures);
  // One that still works is replaced in good order: its pods go one after the other, as their budgets allow.
  const reboots = spec.rebootFirst && !patient.ready && isCuredByReboot(trouble.kind) && rebootBehind(patient) === null;
  return { patient, at: Math.max(due, after), failures, backsOff: after > due, reboots };
};

const limitMs = (kind: NodeTroubleKind, spec: HealingSpec): number =>
  kind === 'NOT_READY' || kind === 'NODE_PROBLEM' ? spec.nodeLimitSeconds * 1000 : settleMs(spec);

const backoffMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(failures - 1, 20));

/** A server or a port that is gone is not what was asked for, whoever deleted it: another worker is made without automatic healing, too. */
export const isHealed = (kind: NodeTroubleKind, autoHealingEnabled: boolean): boolean =>
  autoHealingEnabled || kind === 'SERVER_LOST' || kind === 'PORT_LOST';
