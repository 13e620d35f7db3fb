/** Spreads the group's servers over hosts, or keeps them together, as its policy says. */
import type { ServerGroupPolicy } from '../../../domain/nodeGroup.ts';
import { done, type Outcome, type Step } from '../../../engine/flow.ts';
import type { Compute } from '../../../openstack/compute.ts';
import { orLeft } from '../../cluster/deletionStage.ts';
import { resourceName } from '../../names.ts';
import { ensureResource, removeResource } from '../../resource.ts';
import type { NodeGroupScope } from '../scope.ts';
import { quotas } from './quotas.ts';

export const serverGroup: Step<NodeGroupScope> = {
  name: 'ServerGroupReady',
  title: 'Make the server group',
  usuallyMs: 10_000,
  needs: [quotas],
  wanted: ({ row }) => row.spec.serverGroupPolicy !== 'NONE',
  ensure: async (scope) => {
    const { compute } = scope.cloud();
    const name = resourceName(scope.cluster, scope.row.name);
    const { serverGroupPolicy } = scope.row.spec;
    if (serverGroupPolicy === 'NONE') return done();
    await ensureResource(scope, {
      key: serverGroupKey(scope),
      find: () => compute.findServerGroup(name),
      create: () => compute.createServerGroup({ name, policy: NOVA_WORDS[serverGroupPolicy] }),
    });
    return done();
  },
  remove: (scope) => orLeft(scope.cluster, () => removeOwn(scope)),
};

const removeOwn = async (scope: NodeGroupScope): Promise<Outcome> => {
  await removeResource(scope, {
    key: serverGroupKey(scope),
    find: () => scope.cloud().compute.findServerGroup(resourceName(scope.cluster, scope.row.name)),
    remove: async (id) => {
      await scope.cloud().compute.deleteServerGroup(id);
      return true;
    },
  });
  return done();
};

const serverGroupKey = (scope: NodeGroupScope) => scope.key('COMPUTE', 'server-group', resourceName(scope.cluster, scope.row.name));

const NOVA_WORDS: Record<Exclude<ServerGroupPolicy, 'NONE'>, Parameters<Compute['createServerGroup']>[0]['policy']> = {
  SOFT_ANTI_AFFINITY: 'soft-anti-affinity',
  ANTI_AFFINITY: 'anti-affinity',
  SOFT_AFFINITY: 'soft-affinity',
  AFFINITY: 'affinity',
};
