/** Documents that go along the edges of the schema, from an object or a list, and ask for all that is there. */
import {
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isLeafType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { buildSchema } from '../../../src/api/schema.ts';

type Field = GraphQLField<unknown, unknown>;

const fieldsOf = (type: GraphQLNamedType): Field[] => (isObjectType(type) ? Object.values(type.getFields()) : []);

/** Fields that lead on; each can be asked without an argument, or nobody would go there. */
const edgesOf = (type: GraphQLNamedType): Field[] =>
  fieldsOf(type).filter((field) => {
    if (!isCompositeType(getNamedType(field.type))) return false;
    const missing = field.args.find((arg) => isNonNullType(arg.type) && arg.defaultValue === undefined);
    if (missing !== undefined) throw new Error(`What is ${type.name}.${field.name} to be given as ${missing.name}? Tell it in this file.`);
    return true;
  });

const leavesOf = (type: GraphQLNamedType): string[] =>
  fieldsOf(type).flatMap((field) => (isLeafType(getNamedType(field.type)) ? [field.name] : []));

/** Small pages: a document may cost so much and no more. */
const called = ({ name, args }: Field): string => (args.some((arg) => arg.name === 'first') ? `${name}(first: 3)` : name);

/** A page's list and its edges show the same rows; both are asked, and count as no step. */
const through = (field: Field, inner: (type: GraphQLNamedType) => string): string => {
  const type = getNamedType(field.type);
  if (!type.name.endsWith('Connection')) return `${called(field)} { ${inner(type)} }`;
  const node = getNamedType((type as GraphQLObjectType).getFields()['nodes']?.type);
  if (node === undefined) throw new Error(`${type.name} has no nodes.`);
  return `${called(field)} { pageInfo { startCursor endCursor } edges { cursor } nodes { ${inner(node)} } }`;
};

/** All leaves of a type, and all leaves of what is one step away. */
const near = (type: GraphQLNamedType): string => {
  if (isAbstractType(type)) return '__typename';
  const steps = edgesOf(type).map((field) => through(field, (next) => ['__typename', ...leavesOf(next)].join(' ')));
  return ['__typename', ...leavesOf(type), ...steps].join(' ');
};

/** Selections on a type that lead three steps away, each by two edges and all that is near the last. */
const walksFrom = (type: GraphQLNamedType): string[] => {
  const steps = edgesOf(type).flatMap((first) => {
    const next = pageType(getNamedType(first.type));
    const seconds = edgesOf(next);
    if (seconds.length === 0) return [`__typename ${through(first, near)}`];
    return seconds.map((second) => `__typename ${through(first, (t) => ['__typename', ...leavesOf(t), through(second, near)].join(' '))}`);
  });
  return [near(type), ...steps];
};

const pageType = (type: GraphQLNamedType): GraphQLNamedType =>
  type.name.endsWith('Connection') ? (getNamedType((type as GraphQLObjectType).getFields()['nodes']?.type) ?? type) : type;

const USAGE = 'from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z"';

/** Of each field of Query, the arguments with which it is asked; those that name an object are asked by `node`, too. */
const asked = (field: Field, ids: readonly string[]): string[] => {
  if (field.name === 'usage') return [`usage(${USAGE})`, ...ids.map((id) => `usage(clusterId: "${id}", ${USAGE})`)];
  if (field.name === 'quota') return ['quota', 'quota(projectId: "blue")'];
  // They repeat what they were asked for, as their mutations do: see plans.test.ts.
  if (field.name.startsWith('plan')) return [];
  if (field.name === 'node') return [];
  if (field.name === 'nodes') return [];
  const first = field.args.some((arg) => arg.name === 'first');
  if (first) return [`${field.name}(first: 3)`];
  if (field.args.length === 0) return [field.name];
  if (field.args.some((arg) => arg.name === 'id')) return ids.map((id) => `${field.name}(id: "${id}")`);
  throw new Error(`How is the query ${field.name} asked? Tell it in this file.`);
};

/** Every field of Query, and what is near it; `ids`: of objects of all kinds. */
export const queriesNear = (ids: readonly string[]): string[] =>
  fieldsOf(buildSchema().getQueryType() as GraphQLObjectType).flatMap((field) => {
    const type = getNamedType(field.type);
    const page = pageType(type);
    const selection = page === type ? near(type) : `pageInfo { startCursor endCursor } edges { cursor } nodes { ${near(page)} }`;
    return asked(field, ids).map((call) => `{ ${call} { ${selection} } }`);
  });

/** From an object, by its global id, as each type of the schema that has one. */
export const walksFromNode = (id: string, typename: string): string[] => {
  const type = buildSchema().getType(typename);
  if (type === undefined) throw new Error(`There is no ${typename}.`);
  return walksFrom(type).map((walk) => `{ node(id: "${id}") { __typename id ... on ${typename} { ${walk} } } }`);
};
