/** Where the API is. */
export const GRAPHQL = '/graphql';
/** The same schema without its mutations: what reads may be given an address at which it can do nothing else. */
export const READING = '/graphql/read';

/** Stored operations, each by its name behind it. */
export const OPERATIONS = '/v1/ops/';
export const OPEN_API = '/v1/openapi.json';

export const READ_ONLY = {
  code: 'READ_ONLY',
  message: `Mutations are not taken at ${READING}, which is for queries and subscriptions alone; send them to ${GRAPHQL}.`,
} as const;
