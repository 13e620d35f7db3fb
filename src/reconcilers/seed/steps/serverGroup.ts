/** A server group that spreads the machines of a made seed's control plane over hosts, where it has several. */
import { controlPlaneMachinesOf } from '../../../domain/madeSeed.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { ensureResource } from '../../resource.ts';
import { keyOf, madeOf, prefixOf, removeOwn } from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { machineNames } from './machineNames.ts';

export const serverGroup: Step<SeedScope> = {
  name: 'ServerGroupReady',
  title: 'Make the server group',
  usuallyMs: 5_000,
  needs: [machineNames],
  ensure: async (scope) => {
    if (controlPlaneMachinesOf(madeOf(scope)) === 1) return done('one machine needs none');
    const { compute } = scope.cloud();
    const name = prefixOf(scope.row);
    // It can bear no tag and no description: its name is of the seed's id.
    await ensureResource(scope, {
      key: serverGroupKey(scope),
      find: () => compute.findServerGroup(name),
      create: () => compute.createServerGroup({ name, policy: 'soft-anti-affinity' }),
    });
    return done();
  },
  remove: async (scope) => {
    // How many machines it has is what it was made with.
    if (controlPlaneMachinesOf(madeOf(scope)) === 1) return done();
    const { compute } = scope.cloud();
    await removeOwn(scope, {
      key: serverGroupKey(scope),
      list: async () => {
        const found = await compute.findServerGroup(prefixOf(scope.row));
        return found === undefined ? [] : [found];
      },
      remove: async (id) => {
        await compute.deleteServerGroup(id);
      },
    });
    return done();
  },
};

export const serverGroupKey = (scope: SeedScope) => keyOf(scope, 'COMPUTE', 'server-group');
