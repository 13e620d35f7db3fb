/** What a query asks for, found in the schema once: which fields of which types, and how their values become text. */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  GraphQLID,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  GraphQLString,
  isAbstractType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
} from 'graphql';
import type { JsonWriter } from './jsonWriter.ts';

export interface Compiling {
  schema: GraphQLSchema;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Fields that may still come. */
  left: number;
}

/** What is asked of objects of one type. */
export interface Plan {
  type: GraphQLObjectType;
  fields: readonly PlannedField[];
}

export interface PlannedField {
  /** What stands before its value in the text. */
  before: string;
  key: string;
  parent: GraphQLObjectType;
  nodes: readonly FieldNode[];
  field: GraphQLField<unknown, unknown>;
  shape: Shape;
}

/** How a value becomes text. */
export type Shape = { nullable: boolean } & (
  | { kind: 'leaf'; write: WriteLeaf }
  | { kind: 'list'; of: Shape }
  | { kind: 'object'; plan: Plan }
);

/** Null for what is better left to graphql-js. */
export const planOf = (compiling: Compiling, type: GraphQLObjectType, selections: readonly SelectionSetNode[]): Plan | null => {
  const asked = new Map<string, FieldNode[]>();
  const seen = new Set<string>();
  for (const selection of selections) if (!collect(compiling, type, selection, asked, seen)) return null;
  const fields: PlannedField[] = [];
  for (const [key, nodes] of asked) {
    const planned = fieldOf(compiling, type, key, nodes, fields.length === 0);
    if (planned === null) return null;
    fields.push(planned);
  }
  return { type, fields };
};

/** As CollectFields of the specification has it; false when a directive would have a say. */
const collect = (
  compiling: Compiling,
  type: GraphQLObjectType,
  { selections }: SelectionSetNode,
  asked: Map<string, FieldNode[]>,
  seen: Set<string>,
): boolean =>
  selections.every((node) => {
    if (node.directives?.length) return false;
    if (node.kind === Kind.FIELD) {
      const key = (node.alias ?? node.name).value;
      const same = asked.get(key);
      if (same === undefined) asked.set(key, [node]);
      else same.push(node);
      return true;
    }
    const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : compiling.fragments.get(node.name.value);
    if (node.kind === Kind.FRAGMENT_SPREAD) {
      if (seen.has(node.name.value)) return true;
      seen.add(node.name.value);
    }
    if (fragment === undefined || fragment.directives?.length) return false;
    if (!isOf(compiling.schema, type, fragment.typeCondition?.name.value)) return true;
    return collect(compiling, type, fragment.selectionSet, asked, seen);
  });

const isOf = (schema: GraphQLSchema, type: GraphQLObjectType, condition: string | undefined): boolean => {
  if (condition === undefined || condition === type.name) return true;
  const wanted = schema.getType(condition);
  return isAbstractType(wanted) && schema.isSubType(wanted, type);
};

const fieldOf = (
  compiling: Compiling,
  parent: GraphQLObjectType,
  key: string,
  nodes: readonly FieldNode[],
  isFirst: boolean,
): PlannedField | null => {
  compiling.left -= 1;
  if (compiling.left < 0) return null;
  const name = nodes[0]?.name.value ?? '';
  const field = name === TypeNameMetaFieldDef.name ? TypeNameMetaFieldDef : parent.getFields()[name];
  const shape = field && shapeOf(compiling, field.type, nodes);
  // The schema's own fields are not among the type's.
  if (field === undefined || shape == null) return null;
  return { before: `${isFirst ? '{' : ','}${JSON.stringify(key)}:`, key, parent, nodes, field, shape };
};

const shapeOf = (compiling: Compiling, type: GraphQLOutputType, nodes: readonly FieldNode[]): Shape | null => {
  const nullable = !isNonNullType(type);
  const named = isNonNullType(type) ? type.ofType : type;
  if (isListType(named)) {
    const of = shapeOf(compiling, named.ofType, nodes);
    return of && { kind: 'list', nullable, of };
  }
  if (isLeafType(named)) return { kind: 'leaf', nullable, write: writerOf(named) };
  if (!isObjectType(named)) return null;
  const plan = planOf(
    compiling,
    named,
    nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
  );
  return plan && { kind: 'object', nullable, plan };
};

/** Throws for a value that graphql-js would not take. */
type WriteLeaf = (value: unknown, json: JsonWriter) => void;

const writerOf = (type: GraphQLLeafType): WriteLeaf => {
  const bySerializing: WriteLeaf = (value, json) => {
    const plain = value instanceof Error ? null : type.serialize(value);
    if (plain == null) throw new OutOfTheOrdinary();
    json.write(JSON.stringify(plain));
  };
  if (isEnumType(type)) {
    const names = new Map(type.getValues().map(({ name, value }) => [value, JSON.stringify(name)]));
    return (value, json) => {
      const name = names.get(value);
      if (name === undefined) bySerializing(value, json);
      else json.write(name);
    };
  }
  if (type === GraphQLString || type === GraphQLID)
    return (value, json) => (typeof value === 'string' ? json.writeString(value) : bySerializing(value, json));
  return bySerializing;
};

/** Thrown for what graphql-js is to say; nobody sees it. */
export class OutOfTheOrdinary extends Error {}
