/** Subscriptions to progress: a cluster's numbered events, and one operation to its end. */

import { may } from '../domain/actor.ts';
import { NotFound } from '../domain/errors.ts';
import type { ProgressEvent } from '../domain/event.ts';
import { isOver } from '../domain/operation.ts';
import { lastEventNumber, wasSettledAt } from '../store/events.ts';
import type { OperationRow } from '../store/progress.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { badInput, builder } from './builder.ts';
import type { Context } from './context.ts';
import { EventType } from './event.ts';
import { plainId } from './ids.ts';
import { createMailbox } from './mailbox.ts';
import { OperationRef } from './operation.ts';
import { sharedNews } from './sharedNews.ts';
import { deliver, openStream, type Source } from './stream.ts';

const UntilEnum = builder.enumType('ProgressUntil', {
  description: 'When a progress stream ends by itself.',
  values: {
    SETTLED: { description: "With the event that brings the cluster to rest: ready, in need of somebody's act, or deleted." },
  },
});

/** Reads stored events after the cursor and follows the table: whatever the reader's pace, none is lost, doubled or out of order. */
const eventSource =
  (context: Context, cluster: ClusterRow, after: number, until: 'SETTLED' | null, lastAtStart: number) =>
  (wake: () => void): Source<ProgressEvent> => {
    let cursor = after;
    let finished = false;
    let page: readonly ProgressEvent[] = [];
    /** How many of the page are told. */
    let at = 0;
    const unhook = context.feed.onEvents(cluster.id, (number) => {
      if (number > cursor) wake();
    });
    return {
      pull: async (actor) => {
        if (finished || !may(actor, 'readClusters', cluster)) return 'END';
        if (at === page.length) {
          page = await context.reads.events(cluster.id, cursor);
          at = 0;
        }
        const event = page[at];
        if (event === undefined) {
          finished = until === 'SETTLED' && cursor >= lastAtStart && (await wasSettledAt(context.store.db, cluster.id, cursor));
          return finished ? 'END' : null;
        }
        at += 1;
        cursor = event.number;
        finished = until === 'SETTLED' && event.settled && event.number >= lastAtStart;
        return event;
      },
      close: unhook,
    };
  };

builder.subscriptionField('clusterProgress', (t) =>
  t.field({
    type: EventType,
    description:
      "A cluster's events: those stored after the cursor, then each as it happens; none lost, doubled or out of order, at the reader's own pace.",
    args: {
      clusterId: t.arg.id({ required: true, description: 'The cluster, by its global or plain id.' }),
      after: t.arg.int({ description: 'Number of the last event that you have; from the first on without it.' }),
      until: t.arg({ type: UntilEnum, description: 'End by itself.' }),
    },
    subscribe: async (_root, args, context) => {
      const cluster = await context.loaders.cluster.load(plainId('Cluster', args.clusterId));
      if (cluster === null) throw new NotFound('The cluster', { field: ['clusterId'] });
      const after = args.after ?? 0;
      const last = await lastEventNumber(context.store.db, { kind: 'CLUSTER', id: cluster.id });
      if (after < 0 || after > last) throw badInput(`after must be the number of an event of this cluster, from 0 to ${last}.`);
      return openStream(context, eventSource(context, cluster, after, args.until ?? null, last));
    },
    resolve: (delivery) => deliver(delivery),
  }),
);

interface OperationNews {
  operation: OperationRow;
  missed: number;
}

const operationNews = sharedNews<OperationRow, null, OperationNews>((operation, { missed }) => ({ operation, missed }));

const OperationProgressType = builder.objectRef<OperationNews>('OperationProgress').implement({
  description: 'An operation as it is now.',
  fields: (t) => ({
    operation: t.field({ type: OperationRef, description: 'The operation.', resolve: (news) => news.operation }),
    missed: t.exposeInt('missed', { description: 'States in between that a slow reader did not get.' }),
  }),
});

const operationSource =
  (context: Context, id: string) =>
  (wake: () => void): Source<OperationNews> => {
    const mailbox = createMailbox<null>({ capacity: 1, merge: () => null, wake });
    let finished = false;
    // The state now is the first news.
    mailbox.put(id, null);
    const unhook = context.feed.onChanges(`operation/${id}`, () => mailbox.put(id, null));
    return {
      pull: async (actor) => {
        if (finished) return 'END';
        const letter = mailbox.take();
        if (letter === null) return null;
        const operation = await context.reads.loaders(actor).operation.load(id);
        if (operation === null) return 'END';
        finished = isOver(operation.state);
        return operationNews(operation, letter);
      },
      close: unhook,
    };
  };

builder.subscriptionField('operationProgress', (t) =>
  t.field({
    type: OperationProgressType,
    description: 'An operation as it is now, and again each time a step changes, until it is over. A slow reader gets the latest state.',
    args: { operationId: t.arg.id({ required: true, description: 'The operation, by its global or plain id.' }) },
    subscribe: async (_root, args, context) => {
      const operation = await context.loaders.operation.load(plainId('Operation', args.operationId));
      if (operation === null) throw new NotFound('The operation', { field: ['operationId'] });
      return openStream(context, operationSource(context, operation.id));
    },
    resolve: (delivery) => deliver(delivery),
  }),
);
