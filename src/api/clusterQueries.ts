/** Looking for clusters. */
import { may } from '../domain/actor.ts';
import { findClustersByName, listClusters } from '../store/clusters.ts';
import { emptySlice } from '../store/page.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import { sightOf } from '../store/sight.ts';
import { badInput, builder } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { ClusterFilterInput, clusterFilterOf } from './clusterFilter.ts';
import { ClusterConnection } from './clusterLists.ts';
import { plainId } from './ids.ts';
import { byCreation, connectionOf, listArgs, pageOf } from './paging.ts';

builder.queryField('clusters', (t) =>
  t.field({
    type: ClusterConnection,
    description: "The project's clusters, oldest first; all projects' for cloud admins and cloud readers.",
    args: { ...listArgs(t.arg), filter: t.arg({ type: ClusterFilterInput, description: 'Which ones.' }) },
    resolve: async (_root, args, { store, actor }) => {
      const page = pageOf(args);
      const filter = clusterFilterOf(args.filter);
      // Which seed holds a cluster is not the customer's to learn, not even by trying filters.
      const hidden = filter.seedId != null && !may(actor, 'readSeeds');
      const slice = hidden ? emptySlice<ClusterRow>() : await listClusters(store.db, sightOf(actor, 'readClusters'), filter, page);
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
