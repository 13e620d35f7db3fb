/** The priority class that was named for control planes; their pods have it from when it was seen, for without it none would be made. */
import { done, type Step } from '../../../engine/flow.ts';
import { mendSeed, type SeedScope } from '../scope.ts';
import { capacity } from './capacity.ts';
import { rights } from './rights.ts';

export const priority: Step<SeedScope> = {
  name: 'PriorityFound',
  title: 'Find the priority class',
  usuallyMs: 10_000,
  needs: [rights, capacity],
  ensure: async (scope) => {
    const { priorityClass } = scope.row;
    const found = priorityClass !== null && (await isThere(scope, priorityClass));
    const { facts } = scope.row;
    const missed = priorityClass !== null && !found;
    // A class that is made anew, for its value cannot be changed, is gone for a moment: no reason to roll every control plane twice.
    const usable = found
      ? priorityClass
      : missed && facts?.priorityMissed !== true && facts?.priorityClass === priorityClass
        ? priorityClass
        : null;
    if (facts !== null && (facts.priorityClass !== usable || (facts.priorityMissed ?? false) !== missed))
      await scope.noteFacts({ priorityClass: usable, priorityMissed: missed });
    if (priorityClass !== null && !found)
      throw mendSeed(
        `The seed has no PriorityClass ${priorityClass}; make it, or name another with updateSeed. Control planes go without.`,
      );
    return done(priorityClass ?? "the seed's default");
  },
};

const isThere = async (scope: SeedScope, name: string): Promise<boolean> => {
  const { kube } = await scope.seed();
  return (await kube.get({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', name })) !== undefined;
};
