/**
 * A query taken apart once, for as often as it is asked: which fields of which types, by which resolvers. It runs level by level over all objects of a
 * level at once, and writes the text of its answer as it goes; graphql-js would find the fields, their arguments and types anew for each object, wait for
 * each by itself, and leave an object of objects to be made text. Whatever is out of the ordinary (an error, a null where none may be, a directive, an
 * interface) is not told here: graphql-js is asked, and answers as it does.
 */
import {
  type DocumentNode,
  defaultFieldResolver,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  GraphQLID,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  GraphQLString,
  getArgumentValues,
  getOperationAST,
  getVariableValues,
  isAbstractType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
} from 'graphql';
import { createLookedAt } from '../store/narrowDb.ts';
import type { Db } from '../store/open.ts';
import type { Context } from './context.ts';
import { createLoaders } from './loaders.ts';

export interface CompiledQuery {
  /** The JSON of the answer's `data`; null: graphql-js is to be asked. Resolvers may have been called either way. */
  run(context: Context, variables: Readonly<Record<string, unknown>>): Promise<string | null>;
}

/** Which queries are run so: those that were answered once, by graphql-js, without an error and with nothing but what the database says. */
export interface CompiledQueries {
  find(document: DocumentNode, operationName: string | null): CompiledQuery | undefined;
  /** It was answered so: from now on it is run so, if it can be. */
  compile(document: DocumentNode, operationName: string | null): void;
  /** It was found out of the ordinary: until it is answered so again, graphql-js alone is asked, for else it would be all done twice. */
  forget(document: DocumentNode): void;
}

export const createCompiledQueries = (schema: GraphQLSchema): CompiledQueries => {
  /** Null: better left to graphql-js. They go when their documents are not kept any more. */
  const compiled = new WeakMap<DocumentNode, Map<string | null, CompiledQuery | null>>();
  return {
    find: (document, operationName) => compiled.get(document)?.get(operationName) ?? undefined,
    compile: (document, operationName) => {
      const operations = compiled.get(document) ?? new Map<string | null, CompiledQuery | null>();
      compiled.set(document, operations);
      if (!operations.has(operationName)) operations.set(operationName, compileQuery(schema, document, operationName));
    },
    forget: (document) => void compiled.delete(document),
  };
};

/** Fields of one query, and characters of its text for each of them: what takes more memory than its text is worth has its fragments many times over. */
const MAX_FIELDS = 2_000;
const MIN_CHARACTERS_OF_FIELD = 4;

/** Null for what is better left to graphql-js. The document was found valid. */
export const compileQuery = (schema: GraphQLSchema, document: DocumentNode, operationName: string | null): CompiledQuery | null => {
  const operation = getOperationAST(document, operationName);
  const root = schema.getQueryType();
  if (operation?.operation !== 'query' || operation.directives?.length || root == null) return null;
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  const most = Math.min(MAX_FIELDS, (document.loc?.end ?? 0) / MIN_CHARACTERS_OF_FIELD);
  const compiling: Compiling = { schema, fragments, left: most };
  const plan = planOf(compiling, root, [operation.selectionSet]);
  if (plan === null) return null;
  const lookedAt = createLookedAt();
  const named = Object.fromEntries(fragments);
  /** Undefined: more was looked at than was read. */
  const runOnce = async (context: Context, variables: Record<string, unknown>): Promise<string | null | undefined> => {
    const reading = lookedAt.open(context.store.db);
    try {
      const [text = null] = await runObjects(plan, [undefined], {
        schema,
        operation,
        fragments: named,
        variables,
        context: contextOf(context, reading.db),
      });
      if (reading.hasMissed()) return undefined;
      reading.keep();
      return text;
    } catch {
      return reading.hasMissed() ? undefined : null;
    }
  };
  return {
    run: async (context, given) => {
      const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], given, { maxErrors: 1 });
      if (coerced === undefined) return null;
      const text = await runOnce(context, coerced);
      return text === undefined ? ((await runOnce(context, coerced)) ?? null) : text;
    },
  };
};

/** The same, but for where rows come from: nothing that was read in part is left in it. */
const contextOf = (context: Context, db: Db): Context => {
  const store: Context['store'] = Object.assign(Object.create(context.store), { db });
  return Object.create(context, { store: { value: store }, loaders: { value: createLoaders(db, context.actor) } });
};

interface Compiling {
  schema: GraphQLSchema;
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Fields that may still come. */
  left: number;
}

/** What is asked of objects of one type. */
interface Plan {
  type: GraphQLObjectType;
  fields: readonly PlannedField[];
}

interface PlannedField {
  /** What stands before its value in the text. */
  before: string;
  key: string;
  parent: GraphQLObjectType;
  nodes: readonly FieldNode[];
  field: GraphQLField<unknown, unknown>;
  shape: Shape;
}

/** How a value becomes text. Throws for one that graphql-js would not take. */
type Shape = { nullable: boolean } & (
  | { kind: 'leaf'; textOf(value: unknown): string }
  | { kind: 'list'; of: Shape }
  | { kind: 'object'; plan: Plan }
);

const planOf = (compiling: Compiling, type: GraphQLObjectType, selections: readonly SelectionSetNode[]): Plan | null => {
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
  if (isLeafType(named)) return { kind: 'leaf', nullable, textOf: textsOf(named) };
  if (!isObjectType(named)) return null;
  const plan = planOf(
    compiling,
    named,
    nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
  );
  return plan && { kind: 'object', nullable, plan };
};

