/** Stored operations: documents of the operator's that anybody may call by name, with the own rights, as plain HTTP. */
import { type DocumentNode, GraphQLError, type GraphQLSchema, Kind, type OperationDefinitionNode } from 'graphql';
import type { Documents } from './document.ts';

export interface NamedText {
  name: string;
  text: string;
}

export interface StoredOperation extends NamedText {
  document: DocumentNode;
  definition: OperationDefinitionNode;
  kind: 'query' | 'mutation';
  /** The comment that its text begins with. */
  description: string | null;
}

export type StoredOperations = ReadonlyMap<string, StoredOperation>;

/** What is wrong with them, a line for each. */
export class OperationError extends Error {}

/** Throws OperationError naming every document that is not one query or mutation which the schema has and limits allow. */
export const loadOperations = (texts: readonly NamedText[], by: { schema: GraphQLSchema; documents: Documents }): StoredOperations => {
  const found = new Map<string, StoredOperation>();
  const faults: string[] = [];
  for (const { name, text } of texts)
    try {
      found.set(name, loadOne({ name, text }, by.documents));
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      const line = error.locations?.[0]?.line;
      faults.push(`${name}${line === undefined ? '' : `, line ${line}`}: ${error.message}`);
    }
  if (faults.length > 0) throw new OperationError(faults.join('\n'));
  return found;
};

const loadOne = ({ name, text }: NamedText, documents: Documents): StoredOperation => {
  const document = documents.parse(text);
  const [fault] = documents.check(document, false);
  if (fault !== undefined) throw fault;
  const [definition, ...others] = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
  if (definition === undefined || others.length > 0) throw new GraphQLError('It must have one operation.');
  if (definition.operation === 'subscription') throw new GraphQLError('It must be a query or a mutation: subscriptions need a stream.');
  return { name, text, document, definition, kind: definition.operation, description: descriptionIn(text) };
};

const descriptionIn = (text: string): string | null => {
  const [, comment] = /^((?:#[^\n]*\n)+)/.exec(text) ?? [];
  return comment?.replace(/^#+ ?/gm, '').trim() || null;
};
