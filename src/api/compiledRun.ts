/**
 * A plan carried out level by level, over all objects of a level at once, and written when all is there: what is between two levels is their values, and
 * the text is put together once. Throws whatever is out of the ordinary.
 */
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
import { type JsonWriter, writtenJson } from './jsonWriter.ts';

export interface Running {
  schema: GraphQLSchema;
  operation: OperationDefinitionNode;
  fragments: Record<string, FragmentDefinitionNode>;
  variables: Record<string, unknown>;
  context: Context;
}

/** What is there at once is not waited for: most of what is read is columns of rows. */
type Soon<T> = T | Promise<T>;

/** The values of one level in their order. Appends the text of the one at this place. Throws for one that graphql-js would not take. */
type Write = (at: number, json: JsonWriter) => void;

/** The text of the object at the root. */
export const runRoot = async (plan: Plan, running: Running): Promise<string> => {
  const write = await runObjects(plan, [undefined], running);
  return writtenJson((json) => write(0, json));
};

const runObjects = (plan: Plan, objects: readonly unknown[], running: Running): Soon<Write> => {
  if (objects.length === 0) return NOTHING;
  if (plan.type.isTypeOf != null && !objects.every((object) => isOfType(plan.type, object, running))) throw new OutOfTheOrdinary();
  const fields = plan.fields.map((field) => runField(field, objects, running));
  if (!fields.some(isPromise)) return objectsOf(plan, fields as Write[]);
  // All are waited for: none that fails is left alone.
  return Promise.all(fields).then((writes) => objectsOf(plan, writes));
};

const NOTHING: Write = () => {};

/** One that must be waited for is out of the ordinary, too. */
const isOfType = (type: GraphQLObjectType, object: unknown, { context }: Running): boolean =>
  type.isTypeOf?.(object, context, NO_INFO) === true;

const NO_INFO = {} as GraphQLResolveInfo;

const objectsOf =
  ({ fields }: Plan, writes: readonly Write[]): Write =>
  (at, json) => {
    // By number: what is made to go through them is made for each object.
    for (let n = 0; n < writes.length; n += 1) {
      json.write((fields[n] as PlannedField).before);
      (writes[n] as Write)(at, json);
    }
    json.write(writes.length === 0 ? '{}' : '}');
  };

/** Never throws at once: those beside it may have begun to wait. */
const runField = (planned: PlannedField, objects: readonly unknown[], running: Running): Soon<Write> => {
  const values: unknown[] = new Array(objects.length);
  try {
    const resolve = planned.field.resolve ?? defaultFieldResolver;
    const args = argsOf(planned, running);
    const info = infoOf(planned, running);
    for (let at = 0; at < objects.length; at += 1) values[at] = resolve(objects[at], args, running.context, info);
    return values.some(isPromise)
      ? Promise.all(values).then((all) => runAll(planned.shape, all, running))
      : runAll(planned.shape, values, running);
  } catch (error) {
    // Those that were begun are not waited for any more, and none of them may be taken for one that nobody handles.
    for (const value of values) if (isPromise(value)) value.then(undefined, () => {});
    return Promise.reject(error);
  }
};

/** Of most values, which are rows of the database or what is in them, nothing is asked. */
const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';

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

const runAll = (shape: Shape, values: readonly unknown[], running: Running): Soon<Write> => {
  if (!values.some(isNothing)) return runSome(shape, values, running);
  if (!shape.nullable) throw new OutOfTheOrdinary();
  const places: number[] = [];
  const some: unknown[] = [];
  for (const value of values) {
    places.push(isNothing(value) ? NOWHERE : some.length);
    if (!isNothing(value)) some.push(value);
  }
  const orNull =
    (write: Write): Write =>
    (at, json) => {
      const place = places[at] as number;
      if (place === NOWHERE) json.write('null');
      else write(place, json);
    };
  const write = runSome(shape, some, running);
  return isPromise(write) ? write.then(orNull) : orNull(write);
};

const NOWHERE = -1;

const isNothing = (value: unknown): boolean => value === null || value === undefined;

const runSome = (shape: Shape, values: readonly unknown[], running: Running): Soon<Write> => {
  if (shape.kind === 'leaf') return (at, json) => shape.write(values[at], json);
  if (shape.kind === 'list') return runLists(shape.of, values.map(itemsOf), running);
  if (values.some((value) => value instanceof Error)) throw new OutOfTheOrdinary();
  return runObjects(shape.plan, values, running);
};

const itemsOf = (list: unknown): readonly unknown[] => {
  if (!Array.isArray(list)) throw new OutOfTheOrdinary();
  return list;
};

const runLists = (of: Shape, lists: readonly (readonly unknown[])[], running: Running): Soon<Write> => {
  const items = lists.flat();
  /** Where each list begins among the items of all, and where the last one ends. */
  const starts = [0];
  for (const { length } of lists) starts.push((starts.at(-1) as number) + length);
  const listed =
    (write: Write): Write =>
    (at, json) => {
      const start = starts[at] as number;
      const end = starts[at + 1] as number;
      json.write('[');
      for (let item = start; item < end; item += 1) {
        if (item > start) json.write(',');
        write(item, json);
      }
      json.write(']');
    };
  const write = items.some(isPromise) ? Promise.all(items).then((all) => runAll(of, all, running)) : runAll(of, items, running);
  return isPromise(write) ? write.then(listed) : listed(write);
};
