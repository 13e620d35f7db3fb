/** Mutations that got to no command, for the audit log: documents and variables that do not fit the schema. */
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  getOperationAST,
  isInputObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { askedTarget, auditedInput } from '../domain/auditLog.ts';
import { RateLimited } from '../domain/errors.ts';
import { type Context, callOf } from './context.ts';
import type { Rates } from './rates.ts';
import { buildSchema } from './schema.ts';

/** Names of a mutation's root fields, those in fragments included; none of any other operation. */
const mutationFields = (document: DocumentNode, operationName: string | null | undefined): string[] => {
  const operation = getOperationAST(document, operationName ?? null);
  if (operation?.operation !== 'mutation') return [];
  return [...new Set(fieldsOf(operation.selectionSet, fragmentsOf(document)))].slice(0, MOST);
};

const fragmentsOf = (document: DocumentNode): Map<string, SelectionSetNode> => {
  const fragments = new Map<string, SelectionSetNode>();
  for (const one of document.definitions) if (one.kind === Kind.FRAGMENT_DEFINITION) fragments.set(one.name.value, one.selectionSet);
  return fragments;
};

/** As many as a document may have. */
const MOST = 10;
/** A field that is not in the schema may be called anything. */
const MOST_NAME = 64;
/** In place of an input field's name that is not in the schema: it may be anything, and so a secret that was pasted there. */
const UNKNOWN = '[unknown]';

/** Takes each fragment that it comes to out of the map: its fields count once, and one may be within itself. */
const fieldsOf = (set: SelectionSetNode, fragments: Map<string, SelectionSetNode>): string[] =>
  set.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return selection.name.value.startsWith('__') ? [] : [selection.name.value.slice(0, MOST_NAME)];
    if (selection.kind === Kind.INLINE_FRAGMENT) return fieldsOf(selection.selectionSet, fragments);
    const fragment = fragments.get(selection.name.value);
    fragments.delete(selection.name.value);
    return fragment === undefined ? [] : fieldsOf(fragment, fragments);
  });

let inputNames: ReadonlySet<string> | null = null;
/** Of the fields of all inputs, made when first asked for. */
const namesOfInputs = (): ReadonlySet<string> => {
  inputNames ??= new Set(
    Object.values(buildSchema().getTypeMap()).flatMap((type) => (isInputObjectType(type) ? Object.keys(type.getFields()) : [])),
  );
  return inputNames;
};

/** The same with names of the schema alone; what had another name is left as one field without a value. */
const withKnownNames = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withKnownNames);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => (namesOfInputs().has(name) ? [name, withKnownNames(inner)] : [UNKNOWN, null])),
  );
};

interface Asked {
  document: DocumentNode;
  operationName: string | null | undefined;
  variables: unknown;
}

/** A row for each of the document's mutations, `most` at the most. What cannot be written is logged: the answer is a refusal anyway. */
export const recordRefusedDocument = async (context: Context, asked: Asked & { code: string }, most = MOST): Promise<void> => {
  const { document, operationName, variables, code } = asked;
  const input = inputIn(variables);
  for (const action of mutationFields(document, operationName).slice(0, most))
    try {
      const call = callOf(context, {}, auditedInput(withKnownNames(input)));
      await context.commands.recordRefusal(call, { action, input, target: askedTarget(input), code });
    } catch (error) {
      context.log.error({ err: error, requestId: context.requestId, action }, 'a refused mutation could not be written to the audit log');
    }
};

/**
 * Before any of them writes a row. Throws RateLimited; of what is refused so one row a minute is written for each project, lest the log be
 * flooded by it.
 */
export const takeMutations = async (rates: Rates, context: Context, asked: Asked): Promise<void> => {
  const { actor } = context;
  try {
    rates.takeMutations(actor, countMutations(asked.document, asked.operationName));
  } catch (error) {
    if (error instanceof RateLimited && rates.isNoted(actor)) await recordRefusedDocument(context, { ...asked, code: error.code }, 1);
    throw error;
  }
};

/** As many as it would do, fragments included: 1 to 10. */
const countMutations = (document: DocumentNode, operationName: string | null | undefined): number => {
  const fragments = fragmentsOf(document);
  const counted = new Map<string, number>();
  const ofFragment = (name: string): number => {
    const known = counted.get(name);
    if (known !== undefined) return known;
    // One within itself is refused by validation, and counts once.
    counted.set(name, 0);
    const count = ofSet(fragments.get(name));
    counted.set(name, count);
    return count;
  };
  const ofSet = (set: SelectionSetNode | undefined): number =>
    (set?.selections ?? [])
      .map((one) =>
        one.kind === Kind.FIELD ? 1 : one.kind === Kind.INLINE_FRAGMENT ? ofSet(one.selectionSet) : ofFragment(one.name.value),
      )
      .reduce((sum, count) => Math.min(sum + count, MOST), 0);
  return Math.max(1, ofSet(getOperationAST(document, operationName ?? null)?.selectionSet));
};

/** What does not get to a resolver has no data at all. */
export const recordRefusedVariables = async (
  args: Pick<ExecutionArgs, 'document' | 'operationName' | 'variableValues' | 'contextValue'>,
  { data, errors = [] }: ExecutionResult,
): Promise<void> => {
  if (data !== undefined || errors.length === 0) return;
  const { document, operationName, variableValues: variables } = args;
  await recordRefusedDocument(args.contextValue as Context, { document, operationName, variables, code: codeOf(errors) });
};

/** Of the first one, as callers are told it. */
export const codeOf = ([error]: readonly GraphQLError[]): string =>
  typeof error?.extensions.code === 'string' ? error.extensions.code : 'BAD_USER_INPUT';

/** Nearly every client calls it so; of other variables nothing is known. */
const inputIn = (variables: unknown): object => {
  const input = variables !== null && typeof variables === 'object' && 'input' in variables ? variables.input : null;
  return input !== null && typeof input === 'object' ? (withoutDepths(input, MOST_LEVELS) as object) : {};
};

/** Several times what the schema's inputs have. What is written down of one goes into it level by level, and the stack would end in lists of lists. */
const MOST_LEVELS = 50;

const withoutDepths = (value: unknown, levels: number): unknown => {
  if (value === null || typeof value !== 'object') return value;
  if (levels === 0) return null;
  if (Array.isArray(value)) return value.map((item) => withoutDepths(item, levels - 1));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutDepths(inner, levels - 1)]));
};
