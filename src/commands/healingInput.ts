/** When workers are replaced, as input: all optional, each with its bounds. */
import { z } from 'zod';
import { whyNoProblem } from '../domain/healing.ts';
import { given, tree, wholeNumber } from './parse.ts';

const DAY_SECONDS = 86_400;

const MAX_PROBLEMS = 20;
const MAX_TYPE = 316;

/** Kubernetes' own grammar: an optional DNS subdomain with a slash, then a qualified name. */
const CONDITION_TYPE = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

const conditionType = z.string().superRefine((type, context) => {
  const refuse = (message: string) => context.addIssue({ code: 'custom', message });
  if (type.length > MAX_TYPE || !CONDITION_TYPE.test(type)) {
    refuse('must be the type of a Kubernetes condition such as KernelDeadlock or example.com/GpuLost');
    return;
  }
  const why = whyNoProblem(type);
  if (why !== null) refuse(`must not be ${type}: ${why}; leave it out`);
});

/** Types of conditions that workers are healed for. */
export const problemsInput = z
  .array(conditionType)
  .max(MAX_PROBLEMS, `must be at most ${MAX_PROBLEMS} types`)
  .refine((types) => new Set(types).size === types.length, 'must name each type once');

export const healingInput = tree({
  // Less than a kubelet's restart would replace machines that are well.
  nodeLimitSeconds: given(wholeNumber(10, DAY_SECONDS)),
  joinLimitSeconds: given(wholeNumber(60, DAY_SECONDS)),
  maxUnhealthyPercent: given(wholeNumber(1, 100)),
  problems: given(problemsInput),
  rebootFirst: given(z.boolean()),
});
