/** The control plane's settings, as input: all optional, each with its bounds. */
import { z } from 'zod';
import { rangeOf } from '../domain/cidr.ts';
import type { EtcdSpec } from '../domain/controlPlane.ts';
import { UserError } from '../domain/errors.ts';
import { isSchedule } from '../domain/schedule.ts';
import type { TemplateSpec } from '../domain/template.ts';
import { auditInput, issuersInput, keystoneRolesInput } from './accessInput.ts';
import type { PathOf } from './checks.ts';
import { clearable, given, nameOrId, tree, wholeNumber } from './parse.ts';

const MAX_ETCD_GIB = 64;
const MAX_API_SERVERS = 5;
/** etcd refuses less: a member would be voted out while its leader's word is still under way. */
const HEARTBEATS_IN_AN_ELECTION = 5;

const etcdInput = tree({
  volumeSizeGiB: given(wholeNumber(1, MAX_ETCD_GIB)),
  volumeType: clearable(nameOrId),
  quotaGiB: clearable(wholeNumber(1, MAX_ETCD_GIB)),
  snapshotCount: given(wholeNumber(1_000, 1_000_000)),
  heartbeatMs: given(wholeNumber(10, 5_000)),
  electionMs: given(wholeNumber(100, 50_000)),
  autoCompaction: clearable(z.string().regex(/^[1-9]\d{0,4}[smh]$/, 'must be a duration such as 30m or 1h')),
  defragSchedule: clearable(
    z
      .string()
      .max(100, 'must have at most 100 characters')
      .refine(isSchedule, 'must be five fields of cron in UTC, such as "0 3 * * 0" for Sundays at 3'),
  ),
});

const componentInput = given(
  tree({
    cpuMillicores: given(wholeNumber(1, 64_000)),
    memoryMiB: given(wholeNumber(16, 1_048_576)),
  }),
);

/** An address by itself is the range of that one. */
const rangeInput = z.string().transform((text, context) => {
  const range = rangeOf(text);
  if (range !== undefined) return range;
  context.addIssue({ code: 'custom', message: 'must be an IPv4 range such as 203.0.113.0/24, or an address' });
  return z.NEVER;
});

/** Two members lose their quorum with either of them. */
export const replicasInput = given(z.literal([1, 3], 'must be 1 or 3'));

export const controlPlaneInput = tree({
  replicas: replicasInput,
  apiServerReplicas: clearable(wholeNumber(1, MAX_API_SERVERS)),
  etcd: given(etcdInput),
  resources: given(tree({ etcd: componentInput, apiServer: componentInput, controllerManager: componentInput, scheduler: componentInput })),
  tunnel: given(z.enum(['KONNECTIVITY', 'NONE'], 'must be KONNECTIVITY or NONE')),
  allowedCidrs: given(z.array(rangeInput).max(100, 'must be at most 100')),
  audit: given(auditInput),
  issuers: issuersInput,
  keystoneRoles: keystoneRolesInput,
});

/** Settings that need each other. @throws UserError INVALID_INPUT naming the field that was given, or the one that is smaller. */
export const checkControlPlane = (
  { controlPlane: { etcd } }: TemplateSpec,
  pathOf: PathOf,
  isGiven: (field: EtcdField) => boolean,
): void => {
  const blame = (first: keyof EtcdSpec, second: keyof EtcdSpec): string[] => {
    const [one, other] = [first, second].map((name): EtcdField => `controlPlane.etcd.${name}`) as [EtcdField, EtcdField];
    return pathOf(isGiven(one) || !isGiven(other) ? one : other);
  };
  if (etcd.quotaGiB !== null && etcd.quotaGiB > etcd.volumeSizeGiB)
    throw new UserError(
      'INVALID_INPUT',
      `etcd's quota of ${etcd.quotaGiB} GiB does not fit its volume of ${etcd.volumeSizeGiB} GiB; give quotaGiB of at most volumeSizeGiB, or better half of it.`,
      { field: blame('quotaGiB', 'volumeSizeGiB') },
    );
  if (etcd.electionMs < HEARTBEATS_IN_AN_ELECTION * etcd.heartbeatMs)
    throw new UserError(
      'INVALID_INPUT',
      `An election of ${etcd.electionMs} ms is too short for heartbeats every ${etcd.heartbeatMs} ms; give electionMs of at least ${HEARTBEATS_IN_AN_ELECTION * etcd.heartbeatMs}.`,
      { field: blame('electionMs', 'heartbeatMs') },
    );
};

type EtcdField = `controlPlane.etcd.${keyof EtcdSpec}`;
