/** Quotas per project of all simulated services; -1 is "no limit". */
import type { World } from '../contract.ts';

/** Generous defaults, so that a first try never meets them; tests set their own over the control endpoint. */
const DEFAULT_QUOTAS = {
  network: 1000,
  subnet: 1000,
  subnetpool: -1,
  port: 20000,
  router: 1000,
  floatingip: 250,
  rbac_policy: 10,
  security_group: 2000,
  security_group_rule: 50000,
  trunk: -1,
  instances: 10000,
  cores: 100000,
  ram: 400000000,
  key_pairs: 200,
  metadata_items: 128,
  server_groups: 5000,
  server_group_members: 1000,
  volumes: 1000,
  gigabytes: 100000,
  snapshots: 100,
  loadbalancer: 100,
};

export type QuotaName = keyof typeof DEFAULT_QUOTAS;
type Limits = Partial<Record<QuotaName, number>>;

export interface Quotas {
  limit(projectId: string, name: QuotaName): number;
  /** Whether `used + more` stays within the limit. */
  fits(projectId: string, name: QuotaName, used: number, more: number): boolean;
  set(projectId: string, limits: Limits): void;
  all(projectId: string): Record<QuotaName, number>;
}

export const createQuotas = (world: World): Quotas => {
  const table = world.table<Limits>('quotas');
  const limit = (projectId: string, name: QuotaName): number => table.get(projectId)?.[name] ?? DEFAULT_QUOTAS[name];
  return {
    limit,
    fits: (projectId, name, used, more) => limit(projectId, name) < 0 || used + more <= limit(projectId, name),
    set: (projectId, limits) => table.set(projectId, { ...table.get(projectId), ...limits }),
    all: (projectId) => ({ ...DEFAULT_QUOTAS, ...table.get(projectId) }),
  };
};

export const isQuotaName = (name: string): name is QuotaName => name in DEFAULT_QUOTAS;
