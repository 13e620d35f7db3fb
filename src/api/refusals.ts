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
import { type Context, callOf } from './context.ts';
import { buildSchema } from './schema.ts';

/** Names of a mutation's root fields, as far as they are in the document itself; none of any other operation. */
const mutationFields = (document: DocumentNode, operationName: string | null | undefined): string[] => {
  const operation = getOperationAST(document, operationName ?? null);
  return operation?.operation === 'mutation' ? [...new Set(fieldsOf(operation.selectionSet))].slice(0, MOST) : [];
};

/** As many as a document may have. */
const MOST = 10;
/** A field that is not in the schema may be called anything. */
const MOST_NAME = 64;
/** In place of an input field's name that is not in the schema: it may be anything, and so a secret that was pasted there. */
const UNKNOWN = '[unknown]';

const fieldsOf = (set: SelectionSetNode): string[] =>
  set.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return selection.name.value.startsWith('__') ? [] : [selection.name.value.slice(0, MOST_NAME)];
    return selection.kind === Kind.INLINE_FRAGMENT ? fieldsOf(selection.selectionSet) : [];
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

/** A row for each of the document's mutations. What cannot be written is logged: the answer is a refusal anyway. */
export const recordRefusedDocument = async (
  context: Context,
  asked: { document: DocumentNode; operationName: string | null | undefined; variables: unknown; code: string },
): Promise<void> => {
  const { document, operationName, variables, code } = asked;
  const input = inputIn(variables);
  for (const action of mutationFields(document, operationName))
    try {
      const call = callOf(context, {}, auditedInput(withKnownNames(input)));
      await context.commands.recordRefusal(call, { action, input, target: askedTarget(input), code });
    } catch (error) {
      context.log.error({ err: error, requestId: context.requestId, action }, 'a refused mutation could not be written to the audit log');
    }
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
  return input !== null && typeof input === 'object' ? input : {};
};
