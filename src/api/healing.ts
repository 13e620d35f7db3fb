/** When workers are replaced, as output and as input in the same words; and what is wrong with one. */
import type { HealingSpec, NodeTrouble, Reboot } from '../domain/healing.ts';
import { builder } from './builder.ts';
import { NodeTroubleKindEnum } from './enums.ts';

const TEXT = {
  nodeLimitSeconds:
    'How long a worker may be not Ready, or report a permanent problem, before it is replaced: from 10 to 86400; 300 by default.',
  joinLimitSeconds: 'How long a started server may take to join as a Ready node before it is replaced: from 60 to 86400; 900 by default.',
  maxUnhealthyPercent:
    "When more of the cluster's workers than this are in trouble at once, and at least two, nothing is replaced: from 1 to 100; 40 by default.",
  problems:
    "Types of conditions that node-problem-detector, or another watcher, sets on a worker: one that is True is a reason to heal it. At most 20; by default KernelDeadlock, ReadonlyFilesystem, XfsShutdown and CperHardwareErrorFatal; empty: none is. Kubernetes' own (Ready, MemoryPressure, DiskPressure, PIDPressure, NetworkUnavailable) are refused. A node group may say otherwise (healingProblems).",
  rebootFirst:
    'A worker that is not Ready is first rebooted, once, and replaced only when it has not come back well within nodeLimitSeconds (let that be longer than a machine takes to start), or is in trouble again within an hour; false by default. One whose server is gone, in ERROR or has never joined is replaced without it, and so is one that is Ready and has a problem: its pods are drained then.',
} as const;

export const HealingSpecType = builder.objectRef<HealingSpec>('HealingSpec').implement({
  description: 'When broken workers are replaced, with autoHealingEnabled.',
  fields: (t) => ({
    nodeLimitSeconds: t.exposeInt('nodeLimitSeconds', { description: TEXT.nodeLimitSeconds }),
    joinLimitSeconds: t.exposeInt('joinLimitSeconds', { description: TEXT.joinLimitSeconds }),
    maxUnhealthyPercent: t.exposeInt('maxUnhealthyPercent', { description: TEXT.maxUnhealthyPercent }),
    problems: t.exposeStringList('problems', { description: TEXT.problems }),
    rebootFirst: t.exposeBoolean('rebootFirst', { description: TEXT.rebootFirst }),
  }),
});

export const HealingInput = builder.inputType('HealingInput', {
  description: 'When broken workers are replaced, with autoHealingEnabled; what is left out stays.',
  fields: (t) => ({
    nodeLimitSeconds: t.int({ description: TEXT.nodeLimitSeconds }),
    joinLimitSeconds: t.int({ description: TEXT.joinLimitSeconds }),
    maxUnhealthyPercent: t.int({ description: TEXT.maxUnhealthyPercent }),
    problems: t.stringList({ description: TEXT.problems }),
    rebootFirst: t.boolean({ description: TEXT.rebootFirst }),
  }),
});

export const NodeTroubleType = builder.objectRef<NodeTrouble>('NodeTrouble').implement({
  description: 'What is wrong with a worker, whether or not it will be replaced.',
  fields: (t) => ({
    kind: t.expose('kind', { type: NodeTroubleKindEnum, description: 'What it is.' }),
    since: t.expose('since', { type: 'DateTime', description: 'When it was first seen.' }),
    message: t.exposeString('message', { description: 'In words that go on after its name.' }),
  }),
});

export const NodeRebootType = builder.objectRef<Reboot>('NodeReboot').implement({
  description: 'A reboot that was to heal a worker.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When; written down before Nova is asked.' }),
    reason: t.exposeString('reason', { description: 'Why, as a sentence.' }),
    refused: t.exposeString('refused', { nullable: true, description: "In Nova's words, why it would not; null: it was asked." }),
  }),
});
