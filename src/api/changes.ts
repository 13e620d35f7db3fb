/** Subscriptions to lists: clusters and the nodes of a cluster, as they come, change and go. */
import { type Actor, forbidden, may } from '../domain/actor.ts';
import { NotFound } from '../domain/errors.ts';
import type { Change } from '../store/open.ts';
import type { ClusterRow, NodeRow } from '../store/reconcile.ts';
import { sightOf } from '../store/sight.ts';
import { builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import type { Context } from './context.ts';
import type { Topic } from './feed.ts';
import { encodeId, plainId } from './ids.ts';
import type { Loaders } from './loaders.ts';
import { createMailbox, type Letter } from './mailbox.ts';
import { ClusterNodeRef } from './node.ts';
import { sharedNews } from './sharedNews.ts';
import { deliver, openStream, type Source } from './stream.ts';

type What = Change['what'];

const ChangeKindEnum = builder.enumType('ChangeKind', {
  description: 'What happened to an object of a live list.',
  values: {
    CREATED: { description: 'It is new.' },
    CHANGED: { description: 'It is another.' },
    DELETED: { description: 'It is gone.' },
  },
});

interface News<Row> {
  what: What;
  row: Row;
  missed: number;
  resync: boolean;
}

const MISSED = 'Changes in between that a slow reader did not get; this is the latest state.';
const RESYNC = 'Changes of other objects were dropped, too: list again.';
/** Objects with unread news; more than that, and the reader must list again. */
const CAPACITY = 1_000;

const toNews = <Row>(row: Row, { news: what, missed, resync }: Letter<What>): News<Row> => ({ what, row, missed, resync });
const clusterNews = sharedNews<ClusterRow, What, News<ClusterRow>>(toNews);
const nodeNews = sharedNews<NodeRow, What, News<NodeRow>>(toNews);

/** A created object stays new until it is told; a deleted one stays deleted. */
const mergeWhat = (earlier: What, later: What): What => {
  if (later === 'DELETED' || earlier === 'DELETED') return 'DELETED';
  return earlier === 'CREATED' ? 'CREATED' : later;
};

interface Shown<Row> {
  newsOf(row: Row, letter: Letter<What>): News<Row>;
  load(loaders: Loaders, id: string): Promise<Row | null>;
  isShown(row: Row, actor: Actor): boolean;
}

const changeSource =
  <Row extends object>(context: Context, topic: Topic, { newsOf, load, isShown }: Shown<Row>) =>
  (wake: () => void): Source<News<Row>> => {
    const mailbox = createMailbox<What>({ capacity: CAPACITY, merge: mergeWhat, wake });
    // That others were dropped is still to be told where the letter that says so is not shown.
    let untold = 0;
    const pull = (actor: Actor): Promise<News<Row> | null> | null => {
      const taken = mailbox.take();
      if (taken === null) return null;
      const letter = untold === 0 ? taken : { ...taken, missed: taken.missed + untold, resync: true };
      return load(context.reads.loaders(actor), letter.key).then((row) => {
        const isTold = row !== null && isShown(row, actor);
        untold = letter.resync && !isTold ? letter.missed + 1 : 0;
        return isTold ? newsOf(row, letter) : pull(actor);
      });
    };
    return { pull, close: context.feed.onChanges(topic, (change) => mailbox.put(change.id, change.what)) };
  };

/** One promise of a row for all who are told of it: a loader makes one for each. */
const loadOnce = <Row>(load: (loaders: Loaders, id: string) => Promise<Row>): ((loaders: Loaders, id: string) => Promise<Row>) => {
  const loading = new WeakMap<Loaders, Map<string, Promise<Row>>>();
  return (loaders, id) => {
    const ofLoaders = loading.get(loaders) ?? new Map<string, Promise<Row>>();
    loading.set(loaders, ofLoaders);
    const known = ofLoaders.get(id);
    if (known !== undefined) return known;
    const row = load(loaders, id);
    ofLoaders.set(id, row);
    row.catch(() => ofLoaders.delete(id));
    return row;
  };
};

const loadCluster = loadOnce((loaders, id) => loaders.cluster.load(id));
const loadNode = loadOnce((loaders, id) => loaders.node.load(id));

const ClusterChangeType = builder.objectRef<News<ClusterRow>>('ClusterChange').implement({
  description: 'A change in the list of clusters.',
  fields: (t) => ({
    what: t.expose('what', { type: ChangeKindEnum, description: 'What happened.' }),
    clusterId: t.id({ description: "The cluster's id.", resolve: (news) => encodeId('Cluster', news.row.id) }),
    cluster: t.field({ type: ClusterRef, description: 'The cluster as it is now.', resolve: (news) => news.row }),
    missed: t.exposeInt('missed', { description: MISSED }),
    resync: t.exposeBoolean('resync', { description: RESYNC }),
  }),
});

const ClusterWatchFilter = builder.inputType('ClusterWatchFilter', {
  description: 'Which clusters to watch; without a field, all that you may see.',
  fields: (t) => ({
    name: t.string({ description: 'With this name.' }),
    projectId: t.string({ description: 'Of this project: for cloud admins and cloud readers, who see all.' }),
    templateId: t.id({ description: 'Made from this template.' }),
  }),
});

builder.subscriptionField('clusters', (t) =>
  t.field({
    type: ClusterChangeType,
    description: 'Clusters as they come, change and go. Subscribe first, then list: nothing falls between.',
    args: { filter: t.arg({ type: ClusterWatchFilter, description: 'Which ones.' }) },
    subscribe: (_root, { filter }, context) => {
      const sight = sightOf(context.actor, 'readClusters');
      if (!sight.all && sight.projectId === null) throw forbidden('readClusters');
      const projectId = sight.all ? (filter?.projectId ?? null) : sight.projectId;
      const templateId = filter?.templateId == null ? null : plainId('ClusterTemplate', filter.templateId);
      const matches = (row: ClusterRow) =>
        (filter?.name == null || row.name === filter.name) &&
        (filter?.projectId == null || row.projectId === filter.projectId) &&
        (templateId === null || row.templateId === templateId);
      return openStream(
        context,
        changeSource(context, projectId === null ? 'clusters' : `clusters/${projectId}`, {
          newsOf: clusterNews,
          load: loadCluster,
          isShown: matches,
        }),
      );
    },
    resolve: (delivery) => deliver(delivery),
  }),
);

const NodeChangeType = builder.objectRef<News<NodeRow>>('NodeChange').implement({
  description: "A change in the list of a cluster's workers.",
  fields: (t) => ({
    what: t.expose('what', { type: ChangeKindEnum, description: 'What happened.' }),
    nodeId: t.id({ description: "The worker's id.", resolve: (news) => encodeId('ClusterNode', news.row.id) }),
    node: t.field({ type: ClusterNodeRef, description: 'The worker as it is now.', resolve: (news) => news.row }),
    missed: t.exposeInt('missed', { description: MISSED }),
    resync: t.exposeBoolean('resync', { description: RESYNC }),
  }),
});

builder.subscriptionField('nodes', (t) =>
  t.field({
    type: NodeChangeType,
    description: "A cluster's workers as they come, change and go. Subscribe first, then list: nothing falls between.",
    args: { clusterId: t.arg.id({ required: true, description: 'The cluster, by its global or plain id.' }) },
    subscribe: async (_root, args, context) => {
      const cluster = await context.loaders.cluster.load(plainId('Cluster', args.clusterId));
      if (cluster === null) throw new NotFound('The cluster', { field: ['clusterId'] });
      return openStream(
        context,
        changeSource(context, `nodes/${cluster.id}`, {
          newsOf: nodeNews,
          load: loadNode,
          isShown: (_row, actor) => may(actor, 'readClusters', cluster),
        }),
      );
    },
    resolve: (delivery) => deliver(delivery),
  }),
);
