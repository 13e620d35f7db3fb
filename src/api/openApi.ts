/** An OpenAPI 3.1 document of the stored operations. */
import { type FragmentDefinitionNode, type GraphQLInputType, type GraphQLSchema, Kind, print, typeFromAST } from 'graphql';
import { inputSchema, type JsonSchema, outputSchema } from './jsonSchema.ts';
import { OPERATIONS } from './paths.ts';
import type { StoredOperation, StoredOperations } from './storedOperation.ts';

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'What went wrong (RFC 9457).',
  properties: {
    title: { type: 'string', description: 'The code once more.' },
    status: { type: 'integer', description: 'The HTTP status.' },
    detail: { type: 'string', description: 'A sentence: what is wrong and what to do.' },
    code: { type: 'string', description: 'For programs.' },
    field: {
      anyOf: [{ type: 'array', items: { type: 'string' } }, { type: 'null' }],
      description: 'Path of the variable that is to blame.',
    },
    retryable: { type: 'boolean', description: 'The same call may succeed later without anybody changing anything.' },
    retryAfterSeconds: { type: 'integer', description: 'In how many seconds, where there were too many calls.' },
    whoMustAct: { type: 'string', description: 'Whose move it is.' },
    remedy: { type: 'string', description: 'What to do about a problem of this code.' },
    requestId: { type: 'string', description: "The call's id, for whoever runs Seedbed." },
  },
  required: ['title', 'status', 'detail', 'code', 'requestId'],
};

/** What is refused before the operation is looked at. */
const REFUSAL: JsonSchema = {
  type: 'object',
  properties: {
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          message: { type: 'string' },
          extensions: { type: 'object', properties: { code: { type: 'string' }, requestId: { type: 'string' } } },
        },
      },
    },
  },
};

/** `pathPrefix`: before all paths, as callers reach them through a proxy; empty: none. */
export const openApiOf = (
  operations: StoredOperations,
  schema: GraphQLSchema,
  { version, pathPrefix }: { version: string; pathPrefix: string },
): object => {
  const components: Record<string, JsonSchema> = { Problem: PROBLEM, Refusal: REFUSAL };
  const paths = Object.fromEntries(
    [...operations.values()]
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((operation) => [`${OPERATIONS}${operation.name}`, { post: operationOf(operation, schema, components) }]),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'Seedbed',
      version,
      description: "The operator's stored operations. Each is done with the rights of the token's bearer.",
    },
    // Clients put their calls together from this; without it they would leave the prefix out.
    ...(pathPrefix !== '' && { servers: [{ url: pathPrefix }] }),
    paths,
    components: {
      schemas: components,
      securitySchemes: { keystone: { type: 'apiKey', in: 'header', name: 'X-Auth-Token', description: 'A Keystone token.' } },
    },
    security: [{ keystone: [] }],
  };
};

const json = (schema: JsonSchema, type = 'application/json') => ({ content: { [type]: { schema } } });

const operationOf = (
  { name, definition, document, description, kind }: StoredOperation,
  schema: GraphQLSchema,
  components: Record<string, JsonSchema>,
) => {
  const fragments = new Map(
    document.definitions
      .filter((one): one is FragmentDefinitionNode => one.kind === Kind.FRAGMENT_DEFINITION)
      .map((one) => [one.name.value, one]),
  );
  const root = schema.getRootType(definition.operation);
  const variables = definition.variableDefinitions ?? [];
  const required = variables.filter(({ type, defaultValue }) => type.kind === Kind.NON_NULL_TYPE && defaultValue === undefined);
  const properties = variables.map(({ variable, type, defaultValue }) => {
    // Checked against the schema when it was loaded.
    const given = inputSchema(typeFromAST(schema, type) as GraphQLInputType, components);
    return [variable.name.value, defaultValue === undefined ? given : { ...given, description: `${print(defaultValue)} without it.` }];
  });
  return {
    operationId: name,
    tags: [kind],
    ...(description !== null && { summary: description.split('\n')[0], description }),
    requestBody: {
      required: required.length > 0,
      ...json({
        type: 'object',
        properties: Object.fromEntries(properties),
        ...(required.length > 0 && { required: required.map(({ variable }) => variable.name.value) }),
      }),
    },
    responses: {
      200: {
        description: 'Done.',
        headers: { 'X-Estimated-Cost': { description: 'About one unit a field that may be answered.', schema: { type: 'integer' } } },
        ...json(root == null ? {} : outputSchema({ schema, fragments }, root, definition.selectionSet)),
      },
      401: { description: 'The token is not valid, or may not be used for this.', ...json({ $ref: '#/components/schemas/Refusal' }) },
      429: {
        description: 'There were too many calls; nothing was done.',
        headers: { 'Retry-After': { description: 'Seconds after which it is taken.', schema: { type: 'integer' } } },
        ...json({ $ref: '#/components/schemas/Problem' }, 'application/problem+json'),
      },
      default: { description: 'It could not be done.', ...json({ $ref: '#/components/schemas/Problem' }, 'application/problem+json') },
    },
  };
};
