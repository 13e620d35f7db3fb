/** From text to a document that may be run, the same for HTTP, SSE and WebSocket: a text that was found good is not looked at again. */
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  NoDeprecatedCustomRule,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import { MAX_COST, MAX_TOKENS, measureDocument } from './limits.ts';

export interface Documents {
  /** Throws a GraphQLError for text that is no document, or one with too many tokens. */
  parse(text: string): DocumentNode;
  /** Why the document may not be run; empty: it may. `withoutDeprecated`: as if the release were here that removes what is deprecated. */
  check(document: DocumentNode, withoutDeprecated: boolean): readonly GraphQLError[];
  /** What an answer's `extensions` say of the operation's cost; undefined when there is no such operation. */
  costOf(document: DocumentNode, operationName: string | null | undefined): Cost | undefined;
}

export interface Cost {
  /** About one unit a field that may be answered, reckoned from the document before it is run. */
  estimated: number;
  /** The most that one document may cost. */
  limit: number;
}

/** Characters of all texts together whose documents are kept, and of one: a document takes some forty times its text. */
const MAX_KEPT = 262_144;
const MAX_KEPT_ONE = 16_384;
/** A person mends one at a time; a document of nothing but mistakes shall not be answered by as many sentences. */
const MAX_ERRORS = 5;

interface Looked {
  costs: ReadonlyMap<string, number>;
  errors: readonly GraphQLError[];
  /** Not looked for yet: undefined. */
  deprecated?: readonly GraphQLError[];
}

export const createDocuments = (schema: GraphQLSchema, introspection: boolean): Documents => {
  const kept = createKept();
  const looked = new WeakMap<DocumentNode, Looked>();
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];

  const errorsOf = (document: DocumentNode, by: readonly ValidationRule[]) =>
    validate(schema, document, by, { maxErrors: MAX_ERRORS }).map(
      (error) => new GraphQLError(withoutValue(introspection ? error.message : withoutHint(error.message)), placeOf(error)),
    );

  const look = (document: DocumentNode): Looked => {
    const known = looked.get(document);
    if (known !== undefined) return known;
    const found = atMostSoDeep(
      (): Looked => {
        const { costs, errors } = measureDocument(schema, document);
        return { costs, errors: errors.length > 0 ? errors : errorsOf(document, rules) };
      },
      (error): Looked => ({ costs: new Map(), errors: [error] }),
    );
    looked.set(document, found);
    return found;
  };

  return {
    parse: (text) => {
      const known = kept.get(text);
      if (known !== undefined) return known;
      const document = parseText(text);
      // Only what may be run is worth keeping: nobody's mistakes push it out.
      if (look(document).errors.length === 0) kept.set(text, document);
      return document;
    },
    check: (document, withoutDeprecated) => {
      const found = look(document);
      if (found.errors.length > 0 || !withoutDeprecated) return found.errors;
      found.deprecated ??= errorsOf(document, [NoDeprecatedCustomRule]);
      return found.deprecated;
    },
    costOf: (document, operationName) => {
      const { costs } = look(document);
      const [only] = costs.size === 1 ? costs.values() : [];
      const estimated = operationName == null ? only : costs.get(operationName);
      return estimated === undefined ? undefined : { estimated, limit: MAX_COST };
    },
  };
};

const parseText = (text: string): DocumentNode => {
  try {
    return atMostSoDeep(
      () => parse(text, { maxTokens: MAX_TOKENS }),
      (error) => {
        throw error;
      },
    );
  } catch (error) {
    if (error instanceof GraphQLError) error.extensions.code ??= 'GRAPHQL_PARSE_FAILED';
    throw error;
  }
};

/** Two thousand lists in lists are too much for who goes down into them one by one: the stack's end is an error like others. */
const atMostSoDeep = <T>(work: () => T, refuse: (error: GraphQLError) => T): T => {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return refuse(new GraphQLError('The document is nested too deeply.', { extensions: { code: 'DEPTH_LIMIT' } }));
  }
};

/** Documents by their text; the one that was not asked for the longest goes first. */
const createKept = () => {
  const kept = new Map<string, DocumentNode>();
  let characters = 0;
  return {
    get: (text: string): DocumentNode | undefined => {
      const document = kept.get(text);
      if (document === undefined) return undefined;
      kept.delete(text);
      kept.set(text, document);
      return document;
    },
    set: (text: string, document: DocumentNode): void => {
      if (text.length > MAX_KEPT_ONE) return;
      kept.set(text, document);
      characters += text.length;
      for (const oldest of kept.keys()) {
        if (characters <= MAX_KEPT) break;
        kept.delete(oldest);
        characters -= oldest.length;
      }
    },
  };
};

const placeOf = (error: GraphQLError) => ({
  nodes: error.nodes ?? null,
  extensions: { code: 'GRAPHQL_VALIDATION_FAILED', ...error.extensions },
});

/** A hint at similar names would tell the schema, name by name, to who may not see it. */
const withoutHint = (message: string): string => message.replace(/ Did you mean .*$/s, '');

/** The library repeats a value that does not fit its place, and it may be a secret that was pasted there; where it stands is told beside. */
const withoutValue = (message: string): string =>
  message
    .replace(/( cannot represent .+? value): .*$/s, '$1.')
    .replace(/^(Expected value of type "[^"]+"), found .*$/s, '$1.')
    .replace(/^Value .* does not exist in (".+" enum\.).*$/s, 'The value does not exist in $1');
