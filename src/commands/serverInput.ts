/** What a customer's servers carry for Nova and its schedulers, as input. */
import { z } from 'zod';
import { MAX_NODES_PER_GROUP, VNIC_TYPES } from '../domain/nodeGroup.ts';
import { given, nameOrId } from './parse.ts';

/** Nova takes 128 where nobody has set another quota; some are Seedbed's. */
const MAX_METADATA = 100;
const MAX_HINTS = 20;

const text = z.string().max(255, 'must have at most 255 characters');

export function distinctNames(most: number, what: string) {
  return z
    .array(nameOrId)
    .max(most, `must be at most ${most} ${what}`)
    .refine((names) => new Set(names).size === names.length, `must not name one of the ${what} twice`);
}

/** Neutron gives a port few addresses more by itself. */
const MAX_SUBNETS = 4;

export const subnetsInput = distinctNames(MAX_SUBNETS, 'subnets');

export const additionalPortsInput = z.array(
  z
    .strictObject({
      network: nameOrId,
      subnets: given(subnetsInput),
      securityGroups: given(distinctNames(10, 'security groups')),
      vnicType: given(z.enum(VNIC_TYPES, `must be one of ${VNIC_TYPES.join(', ')}`)),
    })
    .transform(({ network, subnets, securityGroups, vnicType }) => ({
      network,
      subnets: subnets ?? [],
      securityGroups: securityGroups ?? null,
      vnicType: vnicType ?? ('NORMAL' as const),
    })),
);

/** As many as workers may ever want. */
export const existingPortsInput = distinctNames(MAX_NODES_PER_GROUP, 'ports');

/** Nova's own rules; and Seedbed finds its servers again by what begins with its name. */
export const metadataInput = mapOf(MAX_METADATA, (key) => {
  if (!/^[a-zA-Z0-9:_. -]{1,255}$/.test(key)) return 'has a key that is not 1 to 255 letters, digits and "-_:. "';
  return /^seedbed/i.test(key) ? 'has a key that begins with "seedbed", which is Seedbed\'s own; choose another' : null;
});

export const schedulerHintsInput = mapOf(MAX_HINTS, (key) => {
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) return 'has a key that is not 1 to 255 visible ASCII characters';
  return key === 'group'
    ? 'cannot name a server group, for each node group has its own; say how it places servers with serverGroupPolicy'
    : null;
});

function mapOf(most: number, faultOf: (key: string) => string | null) {
  return z.record(z.string(), text).superRefine((map, context) => {
    const keys = Object.keys(map);
    if (keys.length > most) context.addIssue({ code: 'custom', message: `must have at most ${most} entries` });
    for (const key of keys) {
      const message = faultOf(key);
      if (message !== null) context.addIssue({ code: 'custom', message, path: [key] });
    }
  });
}
