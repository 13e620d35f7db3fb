/** A plan carried out level by level, over all objects of a level at once. Throws whatever is out of the ordinary. */
import {
  defaultFieldResolver,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  type OperationDefinitionNode,
} from 'graphql';
import { OutOfTheOrdinary, type Plan, type PlannedField, type Shape } from './compiledPlan.ts';
import type { Context } from './context.ts';

export interface Running {
  schema: GraphQLSchema;
  operation: OperationDefinitionNode;
  fragments: Record<string, FragmentDefinitionNode>;
  variables: Record<string, unknown>;
  context: Context;
}

/** What is there at once is not waited for: most of what is read is columns of rows. */
type Soon<T> = T | Promise<T>;

/** The texts of objects of one type, in their order. */
export const runObjects = (plan: Plan, objects: readonly unknown[], running: Running): Soon<string[]> => {
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
    let text = '{';
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
