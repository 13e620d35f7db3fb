/** A case: one call of one phase of a cluster's life, and what goes wrong with it. */
import type { RecordedCall } from '../../src/sandbox/counters.ts';
import { KINDS } from './kinds.ts';

export interface Case {
  phase: string;
  service: string;
  method: string;
  template: string;
  /** Which of the phase's calls of this form, from 1. */
  nth: number;
  kind: string;
  /** How many calls in a row are met. */
  times: number;
}

/** Of calls that are made again and again, such as a poll, so many are met. */
const MOST_OF_A_FORM = 3;

export const nameOf = ({ phase, service, method, template, nth, kind, times }: Case): string =>
  [phase, service, method, template, nth, kind, times].join(' ');

/** Throws when the text is no case's name. */
export const parseCase = (text: string): Case => {
  const [phase = '', service = '', method = '', template = '', nth, kind = '', times] = text.split(' ');
  if (KINDS[kind] === undefined || !(Number(nth) > 0) || !(Number(times) > 0)) throw new Error(`"${text}" is no case.`);
  return { phase, service, method, template, nth: Number(nth), kind, times: Number(times) };
};

/** All cases of a phase, given the calls of a calm one. */
export const casesOf = (phase: string, calls: readonly RecordedCall[]): Case[] => {
  const counts = new Map<string, number>();
  return calls.flatMap(({ service, method, template }) => {
    const form = `${service} ${method} ${template}`;
    const nth = (counts.get(form) ?? 0) + 1;
    counts.set(form, nth);
    if (nth > MOST_OF_A_FORM) return [];
    return Object.keys(KINDS)
      .filter((kind) => kind !== 'staleList' || isList(method, template))
      .map((kind, i) => ({ phase, service, method, template, nth, kind, times: (i + nth) % 2 === 0 ? 3 : 1 }));
  });
};

const isList = (method: string, template: string): boolean => method === 'GET' && !template.endsWith('}');

/** For the control endpoint. */
export const ruleOf = ({ service, method, template, nth, kind, times }: Case): object => ({
  ...KINDS[kind],
  service,
  method,
  path: `^${template.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '[^/?]+')}(\\?|$)`,
  skip: nth - 1,
  times,
});
