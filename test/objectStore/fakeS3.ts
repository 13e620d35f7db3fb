/** A store that speaks S3 over TLS, for tests: it works out each signature by itself, from what came over the wire, and refuses as S3 does. */
import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeTls } from './tls.ts';

export interface FakeS3 {
  endpoint: string;
  caPem: string;
  bucket: string;
  region: string;
  accessKey: string;
  secretKey: string;
  /** By name. */
  objects: Map<string, Buffer>;
  /** Every request as "PUT name", with how it was answered. */
  seen: { call: string; status: number; url: string; headers: IncomingMessage['headers'] }[];
  /** Milliseconds that its clock is ahead. */
  aheadMs: number;
  /** Answers instead of itself; undefined: itself. */
  instead:
    | ((method: string, name: string) => { status: number; body?: string; headers?: Record<string, string> } | 'cut' | 'stall' | undefined)
    | null;
  /** Adds so many bytes to what it says of an object's size. */
  extraBytes: number;
  close(): Promise<void>;
}

interface Answer {
  status: number;
  body?: Buffer | string;
  headers?: Record<string, string>;
}

const LONGEST_EXPIRES = 604_800;
const SKEW_MS = 15 * 60_000;

const error = (status: number, code: string): Answer => ({
  status,
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`,
});

export const startFakeS3 = async (): Promise<FakeS3> => {
  const tls = await makeTls();
  const server = createServer({ cert: tls.cert, key: tls.key }, (request, response) => void serve(s3, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const s3: FakeS3 = {
    endpoint: `https://localhost:${(server.address() as AddressInfo).port}`,
    caPem: tls.caPem,
    bucket: 'backups',
    region: 'eu-test-1',
    accessKey: 'AKIDSEEDBEDTEST',
    secretKey: 'not/a+secret/but+long/enough=',
    objects: new Map(),
    seen: [],
    aheadMs: 0,
    instead: null,
    extraBytes: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return s3;
};

const serve = async (s3: FakeS3, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = '', url = '', headers } = request;
  const path = url.split('?')[0] ?? '';
  const name = decodeURIComponent(path).slice(`/${s3.bucket}/`.length);
  const instead = s3.instead?.(method, name);
  if (instead === 'cut') return void request.socket.destroy();
  if (instead === 'stall') return;
  const { status, body = '', headers: more }: Answer = instead ?? answer(s3, request, path, name, Buffer.concat(chunks));
  s3.seen.push({ call: `${method} ${name}`, status, url, headers });
  response.writeHead(status, { ...more, 'Content-Length': Buffer.byteLength(body) }).end(body);
};

const answer = (s3: FakeS3, request: IncomingMessage, path: string, name: string, body: Buffer): Answer => {
  const refused = refusalOf(s3, request);
  if (refused !== undefined) return refused;
  if (!path.startsWith(`/${s3.bucket}/`)) return error(404, 'NoSuchBucket');
  if (request.method === 'PUT') {
    if (request.headers['content-length'] === undefined) return error(411, 'MissingContentLength');
    s3.objects.set(name, body);
    return { status: 200 };
  }
  if (request.method === 'DELETE') {
    s3.objects.delete(name);
    return { status: 204 };
  }
  const found = s3.objects.get(name);
  if (found === undefined) return error(404, 'NoSuchKey');
  const [, length] = /^bytes=-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  if (length === undefined) return { status: 200, body: found };
  if (found.length === 0) return error(416, 'InvalidRange');
  const from = Math.max(0, found.length - Number(length));
  const range = `bytes ${from}-${found.length - 1}/${found.length + s3.extraBytes}`;
  return { status: 206, body: found.subarray(from), headers: { 'Content-Range': range } };
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html */
const refusalOf = (s3: FakeS3, { method = '', url = '', headers }: IncomingMessage): Answer | undefined => {
  const [path = '', queryText = ''] = url.split('?');
  const pairs = queryText.split('&').map((pair) => [pair.split('=')[0] ?? '', pair.split('=')[1] ?? ''] as const);
  const query = new Map(pairs.map(([key, value]) => [decodeURIComponent(key), decodeURIComponent(value)]));
  const given = (name: string): string => query.get(`X-Amz-${name}`) ?? '';
  if (headers['transfer-encoding'] !== undefined) return error(501, 'NotImplemented');
  if (given('Algorithm') !== 'AWS4-HMAC-SHA256' || !/^\d{1,6}$/.test(given('Expires')) || Number(given('Expires')) > LONGEST_EXPIRES)
    return error(400, 'AuthorizationQueryParametersError');
  const [accessKey, day, region, ...service] = given('Credential').split('/');
  if (accessKey !== s3.accessKey) return error(403, 'InvalidAccessKeyId');
  const at = given('Date');
  if (region !== s3.region || service.join('/') !== 's3/aws4_request' || day !== at.slice(0, 8))
    return error(400, 'AuthorizationQueryParametersError');
  const signedAt = Date.parse(at.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  const now = Date.now() + s3.aheadMs;
  if (!(signedAt < now + SKEW_MS && now < signedAt + Number(given('Expires')) * 1000)) return error(403, 'AccessDenied');
  const signedHeaders = given('SignedHeaders').split(';');
  if (!signedHeaders.includes('host') || Object.keys(headers).some((name) => name.startsWith('x-amz-') && !signedHeaders.includes(name)))
    return error(403, 'AccessDenied');
  const canonical = [
    method,
    path,
    pairs
      .filter(([key]) => key !== 'X-Amz-Signature')
      .map((pair) => pair.join('='))
      .sort()
      .join('&'),
    ...signedHeaders.map((name) => `${name}:${String(headers[name] ?? '').trim()}`),
    '',
    signedHeaders.join(';'),
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', at, `${day}/${region}/s3/aws4_request`, createHash('sha256').update(canonical).digest('hex')].join(
    '\n',
  );
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (before, word) => hmac(before, word ?? ''),
    `AWS4${s3.secretKey}`,
  );
  return hmac(key, text).toString('hex') === given('Signature') ? undefined : error(403, 'SignatureDoesNotMatch');
};

const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();
