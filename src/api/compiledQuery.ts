/**
 * A query taken apart once, for as often as it is asked: which fields of which types, by which resolvers. It runs level by level over all objects of a
 * level at once, and writes the text of its answer when all is there; graphql-js would find the fields, their arguments and types anew for each object, wait for
 * each by itself, and leave an object of objects to be made text. Whatever is out of the ordinary (an error, a null where none may be, a directive, an
 * interface) is not told here: graphql-js is asked, and answers as it does.
 */
import { type DocumentNode, type FragmentDefinitionNode, type GraphQLSchema, getOperationAST, getVariableValues, Kind } from 'graphql';
import { createLookedAt } from '../store/narrowDb.ts';
import type { Db } from '../store/open.ts';
import { type Compiling, planOf } from './compiledPlan.ts';
import { runRoot } from './compiledRun.ts';
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
  add(document: DocumentNode, operationName: string | null): void;
  /** It was found out of the ordinary: until it is answered so again, graphql-js alone is asked, for else it would be all done twice. */
  forget(document: DocumentNode): void;
}

export const createCompiledQueries = (schema: GraphQLSchema): CompiledQueries => {
  /** Null: better left to graphql-js; undefined: not compiled yet. They go when their documents are not kept any more. */
  const compiled = new WeakMap<DocumentNode, Map<string | null, CompiledQuery | null | undefined>>();
  return {
    find: (document, operationName) => {
      const operations = compiled.get(document);
      if (!operations?.has(operationName)) return undefined;
      const known = operations.get(operationName);
      const found = known === undefined ? compileQuery(schema, document, operationName) : known;
      operations.set(operationName, found);
      return found ?? undefined;
    },
    // It is compiled when it is asked again: a text that is too long to be kept is another document each time.
    add: (document, operationName) => {
      const operations = compiled.get(document) ?? new Map<string | null, CompiledQuery | null | undefined>();
      compiled.set(document, operations);
      if (operations.size < MAX_OPERATIONS && !operations.has(operationName)) operations.set(operationName, undefined);
    },
    forget: (document) => void compiled.delete(document),
  };
};

/** Fields of one query, and characters of its text for each of them: what takes more memory than its text is worth has its fragments many times over. */
const MAX_FIELDS = 2_000;
const MIN_CHARACTERS_OF_FIELD = 4;
/** Of one document: a hundred over the same fragments would each take what its whole text is worth. */
const MAX_OPERATIONS = 4;

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
      const text = await runRoot(plan, { schema, operation, fragments: named, variables, context: contextOf(context, reading.db) });
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

/** The same, but for where rows come from: nothing that was read in part is left in it. (V8 takes its time to make an object another's prototype.) */
const contextOf = (context: Context, db: Db): Context => {
  const store: Context['store'] = { ...context.store, db };
  const loaders = createLoaders(db, context.actor);
  return new Proxy(context, {
    get: (target, name) => (name === 'store' ? store : name === 'loaders' ? loaders : Reflect.get(target, name)),
  });
};
