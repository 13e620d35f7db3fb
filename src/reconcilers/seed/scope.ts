/** What the steps of a seed look at: one probe, shared by all of them. */
import { UserError } from '../../domain/errors.ts';
import type { SeedFacts } from '../../domain/seed.ts';
import type { Cloud } from '../../openstack/session.ts';
import { probeSeed, type SeedProbe } from '../../seeds/probe.ts';
import { noteSeedFacts, patchSeed, type SeedRow } from '../../store/reconcile.ts';
import type { Write } from '../kind.ts';
import type { ResourceScope } from '../resource.ts';
import type { SeedHandle } from '../seedRegistry.ts';
import type { World } from '../world.ts';

export interface SeedScope extends ResourceScope {
  world: World;
  row: SeedRow;
  /** Seedbed's own project, where the machines of seeds that it makes are. */
  cloud(): Cloud;
  seed(): Promise<SeedHandle>;
  /** Asked once a pass. */
  probe(): Promise<SeedProbe>;
  patch(patch: Partial<SeedRow>): Promise<void>;
  /** A step's own part of what is known of the seed: others, side by side with it, note theirs. */
  noteFacts(part: Partial<SeedFacts>): Promise<void>;
}

export const openSeedScope = (world: World, row: SeedRow, write: Write): SeedScope => {
  let probe: Promise<SeedProbe> | null = null;
  return {
    world,
    row,
    write,
    db: world.store.db,
    clock: world.clock,
    cutOffMs: world.settings.cutOffMs,
    // A database that was put back to an older copy may lack the notes of what was made; a seed's machines are few enough to look for them first.
    restored: row.made !== null,
    look: 'trust',
    cloud: () => world.clouds.asTrustee(),
    seed: () => world.seeds.get(row.id),
    probe: () => {
      probe ??= world.seeds.get(row.id).then(({ kube }) => probeSeed(kube));
      return probe;
    },
    patch: async (patch) => {
      await write((tx) => patchSeed(tx, row.id, patch));
      Object.assign(row, patch);
    },
    noteFacts: async (part) => {
      row.facts = await write((tx) => noteSeedFacts(tx, row.id, part));
    },
  };
};

/** An administrator must mend this in the seed; the message says what. */
export const mendSeed = (message: string): UserError => new UserError('SEED_REFUSED', message, { whoMustAct: 'CLOUD_ADMIN' });
