/** A made seed's own authorities, and the kubeconfig that Seedbed issues itself with them, anew before it ends. */
import type { SeedAuthorities } from '../../../domain/madeSeed.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { createSeedAuthorities, issueSeedKubeconfig } from '../../../pki/seedAuthorities.ts';
import { patchSeedPlace } from '../../../store/reconcile.ts';
import { notePlace, placeOf, settled } from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { apiAddress } from './apiAddress.ts';

const DAY_MS = 86_400_000;
const RENEW_MS = 90 * DAY_MS;
const SECRET = 'authorities';

export const authorities: Step<SeedScope> = {
  name: 'CertificatesReady',
  title: 'Make the keys',
  usuallyMs: 1_000,
  needs: [apiAddress],
  ensure: async (scope) => {
    const { row, clock, world } = scope;
    const now = clock.now();
    if ((placeOf(scope).accessUntil ?? 0) > now + RENEW_MS) return done();
    const deps = { now: () => now };
    const known = await findAuthorities(scope);
    const own = known ?? (await createSeedAuthorities(deps));
    const { text, endsAt } = await issueSeedKubeconfig(row.name, row.apiServerUrl, own, deps);
    await scope.write(async (tx) => {
      if (known === undefined) await world.secrets.put(tx, row.id, SECRET, JSON.stringify(own), now);
      await world.secrets.put(tx, row.id, 'kubeconfig', text, now);
      await patchSeedPlace(tx, row.id, { accessUntil: endsAt });
    });
    notePlace(scope, { accessUntil: endsAt });
    return done();
  },
};

const findAuthorities = async ({ world, db, row }: SeedScope): Promise<SeedAuthorities | undefined> => {
  const text = await world.secrets.find(db, row.id, SECRET);
  return text === undefined ? undefined : (JSON.parse(text) as SeedAuthorities);
};

export const getAuthorities = async (scope: SeedScope): Promise<SeedAuthorities> =>
  settled(await findAuthorities(scope), "the seed's keys");
