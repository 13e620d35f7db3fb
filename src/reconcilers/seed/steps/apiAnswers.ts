/** The first machine of a made seed has begun the cluster: its API answers, and Seedbed's own certificate is an administrator's. */
import { SeedbedError } from '../../../domain/errors.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { patchPlace, placeOf } from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { machines } from './machines.ts';

const LOOK_MS = 2_000;

export const apiAnswers: Step<SeedScope> = {
  name: 'ApiAnswers',
  title: 'Wait for the API',
  usuallyMs: 180_000,
  late: 'CLOUD_ADMIN',
  needs: [machines],
  ensure: async (scope) => {
    if (placeOf(scope).answeredAt !== undefined) return done();
    const what = `the first machine to install Kubernetes and answer at ${scope.row.apiServerUrl}; its console (openstack console log show) says how far it is`;
    try {
      await scope.world.seeds.ping(scope.row.id);
      // kubeadm gives the group its right a moment after the API is up.
      const { kube } = await scope.seed();
      if (!(await kube.can({ verb: 'create', group: 'apps', resource: 'daemonsets', namespace: 'kube-system' })))
        return waiting(what, LOOK_MS);
    } catch (error) {
      if (!(error instanceof SeedbedError)) throw error;
      scope.world.seeds.close(scope.row.id);
      return waiting(what, LOOK_MS);
    }
    await patchPlace(scope, { answeredAt: scope.clock.now() });
    return done();
  },
};
