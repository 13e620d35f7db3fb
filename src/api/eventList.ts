/** Lists of events, of a cluster and of a seed. */
import { stableJson } from '../lib/json.ts';
import { type EventFilter, type EventRow, listEventsByStreams } from '../store/events.ts';
import type { Page } from '../store/page.ts';
import { builder } from './builder.ts';
import { ObjectKindEnum } from './enums.ts';
import { EventType } from './event.ts';
import { decodeId, plainId } from './ids.ts';
import type { Loaders, ReadPages } from './loaders.ts';
import { connectionOf, filterOf, numberedPageOf } from './paging.ts';

export const EventConnection = builder.connectionObject(
  { type: EventType, name: 'EventConnection', description: 'A page of events.' },
  { name: 'EventEdge', description: 'An event and its place in the list.' },
);

export const EventFilterInput = builder.inputType('EventFilter', {
  description: 'Which events to list; without a field, all.',
  fields: (t) => ({
    subjectKinds: t.field({ type: [ObjectKindEnum], description: 'Of objects of one of these kinds.' }),
    subjectId: t.id({ description: 'Of this object, by its global or plain id.' }),
    steps: t.stringList({ description: 'Of one of these steps.' }),
    states: t.stringList({ description: "With one of these states, a step's or an object's." }),
    operationId: t.id({ description: 'Of this operation, by its global or plain id.' }),
    isProblem: t.boolean({ description: 'Those that say what went wrong, or those that do not.' }),
    from: t.field({ type: 'DateTime', description: 'Not before.' }),
    to: t.field({ type: 'DateTime', description: 'Before.' }),
  }),
});

type EventFilterArgs = Omit<EventFilter, 'subjectId' | 'operationId'> & { subjectId?: string | null; operationId?: string | null };

/** With plain ids. */
export const eventFilterOf = (asked: { [Field in keyof EventFilterArgs]?: EventFilterArgs[Field] | undefined } | null | undefined) => {
  const { subjectId, operationId, ...rest } = filterOf(asked);
  return {
    ...rest,
    // Plain ids of objects of different kinds are different ones.
    ...(subjectId != null && { subjectId: decodeId(subjectId)?.id ?? subjectId }),
    ...(operationId != null && { operationId: plainId('Operation', operationId) }),
  };
};

/** A page of the events of a seed or a cluster. */
export const eventsOf = async (loaders: Loaders, streamId: string, page: Page, filter: EventFilter) => {
  const read: ReadPages<EventRow> = (db, ids, wanted) => listEventsByStreams(db, ids, filter, numberedPageOf(wanted));
  return connectionOf(await loaders.page(read, streamId, page, `events ${stableJson(filter)}`), page, ({ number }) => String(number));
};
