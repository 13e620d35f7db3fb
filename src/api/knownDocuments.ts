/** Documents that are known before anybody asks: asked for by their hashes, and the only ones that are run where it is set so. */
import { createHash } from 'node:crypto';
import { GraphQLError } from 'graphql';

export interface KnownDocuments {
  /** The text that a request stands for. Throws GraphQLError PERSISTED_QUERY_NOT_FOUND or PERSISTED_QUERY_ONLY. */
  textOf(asked: { query: string; sha256: string | null }): string;
}

const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex');

/** `only`: a text is run when it is among them, to the letter. */
export const createKnownDocuments = (texts: readonly string[], only: boolean): KnownDocuments => {
  const byHash = new Map(texts.map((text) => [sha256Of(text), text]));
  const known = new Set(texts);
  return {
    textOf: ({ query, sha256 }) => {
      const text = query === '' ? byHash.get(sha256?.toLowerCase() ?? '') : query;
      if (text === undefined)
        throw refusal('PERSISTED_QUERY_NOT_FOUND', 'No document of this hash is known here; send one that is, or have it made known.');
      if (only && !known.has(text))
        throw refusal('PERSISTED_QUERY_ONLY', 'Only documents that are known here are run; have this one made known to the server.');
      return text;
    },
  };
};

const refusal = (code: string, message: string) => new GraphQLError(message, { extensions: { code } });

export const statusOfUnknown = (code: string): number => (code === 'PERSISTED_QUERY_NOT_FOUND' ? 404 : 403);
