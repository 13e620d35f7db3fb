/**
 * One event to many subscribers: who asked the same of it and sees the same gets the same answer, made once. What was not made of
 * that alone (the time, the cloud, the caller's name) is made for each, and whether somebody may be told at all is asked for each
 * before it comes here (stream.ts).
 */
import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  getOperationAST,
  visit,
} from 'graphql';
import { seerKeyOf } from '../domain/actor.ts';
import type { Context } from './context.ts';
import type { Cost, Documents } from './document.ts';
import { mapped } from './mapped.ts';
import { watchSharedContext } from './pureContext.ts';
import type { SharedReads } from './sharedReads.ts';
import type { Delivery } from './stream.ts';

export interface SharedAnswers {
  /** As graphql-js has it: answers to events as they come, or why there are none. */
  subscribe(args: ExecutionArgs): Promise<AsyncIterableIterator<ExecutionResult> | ExecutionResult>;
  /** An answer that others got, too, or may get, as JSON; undefined: it is one subscriber's own. */
  textOf(result: object): string | undefined;
}

interface Shared {
  /** Of the database, from before it was made. */
  version: number;
  /** Null: it is nobody else's. */
  result: Promise<ExecutionResult | null>;
  /** The same, once it is there, so that nobody waits for it. */
  made: ExecutionResult | null;
}

/** A subscription, as all of its events are answered. */
interface Asked {
  args: ExecutionArgs;
  question: string;
  cost: Cost | undefined;
}

/** An answer to one event, as to any question. */
const answered = (
  { args, cost }: Asked,
  given: Pick<ExecutionArgs, 'rootValue' | 'contextValue'>,
): Promise<ExecutionResult> | ExecutionResult => {
  const result = execute({ ...args, ...given });
  const costed = (one: ExecutionResult): ExecutionResult => (cost === undefined ? one : { ...one, extensions: { cost } });
  return result instanceof Promise ? result.then(costed) : costed(result);
};

export const createSharedAnswers = (reads: SharedReads, documents: Pick<Documents, 'costOf'>): SharedAnswers => {
  const answers = new WeakMap<object, Map<string, Shared>>();
  /** Undefined: not asked for yet. */
  const texts = new WeakMap<object, { text?: string }>();
  const questionOf = createQuestions();

  const makeShared = async (asked: Asked, delivery: object, keep: (shared: Shared) => void, version: number): Promise<ExecutionResult> => {
    const context = asked.args.contextValue as Context;
    const watched = watchSharedContext(context, context.actor, reads.loaders(context.actor));
    const made = Promise.resolve(answered(asked, { rootValue: delivery, contextValue: watched.context }));
    const isShared = (result: ExecutionResult) => result.errors === undefined && watched.isPure();
    const shared: Shared = { version, result: made.then((result) => (isShared(result) ? result : null)).catch(() => null), made: null };
    keep(shared);
    const result = await made;
    if (result.errors !== undefined) reads.forget();
    else if (isShared(result)) {
      texts.set(result, {});
      shared.made = result;
    }
    return result;
  };

  const answer = (asked: Asked, delivery: Delivery<unknown>): Promise<ExecutionResult> | ExecutionResult => {
    const { args, question } = asked;
    const own = () => answered(asked, { rootValue: delivery, contextValue: args.contextValue });
    if (!('value' in delivery) || typeof delivery.value !== 'object' || delivery.value === null) return own();
    const ofValue = answers.get(delivery.value) ?? new Map<string, Shared>();
    answers.set(delivery.value, ofValue);
    const key = `${question} ${seerKeyOf((args.contextValue as Context).actor)}`;
    const version = reads.version();
    const known = ofValue.get(key);
    if (known?.version === version) return known.made ?? known.result.then((result) => result ?? own());
    return makeShared(asked, delivery, (shared) => ofValue.set(key, shared), version);
  };

  return {
    subscribe: async (args) => {
      const context = args.contextValue as Context;
      // What is to be read of an event is what is there then; and nothing that was read stays with a stream that waits.
      context.isLive = true;
      const source = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in source)) return source;
      const asked = { args, question: questionOf(args), cost: documents.costOf(args.document, args.operationName) };
      return mapped(source as AsyncIterable<Delivery<unknown>>, (delivery) => answer(asked, delivery));
    },
    textOf: (result) => {
      const known = texts.get(result);
      if (known === undefined) return undefined;
      known.text ??= JSON.stringify(result);
      return known.text;
    },
  };
};

/** A text that is the same for who asks the same of an event, whatever he may see of it. */
const createQuestions = (): ((args: ExecutionArgs) => string) => {
  const numbers = new WeakMap<DocumentNode, number>();
  let last = 0;
  return ({ document, operationName, variableValues }) => {
    const number = numbers.get(document) ?? ++last;
    numbers.set(document, number);
    const names = variablesOfAnswers(document, operationName);
    return JSON.stringify([
      number,
      operationName ?? null,
      names.map((name) => [name, ...(variableValues != null && Object.hasOwn(variableValues, name) ? [variableValues[name]] : [])]),
    ]);
  };
};

/**
 * Names of the variables that have a say in how an event is shown. Those in the arguments of the subscription's own field choose the
 * events: its resolver looks at none of them.
 */
const variablesOfAnswers = (document: DocumentNode, operationName: string | null | undefined): string[] => {
  const root = new Set<unknown>(getOperationAST(document, operationName)?.selectionSet.selections);
  const names = new Set<string>();
  visit(document, {
    VariableDefinition: () => false,
    // What an argument's parent, the list of arguments, is of: a field or a directive.
    Argument: (_node, _key, _parent, _path, ancestors) => (root.has(ancestors.at(-1)) ? false : undefined),
    Variable: ({ name }) => void names.add(name.value),
  });
  return [...names];
};
