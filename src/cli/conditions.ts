/** Conditions as a table for people, with what is waited for and whose move it is. */
import type { Condition } from '../client/types.ts';
import { table } from './table.ts';

/** Begins with an empty line; nothing at all when there are none. */
export const conditionsText = (conditions: readonly Condition[]): string =>
  conditions.length === 0
    ? ''
    : `\n${table(
        ['CONDITION', 'STATUS', 'REASON', 'MESSAGE'],
        conditions.map((condition) => [condition.name, condition.status, condition.reason, messageOf(condition)]),
        '',
      )}`;

const messageOf = (condition: Condition): string => {
  const who = condition.problem?.whoMustAct ?? condition.waitingFor?.whoMustAct ?? 'NOBODY';
  const move = { CUSTOMER: ' (your move)', CLOUD_ADMIN: ' (the cloud administrator must act)' }[who] ?? '';
  return `${condition.message}${move}`;
};
