/** Inputs of mutations, made from the schema's input types: a mutation that cannot be filled fails the tests. */
import { type GraphQLInputObjectType, type GraphQLType, getNamedType, isInputObjectType, isListType, isNonNullType } from 'graphql';
import { buildSchema } from '../../../src/api/schema.ts';
import { KUBECONFIG } from '../../commands/house.ts';
import type { World } from '../world.ts';
import type { House, Kind } from './furniture.ts';

/** Fields that name an object, wherever they are. */
const REFERENCES: Readonly<Record<string, Kind>> = {
  clusterId: 'cluster',
  nodeGroupId: 'nodeGroup',
  nodeId: 'node',
  nodesToRemove: 'node',
  clusterTemplateId: 'clusterTemplate',
  clusterTemplate: 'clusterTemplate',
  backupId: 'backup',
  operationId: 'operation',
  kubeconfigId: 'kubeconfig',
  seedId: 'seed',
  seed: 'seed',
  addonBundleId: 'addonBundle',
  orphanIds: 'orphan',
};

/** Of fields that must be given, by their names. */
const VALUES: Readonly<Record<string, unknown>> = {
  name: 'matrix',
  image: 'debian',
  flavor: 'small',
  externalNetwork: 'public',
  kubeconfig: KUBECONFIG,
  manifests: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: other, namespace: default }\n',
  role: 'VIEWER',
  csr: 'x',
  version: 'v1.36.3',
  count: 3,
  workers: 3,
  until: '2027-02-01T00:00:00Z',
  projectId: 'blue',
};

/** What need not be given, and without which there is nothing to do, or to be made. */
const WANTED: Readonly<Record<string, object>> = {
  createClusterTemplate: { image: 'debian', flavor: 'small' },
  updateCluster: { deletionProtection: false },
  updateClusterTemplate: { flavor: 'large' },
  updateNodeGroup: { maxCount: 3 },
  updateSeed: { maxClusters: 1 },
  setQuota: { clusters: 30 },
  updateAddonBundle: { description: 'another' },
};

/** As its input and its payload begin. */
export const typeOf = (mutation: string): string => `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}`;

export const mutationNames = (): string[] => Object.keys(buildSchema().getMutationType()?.getFields() ?? {}).sort();

const inputOf = (mutation: string): GraphQLInputObjectType => {
  const [argument, ...others] = buildSchema().getMutationType()?.getFields()[mutation]?.args ?? [];
  const type = argument === undefined ? undefined : getNamedType(argument.type);
  if (!isInputObjectType(type) || others.length > 0) throw new Error(`${mutation} has not one input.`);
  refuseUnknown(type, new Set());
  return type;
};

/** Every id in an input names something, and the tests must know of what kind it is. */
const refuseUnknown = (type: GraphQLInputObjectType, seen: Set<string>): void => {
  if (seen.has(type.name)) return;
  seen.add(type.name);
  for (const field of Object.values(type.getFields())) {
    const inner = getNamedType(field.type);
    if (inner.name === 'ID' && !(field.name in REFERENCES)) throw new Error(`What does ${type.name}.${field.name} name?`);
    if (isInputObjectType(inner)) refuseUnknown(inner, seen);
  }
};

interface Reference {
  field: string;
  kind: Kind;
  isNeeded: boolean;
}

/** What a mutation's input can name. */
export const referencesOf = (mutation: string): Reference[] =>
  Object.values(inputOf(mutation).getFields()).flatMap(({ name: field, type }) => {
    const kind = REFERENCES[field];
    return kind === undefined ? [] : [{ field, kind, isNeeded: isNonNullType(type) }];
  });

const listed = (type: GraphQLType, value: unknown): unknown => (isListType(isNonNullType(type) ? type.ofType : type) ? [value] : value);

/** The least that the mutation takes, about the things of a house; `named` puts another name in a field that is a reference. */
export const inputFor = (mutation: string, house: House, named: Record<string, string> = {}): Record<string, unknown> => {
  const input: Record<string, unknown> = { ...WANTED[mutation] };
  for (const { name, type } of Object.values(inputOf(mutation).getFields())) {
    const kind = REFERENCES[name];
    const other = named[name];
    if (other !== undefined) input[name] = listed(type, other);
    else if (!isNonNullType(type)) continue;
    else if (kind !== undefined) input[name] = listed(type, house[kind].id);
    else if (name in VALUES) input[name] = VALUES[name];
    else throw new Error(`Nobody knows what to give as ${name} of ${mutation}: tell it in this file.`);
  }
  return input;
};

/** What a mutation answers, all of it but a payload's content. */
export interface Outcome {
  __typename: string;
  code?: string;
  message?: string;
  field?: string[] | null;
}

const PROBLEM = '__typename ... on Problem { code message field retryable whoMustAct remedy openstack { service status } }';

export const mutate = async (world: World, token: string, mutation: string, input: object): Promise<Outcome> => {
  const document = `mutation ($input: ${inputOf(mutation).name}!) { ${mutation}(input: $input) { ${PROBLEM} } }`;
  const outcome = (await world.data<Record<string, Outcome>>(token, document, { input }))[mutation];
  if (outcome === undefined) throw new Error(`No answer of ${mutation}.`);
  return outcome;
};
