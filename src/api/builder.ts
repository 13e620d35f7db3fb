/** The schema builder that all type files share, with its scalars. */
import SchemaBuilder, { type ArgBuilder as PothosArgBuilder } from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import { GraphQLError } from 'graphql';
import type { Context } from './context.ts';
import { decodeId, encodeId } from './ids.ts';

export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  /** What every connection has beside its page; see `connectionOf`. */
  Connection: { count(): Promise<number> };
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: number; Output: number };
  };
}>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    cursorType: 'String',
    encodeGlobalID: (typename, id) => encodeId(typename, String(id)),
    // What is no id of ours becomes one that is never there: garbage finds nothing, and is no error.
    decodeGlobalID: (text) => {
      const decoded = decodeId(text);
      return decoded !== null && nodeTypes.has(decoded.typename) ? decoded : { typename: 'Cluster', id: '' };
    },
    edgesFieldOptions: { description: 'The page, with a cursor for each object.' },
    nodeFieldOptions: { description: 'The object.' },
    nodesOnConnection: { description: 'The page, without cursors.' },
    nodeTypeOptions: { description: 'An object with an id that is unique in the whole API.' },
    idFieldOptions: { description: 'Id for `node`, unique in the whole API, opaque.' },
    nodeQueryOptions: {
      description: 'Any object by its id; null when it is not there, or not yours to see.',
      args: { id: { description: "The object's id." } },
    },
    nodesQueryOptions: {
      description: 'Objects by their ids, at most 100, in the order asked for; null for each that is not there, or not yours to see.',
      args: { ids: { description: "The objects' ids." } },
      resolve: (_root, { ids }, _context, _info, resolveNodes) => {
        if (ids.length > MAX_IDS) throw badInput(`At most ${MAX_IDS} ids at once.`);
        return resolveNodes(ids);
      },
    },
    pageInfoTypeOptions: { description: 'Where a page lies in the whole list.' },
    hasNextPageFieldOptions: { description: 'There is more after this page.' },
    hasPreviousPageFieldOptions: { description: 'There is something before this page.' },
    startCursorFieldOptions: { description: 'Cursor of the first object of the page.' },
    endCursorFieldOptions: { description: "Cursor of the last object of the page: the next page's `after`." },
    cursorFieldOptions: { description: 'Where this object is in the list; opaque.' },
    pageInfoFieldOptions: { description: 'Where this page lies in the whole list.' },
    defaultConnectionTypeOptions: { description: 'A page of a list.' },
    defaultEdgeTypeOptions: { description: 'An object and its place in the list.' },
  },
});

export type SchemaTypes = (typeof builder)['$inferSchemaTypes'];
export type ArgBuilder = PothosArgBuilder<SchemaTypes>;
export type InputBuilder = PothosSchemaTypes.InputFieldBuilder<SchemaTypes, 'InputObject'>;

const MAX_IDS = 100;
const nodeTypes = new Set<string>();
/** Names of the types that `node` can answer; anything else is "not there" and not an error. */
export const nodeType = <Name extends string>(name: Name): Name => {
  nodeTypes.add(name);
  return name;
};

/** An error in the arguments of a query, shown as it is. */
export const badInput = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } });

builder.scalarType('DateTime', {
  description: 'A moment, as ISO 8601 in UTC with milliseconds.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (ms) => new Date(ms).toISOString(),
  parseValue: (text) => {
    const ms = typeof text === 'string' ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(ms)) throw badInput('A DateTime is text such as 2026-11-24T00:00:00.000Z.');
    return ms;
  },
});

builder.queryType({ description: 'What can be read.' });
builder.mutationType({ description: 'What can be changed. A mutation is written down and answered at once; a reconciler carries it out.' });
builder.subscriptionType({ description: 'What can be watched, over WebSocket (graphql-transport-ws) or SSE.' });
