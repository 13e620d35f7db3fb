/** Which clusters a list is to have. */
import type { ClusterFilter } from '../store/clusters.ts';
import { builder } from './builder.ts';
import { ClusterStateEnum } from './enums.ts';
import { plainId } from './ids.ts';
import { filterOf } from './paging.ts';

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

/** With plain ids, as the store has them. */
export const clusterFilterOf = (given: typeof ClusterFilterInput.$inferInput | null | undefined): ClusterFilter => {
  const { templateId, seedId, ...filter } = filterOf(given);
  return {
    ...filter,
    ...(templateId != null && { templateId: plainId('ClusterTemplate', templateId) }),
    ...(seedId != null && { seedId: plainId('Seed', seedId) }),
  };
};
