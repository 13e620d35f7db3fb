/** What a project may choose from, listed once a minute at most: for the create form, and for checks on input that must not wait. */
import type { CatalogueNetwork, CloudSecurityGroup, CloudVolumeType, ProjectCatalogue } from '../domain/cloud.ts';
import type { ResourceQuota } from '../domain/quota.ts';
import type { Clock } from '../lib/clock.ts';
import { listQuotas } from './quota.ts';
import type { Cloud } from './session.ts';

export interface Catalogues {
  /** From the cache when younger than 60 s; else listed with this cloud. Several callers at once share one listing. */
  load(cloud: Cloud, projectId: string, userId: string): Promise<ProjectCatalogue>;
  /** What was listed last, if it is still kept; never waits. `loadedAt` says how old it is. */
  peek(projectId: string, userId: string): ProjectCatalogue | null;
  /** The project's quotas, whoever listed them; null when nobody has within the last 60 s: older ones refuse what has room by now. */
  peekQuotas(projectId: string): ResourceQuota[] | null;
}

const FRESH_MS = 60_000;
const MOST_ENTRIES = 500;

export const createProjectCatalogue = ({ clock }: { clock: Clock }): Catalogues => {
  const kept = new Map<string, ProjectCatalogue>();
  const quotas = new Map<string, Pick<ProjectCatalogue, 'loadedAt' | 'quotas'>>();
  const underWay = new Map<string, Promise<ProjectCatalogue>>();

  const keep = (key: string, catalogue: ProjectCatalogue): void => {
    kept.delete(key);
    kept.set(key, catalogue);
    const oldest = kept.keys().next().value;
    if (kept.size > MOST_ENTRIES && oldest !== undefined) kept.delete(oldest);
  };

  const keepQuotas = (projectId: string, reading: ProjectCatalogue): void => {
    for (const [id, { loadedAt }] of quotas) if (clock.now() - loadedAt >= FRESH_MS) quotas.delete(id);
    if (reading.quotas.length > 0) quotas.set(projectId, { loadedAt: reading.loadedAt, quotas: reading.quotas });
  };

  const refresh = async (cloud: Cloud, projectId: string, key: string): Promise<ProjectCatalogue> => {
    try {
      const catalogue = await listAll(cloud, clock);
      keep(key, catalogue);
      keepQuotas(projectId, catalogue);
      return catalogue;
    } finally {
      underWay.delete(key);
    }
  };

  return {
    load: async (cloud, projectId, userId) => {
      const key = keyOf(projectId, userId);
      const known = kept.get(key);
      if (known !== undefined && clock.now() - known.loadedAt < FRESH_MS) return known;
      const running = underWay.get(key) ?? refresh(cloud, projectId, key);
      underWay.set(key, running);
      return running;
    },
    peek: (projectId, userId) => kept.get(keyOf(projectId, userId)) ?? null,
    peekQuotas: (projectId) => {
      const known = quotas.get(projectId);
      return known !== undefined && clock.now() - known.loadedAt < FRESH_MS ? known.quotas : null;
    },
  };
};

/** With the user, as key pairs are the user's own. */
const keyOf = (projectId: string, userId: string): string => `${projectId} ${userId}`;

const listAll = async (cloud: Cloud, clock: Clock): Promise<ProjectCatalogue> => {
  const loadedAt = clock.now();
  const [flavors, images, networks, keypairs, availabilityZones, securityGroups, volumeTypes, quotas] = await Promise.all([
    cloud.compute.listFlavors(),
    cloud.image.listImages(),
    listNetworks(cloud),
    cloud.compute.listKeypairs(),
    cloud.compute.listAvailabilityZones(),
    listSecurityGroups(cloud),
    listVolumeTypes(cloud),
    // Nobody who chooses a flavor needs them.
    listQuotas(cloud).catch(() => []),
  ]);
  return { loadedAt, flavors, images, networks, keypairs, availabilityZones, securityGroups, volumeTypes, quotas };
};

const listNetworks = async (cloud: Cloud): Promise<CatalogueNetwork[]> => {
  // By Neutron's own policy only the owner sees whether a network is external; anybody may ask for those that are.
  const [networks, external, subnets] = await Promise.all([
    cloud.network.listNetworks(),
    cloud.network.listNetworks({ external: true }),
    cloud.network.listSubnets(),
  ]);
  const isExternal = new Set(external.map(({ id }) => id));
  return networks.map((network) => ({
    ...network,
    external: isExternal.has(network.id),
    subnets: subnets.filter((subnet) => subnet.networkId === network.id),
  }));
};

const listSecurityGroups = async (cloud: Cloud): Promise<CloudSecurityGroup[]> =>
  (await cloud.network.listSecurityGroups()).map(({ id, name, description }) => ({ id, name, description }));

const listVolumeTypes = async (cloud: Cloud): Promise<CloudVolumeType[]> =>
  (await cloud.offers('volume')) ? cloud.volume.listVolumeTypes() : [];
