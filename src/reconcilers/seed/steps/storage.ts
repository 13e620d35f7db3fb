/** etcd's volumes have a storage class to come from. */
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { mendSeed, type SeedScope } from '../scope.ts';
import { reachable } from './reachable.ts';

export const storage: Step<SeedScope> = {
  name: 'StorageReady',
  title: 'Find a storage class',
  usuallyMs: 10_000,
  needs: [reachable],
  ensure: async (scope) => {
    // A class that was named at the registration is taken at its word: the volumes of the first cluster will tell.
    if (scope.row.storageClass !== null) return done(scope.row.storageClass);
    const found = (await scope.probe()).defaultStorageClass;
    if (found === null && scope.row.made !== null) return waiting('the storage of the seed to be installed', 2_000);
    if (found === null) throw mendSeed('The seed has no default StorageClass; mark one as default, or name one with updateSeed.');
    return done(found.name);
  },
};
