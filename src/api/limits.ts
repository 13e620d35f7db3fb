/** What a document may cost: measured once, in time linear in its size, before anything else is done with it. */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  GraphQLError,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { meetsTooOften } from './meetings.ts';
import { COUNT_COST, DEFAULT_PAGE, MAX_PAGE } from './paging.ts';

export const MAX_TOKENS = 2_000;
export const MAX_DEPTH = 12;
export const MAX_ALIASES = 50;
/** About one unit a field that is answered: 100 clusters with 100 workers and seven fields of each are 70,000. */
export const MAX_COST = 100_000;
/** Ten in a document. */
const MUTATION_COST = 10_000;
/** Lists without pages are short: conditions, revisions, node groups of an input. */
const LIST_GUESS = 10;

interface Measure {
  depth: number;
  cost: number;
  /** Of what is asked of the whole list that this is a part of, and so not once for each object of its page. */
  ofList: number;
}

/** What the document's operations cost, by their names ('' without one), and errors for the first limit that it breaks. */
export interface Measured {
  costs: ReadonlyMap<string, number>;
  errors: GraphQLError[];
}

export const measureDocument = (schema: GraphQLSchema, document: DocumentNode): Measured => {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions) if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  const scale: Scale = { schema, fragments, measured: new Map(), aliases: 0 };
  const costs = new Map<string, number>();
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION && definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    const measure =
      definition.kind === Kind.FRAGMENT_DEFINITION
        ? measureFragment(scale, definition.name.value)
        : measureSet(scale, definition.selectionSet, schema.getRootType(definition.operation) ?? null);
    if (definition.kind === Kind.OPERATION_DEFINITION) costs.set(definition.name?.value ?? '', measure.cost);
    const refusal = refusalOf(measure);
    if (refusal !== null) return { costs, errors: [refusal] };
  }
  if (scale.aliases > MAX_ALIASES)
    return { costs, errors: [tooMuch('ALIAS_LIMIT', `The document has ${scale.aliases} aliases; at most ${MAX_ALIASES} are allowed.`)] };
  if (meetsTooOften(document, fragments, MAX_DEPTH)) return { costs, errors: [tooMuch('REPEAT_LIMIT', TOO_OFTEN)] };
  return { costs, errors: [] };
};

const TOO_OFTEN = 'The document asks for the same fields of the same objects too often. Ask for each once.';

const refusalOf = ({ depth, cost }: Measure): GraphQLError | null => {
  if (depth > MAX_DEPTH) return tooMuch('DEPTH_LIMIT', `The document is ${depth} levels deep; at most ${MAX_DEPTH} are allowed.`);
  if (cost <= MAX_COST) return null;
  const sentence = `The document costs ${cost}; at most ${MAX_COST} is allowed. Ask for smaller pages or fewer fields.`;
  return tooMuch('COST_LIMIT', sentence, { cost: { estimated: cost, limit: MAX_COST } });
};

interface Scale {
  schema: GraphQLSchema;
  fragments: Map<string, FragmentDefinitionNode>;
  /** Each fragment is measured once, however often it is spread; null: being measured. */
  measured: Map<string, Measure | null>;
  aliases: number;
}

const NOTHING: Measure = { depth: 0, cost: 0, ofList: 0 };

const tooMuch = (code: string, message: string, more: object = {}) => new GraphQLError(message, { extensions: { code, ...more } });

const measureFragment = (scale: Scale, name: string): Measure => {
  const known = scale.measured.get(name);
  // A fragment within itself is refused by validation.
  if (known !== undefined) return known ?? NOTHING;
  const fragment = scale.fragments.get(name);
  if (fragment === undefined) return NOTHING;
  scale.measured.set(name, null);
  const type = scale.schema.getType(fragment.typeCondition.name.value);
  const measure = measureSet(scale, fragment.selectionSet, isCompositeType(type) ? type : null);
  scale.measured.set(name, measure);
  return measure;
};

const measureSet = (scale: Scale, set: SelectionSetNode, parent: GraphQLCompositeType | null): Measure => {
  let depth = 0;
  let cost = 0;
  let ofList = 0;
  for (const selection of set.selections) {
    const part =
      selection.kind === Kind.FIELD
        ? measureField(scale, selection, parent)
        : selection.kind === Kind.FRAGMENT_SPREAD
          ? measureFragment(scale, selection.name.value)
          : measureSet(scale, selection.selectionSet, narrowed(scale, selection.typeCondition?.name.value, parent));
    depth = Math.max(depth, part.depth);
    cost += part.cost;
    ofList += part.ofList;
  }
  return { depth, cost, ofList };
};

const narrowed = (scale: Scale, condition: string | undefined, parent: GraphQLCompositeType | null): GraphQLCompositeType | null => {
  const type = condition === undefined ? parent : scale.schema.getType(condition);
  return isCompositeType(type) ? type : null;
};

const measureField = (scale: Scale, node: FieldNode, parent: GraphQLCompositeType | null): Measure => {
  if (node.alias !== undefined) scale.aliases += 1;
  // Introspection is deep by nature, and refused where it is not wanted.
  if (node.name.value.startsWith('__')) return { depth: 1, cost: 1, ofList: 0 };
  const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[node.name.value] : undefined;
  const own = parent !== null && parent === scale.schema.getMutationType() ? MUTATION_COST : 1;
  if (node.name.value === 'totalCount' && isConnection(parent)) return { depth: 1, cost: 0, ofList: COUNT_COST };
  if (node.selectionSet === undefined) return { depth: 1, cost: own, ofList: 0 };
  const type = field === undefined ? null : getNamedType(field.type);
  const inner = measureSet(scale, node.selectionSet, isCompositeType(type) ? type : null);
  const times =
    field === undefined
      ? 1
      : multiplier(
          field.type,
          node,
          field.args.some((arg) => arg.name === 'first'),
          parent,
        );
  return { depth: inner.depth + 1, cost: own + times * inner.cost + inner.ofList, ofList: 0 };
};

/** A connection counts its page size once: its own edges and nodes are that page. */
const multiplier = (type: GraphQLOutputType, node: FieldNode, paged: boolean, parent: GraphQLCompositeType | null): number => {
  if (paged) return pageSize(node);
  if (!isListType(getNullableType(type))) return 1;
  if (node.name.value === 'nodes' && node.arguments?.some((arg) => arg.name.value === 'ids')) return MAX_PAGE;
  return isConnection(parent) ? 1 : LIST_GUESS;
};

const isConnection = (type: GraphQLCompositeType | null): boolean => type?.name.endsWith('Connection') === true;

const pageSize = (node: FieldNode): number => {
  const value = node.arguments?.find((arg) => arg.name.value === 'first')?.value;
  if (value === undefined) return DEFAULT_PAGE;
  // A variable may hold anything up to the most.
  return value.kind === Kind.INT ? Math.min(Math.max(Number(value.value), 1), MAX_PAGE) : MAX_PAGE;
};
