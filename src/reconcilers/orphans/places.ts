/** Where orphans are looked for: projects, seeds, and the domain in which clusters have users of their own. */
import { UserError } from '../../domain/errors.ts';
import type { InventoryService } from '../../domain/inventory.ts';
import { listLiveSeeds, type OrphanRow, type PlaceKey } from '../../store/orphans.ts';
import type { World } from '../world.ts';
import { IN_DOMAIN, IN_PROJECT, IN_SEED, type Marked, type OrphanKind } from './kinds.ts';
import { cloudOf, listProjects } from './projects.ts';

/** A kind of thing in a place that is open. */
export interface KindThere {
  service: InventoryService;
  kind: string;
  list(): Promise<Marked[]>;
  remove(thing: Marked): Promise<unknown>;
}

export interface Place extends PlaceKey {
  /** Begins a sentence. */
  title: string;
  open(): Promise<readonly KindThere[]>;
}

const there = <T>(kinds: readonly OrphanKind<T>[], place: T): KindThere[] =>
  kinds.map(({ service, kind, list, remove }) => ({ service, kind, list: () => list(place), remove: (thing) => remove(place, thing) }));

const project = (world: World, operationId: string, projectId: string): Place => ({
  projectId,
  seedId: null,
  title: `Project ${projectId}`,
  open: async () => there(IN_PROJECT, { cloud: await cloudOf(world, operationId, projectId), projectId }),
});

const seed = (world: World, seedId: string, title: string): Place => ({
  projectId: null,
  seedId,
  title,
  open: async () => there(IN_SEED, (await world.seeds.get(seedId)).kube),
});

const domain = (world: World): Place => ({
  projectId: null,
  seedId: null,
  title: 'The domain of SEEDBED_USER_DOMAIN',
  open: async () => {
    const opened = world.clouds.userDomain();
    if (opened !== null) return there(IN_DOMAIN, opened.users);
    throw new UserError('CLOUD_CREDENTIAL', 'Seedbed is told of no domain for users of clusters; set SEEDBED_USER_DOMAIN as it was.', {
      whoMustAct: 'CLOUD_ADMIN',
    });
  },
});

export const listPlaces = async (world: World, operationId: string): Promise<Place[]> => [
  ...(await listProjects(world, operationId)).map((projectId) => project(world, operationId, projectId)),
  ...(await listLiveSeeds(world.store.db)).map(({ id, name }) => seed(world, id, `Seed ${name}`)),
  ...(world.clouds.userDomain() === null ? [] : [domain(world)]),
];

/** Where it was found. */
export const placeOf = (world: World, operationId: string, { projectId, seedId }: OrphanRow): Place => {
  if (seedId !== null) return seed(world, seedId, `Seed ${seedId}`);
  return projectId === null ? domain(world) : project(world, operationId, projectId);
};

/** Lower goes first: things let go of each other in this order. */
export const rankOf = (kind: string): number => RANKS.indexOf(kind);
const RANKS = [...IN_SEED, ...IN_PROJECT, ...IN_DOMAIN].map((of) => of.kind);
