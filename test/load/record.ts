/** Loaded into the sandbox before it starts: writes down each call it answers, one JSON document a line, but for watches and the control endpoint. */
import type { EventEmitter } from 'node:events';
import { appendFileSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

export interface RecordedCall {
  /** Host and port that were called. */
  host: string;
  method: string;
  /** Path and query. */
  url: string;
  headers: http.IncomingHttpHeaders;
  body: string;
  status: number;
  answer: string;
  /** Milliseconds since the epoch. */
  began: number;
  ended: number;
}

const path = process.env.SEEDBED_BENCH_RECORD ?? '';

const follow = (request: IncomingMessage, response: ServerResponse): void => {
  const began = Date.now();
  const { method = '', url = '', headers } = request;
  if (/[?&]watch=|^\/control\//.test(url)) return;
  const bodies: Buffer[] = [];
  const answers: Buffer[] = [];
  const keep = (into: Buffer[], chunk: unknown): void => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) into.push(Buffer.from(chunk as string));
  };
  // Whoever reads the body, by events or by iterating, makes it emit its data.
  tap(request, 'emit', ([name, chunk]) => name === 'data' && keep(bodies, chunk));
  tap(response, 'write', ([chunk]) => keep(answers, chunk));
  tap(response, 'end', ([chunk]) => keep(answers, chunk));
  response.once('close', () => {
    const call: RecordedCall = {
      host: String(headers[':authority'] ?? headers.host ?? ''),
      method,
      url,
      headers,
      body: Buffer.concat(bodies).toString(),
      status: response.statusCode,
      answer: Buffer.concat(answers).toString(),
      began,
      ended: Date.now(),
    };
    appendFileSync(path, `${JSON.stringify(call)}\n`);
  });
};

/** Lets `see` have the arguments of each call of a method first. */
const tap = (object: object, name: string, see: (args: unknown[]) => unknown): void => {
  const original: unknown = Reflect.get(object, name);
  if (typeof original !== 'function') throw new Error(`${name} is no method.`);
  Reflect.set(object, name, function (this: unknown, ...args: unknown[]): unknown {
    see(args);
    return Reflect.apply(original, this, args);
  });
};

const secureHttp2: unknown = Object.getPrototypeOf(http2.createSecureServer());
for (const prototype of [http.Server.prototype, https.Server.prototype, secureHttp2] as EventEmitter[]) {
  tap(prototype, 'emit', ([name, request, response]) => {
    if (name === 'request') follow(request as IncomingMessage, response as ServerResponse);
  });
}
