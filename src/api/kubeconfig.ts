/** Kubeconfigs and certificates that were given to people, as their cluster shows them. */
import { kubeconfigState } from '../domain/kubeconfig.ts';
import { stableJson } from '../lib/json.ts';
import { type KubeconfigFilter, type KubeconfigRow, listKubeconfigsByClusters } from '../store/kubeconfigs.ts';
import { builder, nodeType } from './builder.ts';
import { ClusterRef } from './cluster.ts';
import { KubeconfigKindEnum, KubeconfigRoleEnum, KubeconfigStateEnum } from './enums.ts';
import type { ReadPages } from './loaders.ts';
import { byCreation, connectionOf, filterOf, listArgs, pageOf } from './paging.ts';

export const KubeconfigRef = builder.objectRef<KubeconfigRow>(nodeType('Kubeconfig'));

builder.node(KubeconfigRef, {
  description: 'Access to a cluster that was given to a person for some hours; never the key itself.',
  id: { resolve: (row) => row.id, description: 'Id for `node`, unique in the whole API, opaque.' },
  loadMany: (ids, { loaders }) => Promise.all(ids.map((id) => loaders.kubeconfig.load(id))),
  fields: (t) => ({
    uuid: t.exposeString('id', { description: 'The plain id.' }),
    kind: t.expose('kind', { type: KubeconfigKindEnum, description: 'How it was given.' }),
    role: t.expose('role', { type: KubeconfigRoleEnum, description: 'What it allows.' }),
    owner: t.exposeString('owner', { description: 'Who asked for it.' }),
    userName: t.exposeString('userName', {
      description: "Its user in the cluster and in the cluster's audit log: the owner's name and a mark of its own.",
    }),
    state: t.field({
      type: KubeconfigStateEnum,
      description: 'Whether it counts.',
      resolve: (row, _args, { clock }) => kubeconfigState(row, clock.now()),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was given.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When it ends by itself.' }),
    revokedAt: t.expose('revokedAt', { type: 'DateTime', nullable: true, description: 'When it was taken back; null if it was not.' }),
    revokedBy: t.exposeString('revokedBy', { nullable: true, description: 'Who took it back.' }),
    cluster: t.field({
      type: ClusterRef,
      nullable: true,
      description: 'The cluster it opens.',
      resolve: (row, _args, { loaders }) => loaders.cluster.load(row.clusterId),
    }),
  }),
});

const KubeconfigConnection = builder.connectionObject(
  { type: KubeconfigRef, name: 'KubeconfigConnection', description: 'A page of kubeconfigs.' },
  { name: 'KubeconfigEdge', description: 'A kubeconfig and its place in the list.' },
);

const KubeconfigFilterInput = builder.inputType('KubeconfigFilter', {
  description: 'Which kubeconfigs to list; without a field, all.',
  fields: (t) => ({
    kinds: t.field({ type: [KubeconfigKindEnum], description: 'Given in one of these ways.' }),
    roles: t.field({ type: [KubeconfigRoleEnum], description: 'That allow one of these.' }),
    states: t.field({ type: [KubeconfigStateEnum], description: 'In one of these states.' }),
  }),
});

builder.objectField(ClusterRef, 'kubeconfigs', (t) =>
  t.field({
    type: KubeconfigConnection,
    description: 'Access that was given to it, newest first; for 90 days after its end.',
    args: { ...listArgs(t.arg), filter: t.arg({ type: KubeconfigFilterInput, description: 'Which ones.' }) },
    resolve: async (row, args, context) => {
      const page = pageOf(args);
      const { states, ...rest } = filterOf(args.filter);
      const filter: KubeconfigFilter = { ...rest, ...(states != null && { states: { among: states, now: context.clock.now() } }) };
      const read: ReadPages<KubeconfigRow> = (db, ids, wanted) => listKubeconfigsByClusters(db, ids, filter, wanted);
      // Of one moment: clusters that are asked about in the same tick share a statement.
      const key = `kubeconfigs ${stableJson({ ...rest, states: states ?? null })}`;
      return connectionOf(await context.loaders.page(read, row.id, page, key), page, byCreation);
    },
  }),
);
