/** Spreads the group's servers over hosts where that can be had. */
import { done, type Step } from '../../../engine/flow.ts';
import { resourceName } from '../../names.ts';
import { ensureResource, removeResource } from '../../resource.ts';
import type { NodeGroupScope } from '../scope.ts';
import { namesResolved } from './namesResolved.ts';

export const serverGroup: Step<NodeGroupScope> = {
  name: 'ServerGroupReady',
  title: 'Make the server group',
  usuallyMs: 10_000,
  needs: [namesResolved],
  ensure: async (scope) => {
    const { compute } = scope.cloud();
    const name = resourceName(scope.cluster, scope.row.name);
    await ensureResource(scope, {
      key: serverGroupKey(scope),
      find: () => compute.findServerGroup(name),
      create: () => compute.createServerGroup({ name, policy: 'soft-anti-affinity' }),
    });
    return done();
  },
  remove: async (scope) => {
    await removeResource(scope, {
      key: serverGroupKey(scope),
      find: () => scope.cloud().compute.findServerGroup(resourceName(scope.cluster, scope.row.name)),
      remove: async (id) => {
        await scope.cloud().compute.deleteServerGroup(id);
        return true;
      },
    });
    return done();
  },
};

const serverGroupKey = (scope: NodeGroupScope) => scope.key('COMPUTE', 'server-group', resourceName(scope.cluster, scope.row.name));
