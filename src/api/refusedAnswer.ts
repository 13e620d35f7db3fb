/** The answer to a request that may not have been read to its end. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long, and for how many bytes of it, the rest of a refused request is taken. */
const LINGER_MS = 2_000;
const LINGER_BYTES = 4 * 1024 * 1024;

/** Ends the connection, too. */
export const sendRefused = (
  request: IncomingMessage,
  response: ServerResponse,
  { status, type, body }: { status: number; type: string; body: string },
): void => {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), Connection: 'close' });
  if (request.complete) return void response.end(body);
  response.write(body);
  linger(request, response);
};

/**
 * The rest of a request is thrown away for a while after its answer: a connection that is closed on what is still being said is reset, and the
 * answer lost with it (RFC 9112, 9.6). What is more stays in the sender's hands until the connection is closed.
 */
const linger = (request: IncomingMessage, response: ServerResponse): void => {
  const over = setTimeout(() => response.end(), LINGER_MS);
  response.once('close', () => clearTimeout(over));
  request.once('end', () => response.end());
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) request.pause();
  });
};
