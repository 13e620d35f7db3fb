/** Quotas of a project: what is used of what, what something needs, and one error for all that is short. */
import { type QuotaFigures, type QuotaSource, UserError } from './errors.ts';

/** Named as its service names it: cores, ram (MiB), gigabytes (GiB), port, floatingip, volumes_ssd … */
export interface ResourceQuota {
  resource: string;
  /** What is promised to requests under way included. */
  used: number;
  /** null: no limit. */
  limit: number | null;
}

/** How much of each resource is needed, by the name that its quota has. */
export type Demand = Readonly<Record<string, number>>;

export const sumOf = (demands: readonly Demand[]): Demand => {
  const sum: Record<string, number> = {};
  for (const demand of demands)
    for (const [resource, more] of Object.entries(demand)) {
      const before = sum[resource] ?? 0;
      sum[resource] = OF_EACH.has(resource) ? Math.max(before, more) : before + more;
    }
  return sum;
};

/** A limit for each of what has them, and not for the project: the largest counts. */
const OF_EACH: ReadonlySet<string> = new Set(['server_group_members']);

/** What is needed and does not fit, in the order of the quotas. A resource without a known quota is never short. */
const shortagesOf = (source: QuotaSource, quotas: readonly ResourceQuota[], demand: Demand): QuotaFigures[] =>
  quotas.flatMap(({ resource, used, limit }) => {
    const requested = demand[resource] ?? 0;
    return limit !== null && requested > 0 && used + requested > limit ? [{ source, resource, used, limit, requested }] : [];
  });

/** Whose quotas are short, and who has larger ones to give. */
const SOURCES: Readonly<Record<QuotaSource, { whose: string; giver: string }>> = {
  OPENSTACK: { whose: "The project's quotas", giver: "the cloud's administrator" },
  SEEDBED: { whose: "Seedbed's own quotas of the project", giver: 'an administrator of Seedbed (setQuota)' },
};

/** OpenStack's where it is not said: problems that earlier releases stored came from there. */
export const sourceOf = ({ source }: Pick<QuotaFigures, 'source'>): QuotaSource => source ?? 'OPENSTACK';

/**
 * `source`: whose quotas they are.
 * @throws UserError QUOTA_EXCEEDED that names every resource that is short. It is the customer's move: to free some, or to ask for more.
 */
export const requireQuotas = (
  quotas: readonly ResourceQuota[],
  demand: Demand,
  { field, source = 'OPENSTACK' }: { field?: string[] | undefined; source?: QuotaSource } = {},
): void => {
  const short = shortagesOf(source, quotas, demand);
  if (short.length === 0) return;
  const list = short.map(({ resource, used, limit, requested }) => `${resource} (${used} of ${limit} used, ${requested} more needed)`);
  throw new UserError(
    'QUOTA_EXCEEDED',
    `${SOURCES[source].whose} leave too little room: ${list.join(', ')}. Free some, ask for less, or ask ${SOURCES[source].giver} for more.`,
    { quotas: short, whoMustAct: 'CUSTOMER', ...(field && { field }) },
  );
};
