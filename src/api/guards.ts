/** What is refused before GraphQL sees it: foreign pages, other content types, bodies that are too large or hold no single request. */
import type { IncomingMessage } from 'node:http';
import type { AskedBy } from './askedBy.ts';
import type { Cost } from './document.ts';

/** An answer that ends a request early. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Who asked went before the request was whole: nobody is there to be answered, and nothing is wrong here. */
export class HungUp extends Error {}

/** Why an answer ends early whose document was measured before: what it may cost is told all the same. */
export class Costed extends Error {
  readonly thrown: unknown;
  readonly cost: Cost;
  constructor(thrown: unknown, cost: Cost) {
    super('Refused.');
    this.thrown = thrown;
    this.cost = cost;
  }
}

/** `?remove_deprecated=true`: the answer shall be as if the release were here that removes what is deprecated. */
export const isWithoutDeprecated = (request: AskedBy): boolean =>
  request.url?.includes('?') === true && new URLSearchParams(request.url.split('?')[1]).get('remove_deprecated') === 'true';

/** No Origin (not a browser's cross-site call), the API's own, or one that is allowed by name. */
export const isOriginAllowed = (request: IncomingMessage, allowed: readonly string[]): boolean => {
  const origin = request.headers.origin;
  if (origin === undefined) return true;
  if (allowed.includes(origin)) return true;
  const host = URL.canParse(origin) ? new URL(origin).host : '';
  return host !== '' && host === request.headers.host;
};

/** Throws Refusal 415 unless the body is plain JSON: other types are what a foreign page's form can send without being asked first. */
export const requireJson = (request: IncomingMessage): void => {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json(?:\s*;\s*charset\s*=\s*"?utf-8"?)?\s*$/i.test(type))
    throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send GraphQL requests as Content-Type: application/json.');
  if (request.headers['content-encoding'] !== undefined)
    throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the body without Content-Encoding.');
};

/**
 * Counts while it reads: a false or missing Content-Length helps nobody. By events, for most bodies come in one piece, and an iterator costs
 * more than all else that is done with one. Throws Refusal 413, and HungUp when the request breaks off.
 */
export const readBody = async (request: IncomingMessage, maxBytes: number): Promise<string> => {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks = await new Promise<Buffer[]>((resolve, reject) => {
    // It went while who asks was looked at: no event will come any more.
    if (request.destroyed) return reject(new HungUp('The request broke off.'));
    const read: Buffer[] = [];
    let bytes = 0;
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) return void read.push(chunk);
      // Whoever refuses it has still to answer over its connection, and sees to the rest.
      request.off('data', take);
      reject(tooLarge(maxBytes));
    };
    request.on('data', take);
    request.once('end', () => resolve(read));
    request.once('error', (cause) => reject(new HungUp('The request broke off.', { cause })));
  });
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0].toString('utf8') : Buffer.concat(chunks).toString('utf8');
};

const tooLarge = (maxBytes: number) => new Refusal(413, 'BODY_TOO_LARGE', `The body may have at most ${maxBytes} bytes.`);

export interface GraphqlRequest {
  query: string;
  operationName: string | null;
  variables: Record<string, unknown>;
  /** The hash of a document that is known, in place of its text. */
  sha256: string | null;
}

const bad = (message: string) => new Refusal(400, 'BAD_REQUEST', message);

const parseJson = (text: string, what: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw bad(`${what} is not JSON.`);
  }
};

/**
 * The request in a URL's query, as GraphQL over HTTP has it (variables and extensions in JSON); null: no document is named in it.
 * Throws Refusal 400 as `readRequest`.
 */
export const readQuery = (url: string): GraphqlRequest | null => {
  const given = new URLSearchParams(url.split('?')[1]);
  const json = (name: string): unknown => {
    const text = given.get(name);
    return text === null ? null : parseJson(text, `"${name}"`);
  };
  if (!['query', 'documentId', 'extensions'].some((name) => given.has(name))) return null;
  return checked({
    query: given.get('query'),
    documentId: given.get('documentId'),
    operationName: given.get('operationName'),
    variables: json('variables'),
    extensions: json('extensions'),
  });
};

/** Throws Refusal 400 for anything but one request with a document. */
export const readRequest = (body: string): GraphqlRequest => {
  const parsed = parseJson(body, 'The body');
  if (Array.isArray(parsed)) throw bad('Send one request at a time: batches are not taken.');
  if (parsed === null || typeof parsed !== 'object') throw bad('The body must be an object with "query" and, perhaps, "variables".');
  return checked(parsed as Record<string, unknown>);
};

const checked = (request: Record<string, unknown>): GraphqlRequest => {
  const { query, operationName, variables, extensions } = request;
  if (extensions != null && (typeof extensions !== 'object' || Array.isArray(extensions))) throw bad('"extensions" must be an object.');
  const sha256 = hashIn(request);
  if (query == null || query === '' ? sha256 === null : typeof query !== 'string') throw bad('"query" must be a GraphQL document.');
  if (operationName != null && typeof operationName !== 'string') throw bad('"operationName" must be a string.');
  if (variables != null && (typeof variables !== 'object' || Array.isArray(variables))) throw bad('"variables" must be an object.');
  return { query: String(query ?? ''), operationName: operationName ?? null, variables: { ...variables }, sha256 };
};

/**
 * By which hash a request names its document: `documentId`, as GraphQL over HTTP has it, or the extension `persistedQuery` of Apollo's clients
 * (https://github.com/graphql/graphql-over-http/blob/main/spec/Appendix%20A%20--%20Persisted%20Documents.md).
 */
export const hashIn = (request: object): string | null => {
  const { documentId, extensions } = request as { documentId?: unknown; extensions?: { persistedQuery?: { sha256Hash?: unknown } } | null };
  if (typeof documentId === 'string') return documentId.replace(/^sha256:/, '');
  const hash = extensions?.persistedQuery?.sha256Hash;
  return typeof hash === 'string' ? hash : null;
};
