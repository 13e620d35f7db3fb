/** Looking for clusters. */
import { may } from '../domain/actor.ts';
import { findClustersByName, listClusters } from '../store/clusters.ts';
import { sightOf } from '../store/sight.ts';
import { badInput, builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { ClusterConnection } from './clusterLists.ts';
import { ClusterStateEnum } from './enums.ts';
import { plainId } from './ids.ts';
import { byCreation, connectionOf, filterOf, listArgs, pageOf } from './paging.ts';

export const ClusterFilterInput = builder.inputType('ClusterFilter', {
  description: 'Which clusters; without a field, all that you may see.',
  fields: (t) => ({
    name: t.string({ description: 'With this name.' }),
    states: t.field({ type: [ClusterStateEnum], description: 'In one of these states.' }),
    projectId: t.string({ description: 'Of this project: for cloud admins and cloud readers, who see all.' }),
    templateId: t.id({ description: 'Made from this template.' }),
    seedId: t.id({ description: 'On this seed: for cloud admins and cloud readers; for others it finds nothing.' }),
  }),
});

builder.queryField('clusters', (t) =>
  t.field({
    type: ClusterConnection,
    description: "The project's clusters, oldest first; all projects' for cloud admins and cloud readers.",
    args: { ...listArgs(t.arg), filter: t.arg({ type: ClusterFilterInput, description: 'Which ones.' }) },
    resolve: async (_root, args, { store, actor }) => {
      const page = pageOf(args);
      const filter = filterOf(args.filter);
      // Which seed holds a cluster is not the customer's to learn, not even by trying filters.
      const hidden = filter.seedId != null && !may(actor, 'readSeeds');
      const ids = {
        ...(filter.templateId != null && { templateId: plainId('ClusterTemplate', filter.templateId) }),
        ...(filter.seedId != null && { seedId: plainId('Seed', filter.seedId) }),
      };
      const slice = hidden
        ? { rows: [], hasNextPage: false }
        : await listClusters(store.db, sightOf(actor, 'readClusters'), { ...filter, ...ids }, page);
      return connectionOf(slice, page, byCreation);
    },
  }),
);

builder.queryField('cluster', (t) =>
  t.field({
    type: ClusterRef,
    nullable: true,
    description: 'A cluster by its id or name; null when it is not there, or not yours to see. By id, deleted ones are found, too.',
    args: {
      id: t.arg.id({ description: 'Its id, global or plain.' }),
      name: t.arg.string({ description: 'Its name.' }),
    },
    resolve: async (_root, { id, name }, { store, actor, loaders }) => {
      if ((id == null) === (name == null)) throw badInput('Give either id or name.');
      if (id != null) return await loaders.cluster.load(plainId('Cluster', id));
      const found = await findClustersByName(store.db, sightOf(actor, 'readClusters'), name ?? '');
      if (found.length > 1) throw badInput('Several projects have a cluster of this name; use the id.');
      return found[0] ?? null;
    },
  }),
);
