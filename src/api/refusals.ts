/** Mutations that got to no command, for the audit log: documents and variables that do not fit the schema. */
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLError,
  getOperationAST,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { askedTarget, auditedInput } from '../domain/auditLog.ts';
import { type Context, callOf } from './context.ts';

/** Names of a mutation's root fields, as far as they are in the document itself; none of any other operation. */
const mutationFields = (document: DocumentNode, operationName: string | null | undefined): string[] => {
  const operation = getOperationAST(document, operationName ?? null);
  return operation?.operation === 'mutation' ? [...new Set(fieldsOf(operation.selectionSet))].slice(0, MOST) : [];
};

/** As many as a document may have. */
const MOST = 10;
/** A field that is not in the schema may be called anything. */
const MOST_NAME = 64;

const fieldsOf = (set: SelectionSetNode): string[] =>
  set.selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return selection.name.value.startsWith('__') ? [] : [selection.name.value.slice(0, MOST_NAME)];
    return selection.kind === Kind.INLINE_FRAGMENT ? fieldsOf(selection.selectionSet) : [];
  });

/** A row for each of the document's mutations. What cannot be written is logged: the answer is a refusal anyway. */
export const recordRefusedDocument = async (
  context: Context,
  asked: { document: DocumentNode; operationName: string | null | undefined; variables: unknown; code: string },
): Promise<void> => {
  const { document, operationName, variables, code } = asked;
  const input = inputIn(variables);
  for (const action of mutationFields(document, operationName))
    try {
      const call = callOf(context, {}, auditedInput(input));
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