const textsOf = (type: GraphQLLeafType): ((value: unknown) => string) => {
  const bySerializing = (value: unknown): string => {
    const plain = value instanceof Error ? null : type.serialize(value);
    if (plain == null) throw new OutOfTheOrdinary();
    return JSON.stringify(plain);
  };
  if (isEnumType(type)) {
    const names = new Map(type.getValues().map(({ name, value }) => [value, JSON.stringify(name)]));
    return (value) => names.get(value) ?? bySerializing(value);
  }
  if (type === GraphQLString || type === GraphQLID)
    return (value) => (typeof value === 'string' ? JSON.stringify(value) : bySerializing(value));
  return bySerializing;
};

/** Thrown for what graphql-js is to say; nobody sees it. */
class OutOfTheOrdinary extends Error {}

interface Running {
  schema: GraphQLSchema;
  operation: OperationDefinitionNode;
  fragments: Record<string, FragmentDefinitionNode>;
  variables: Record<string, unknown>;
  context: Context;
}

/** What is there at once is not waited for: most of what is read is columns of rows. */
type Soon<T> = T | Promise<T>;

const runObjects = (plan: Plan, objects: readonly unknown[], running: Running): Soon<string[]> => {
  if (objects.length === 0) return [];
  if (plan.type.isTypeOf != null && !objects.every((object) => isOfType(plan.type, object, running))) throw new OutOfTheOrdinary();
  const columns = plan.fields.map((field) => runField(field, objects, running));
  if (!columns.some(isPromise)) return written(plan, columns as string[][], objects.length);
  // All are waited for: none that fails is left alone.
  return Promise.all(columns).then((texts) => written(plan, texts, objects.length));
};

/** One that must be waited for is out of the ordinary, too. */
const isOfType = (type: GraphQLObjectType, object: unknown, { context }: Running): boolean =>
  type.isTypeOf?.(object, context, NO_INFO) === true;

const NO_INFO = {} as GraphQLResolveInfo;

const written = ({ fields }: Plan, columns: readonly string[][], count: number): string[] => {
  const texts = new Array<string>(count);
  for (let at = 0; at < count; at += 1) {
    let text = '';
    for (const [n, { before }] of fields.entries()) text += before + columns[n]?.[at];
    texts[at] = `${text}}`;
  }
  return texts;
};

/** Never throws at once: those beside it may have begun to wait. */
const runField = (planned: PlannedField, objects: readonly unknown[], running: Running): Soon<string[]> => {
  const values: unknown[] = [];
  try {
    const resolve = planned.field.resolve ?? defaultFieldResolver;
    const args = argsOf(planned, running);
    const info = infoOf(planned, running);
    for (const object of objects) values.push(resolve(object, args, running.context, info));
    return values.some(isPromise)
      ? Promise.all(values).then((all) => textsOfAll(planned.shape, all, running))
      : textsOfAll(planned.shape, values, running);
  } catch (error) {
    // Those that were begun are not waited for any more, and none of them may be taken for one that nobody handles.
    for (const value of values) if (isPromise(value)) value.then(undefined, () => {});
    return Promise.reject(error);
  }
};

const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';

/** The same for all objects of a level; new for each run, as a resolver may do with them what it likes. */
const argsOf = ({ field, nodes: [node] }: PlannedField, { variables }: Running): Record<string, unknown> =>
  field.args.length === 0 || node === undefined ? {} : getArgumentValues(field, node, variables);

/** Without the places in lists: the path is one for all objects of a level. */
const infoOf = ({ field, nodes, parent, key }: PlannedField, running: Running): GraphQLResolveInfo => ({
  fieldName: field.name,
  fieldNodes: nodes,
  returnType: field.type,
  parentType: parent,
  path: { prev: undefined, key, typename: parent.name },
  schema: running.schema,
  fragments: running.fragments,
  rootValue: undefined,
  operation: running.operation,
  variableValues: running.variables,
});

const textsOfAll = (shape: Shape, values: readonly unknown[], running: Running): Soon<string[]> => {
  if (!values.some(isNothing)) return textsOfSome(shape, values, running);
  if (!shape.nullable) throw new OutOfTheOrdinary();
  const texts = textsOfSome(
    shape,
    values.filter((value) => !isNothing(value)),
    running,
  );
  return isPromise(texts) ? texts.then((some) => withNulls(values, some)) : withNulls(values, texts);
};

const isNothing = (value: unknown): boolean => value === null || value === undefined;

const withNulls = (values: readonly unknown[], texts: readonly string[]): string[] => {
  let next = 0;
  return values.map((value) => (isNothing(value) ? 'null' : (texts[next++] ?? '')));
};

const textsOfSome = (shape: Shape, values: readonly unknown[], running: Running): Soon<string[]> => {
  if (shape.kind === 'leaf') return values.map(shape.textOf);
  if (shape.kind === 'list') return textsOfLists(shape.of, values.map(itemsOf), running);
  if (values.some((value) => value instanceof Error)) throw new OutOfTheOrdinary();
  return runObjects(shape.plan, values, running);
};

const itemsOf = (list: unknown): readonly unknown[] => {
  if (!Array.isArray(list)) throw new OutOfTheOrdinary();
  return list;
};

const textsOfLists = (of: Shape, lists: readonly (readonly unknown[])[], running: Running): Soon<string[]> => {
  const items = lists.flat();
  const texts = items.some(isPromise) ? Promise.all(items).then((all) => textsOfAll(of, all, running)) : textsOfAll(of, items, running);
  return isPromise(texts) ? texts.then((all) => joined(lists, all)) : joined(lists, texts);
};

const joined = (lists: readonly (readonly unknown[])[], texts: readonly string[]): string[] => {
  let from = 0;
  return lists.map(({ length }) => {
    const own = texts.slice(from, from + length);
    from += length;
    return `[${own.join(',')}]`;
  });
};
