/** From text to a document that may be run: the same for HTTP, SSE and WebSocket. */
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { checkLimits, MAX_TOKENS } from './limits.ts';

/** Throws a GraphQLError for text that is no document, or one with too many tokens. */
export const parseDocument = (text: string): DocumentNode => {
  try {
    return parse(text, { maxTokens: MAX_TOKENS });
  } catch (error) {
    if (error instanceof GraphQLError) error.extensions.code = 'GRAPHQL_PARSE_FAILED';
    throw error;
  }
};

/** Why the document may not be run; empty: it may. */
export const checkDocument = (schema: GraphQLSchema, document: DocumentNode, introspection: boolean): readonly GraphQLError[] => {
  const limits = checkLimits(schema, document);
  if (limits.length > 0) return limits;
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  const errors = validate(schema, document, rules, { maxErrors: 10 });
  return errors.map((error) => new GraphQLError(introspection ? error.message : withoutHint(error.message), placeOf(error)));
};

const placeOf = (error: GraphQLError) => ({
  nodes: error.nodes ?? null,
  extensions: { code: 'GRAPHQL_VALIDATION_FAILED', ...error.extensions },
});

/** A hint at similar names would tell the schema, name by name, to who may not see it. */
const withoutHint = (message: string): string => message.replace(/ Did you mean .*$/s, '');
