/** HTTP/1.1, for APIs behind something that speaks nothing newer: a connection for each call and watch under way, kept between calls. */
import { Agent, request } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { codeOf, DeadSocket, type Wire } from './wire.ts';

/** Below the idle limits that load balancers and API servers usually have, so that we are the side that closes. */
const IDLE_SOCKET_MS = 20_000;
/** A dead peer says nothing: the kernel asks it. */
export const KERNEL_ASKS_MS = 15_000;

export const openHttp1 = (tls: ConnectionOptions, maxFreeSockets: number): Wire => {
  const { host, port, ...rest } = tls;
  const agent = new Agent({ ...rest, keepAlive: true, timeout: IDLE_SOCKET_MS, maxFreeSockets });
  return {
    state: 'open',
    send: ({ method, path, headers, body }) => {
      const length = body === undefined ? {} : { 'content-length': body.length };
      const sent = request({ agent, host, port, method, path, headers: { ...headers, ...length } });
      return {
        answer: new Promise((resolve, reject) => {
          sent.on('error', (error) => {
            const reset = codeOf(error) === 'ECONNRESET' || codeOf(error) === 'EPIPE';
            reject(reset && sent.reusedSocket ? new DeadSocket('', { cause: error }) : error);
          });
          sent.on('response', (response) => {
            response.socket.setKeepAlive(true, KERNEL_ASKS_MS);
            resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body: response });
          });
          sent.end(body);
        }),
        cut: (error) => void sent.destroy(error),
      };
    },
    // Each call has a connection of its own, and what had no answer took its own with it.
    distrust: () => {},
    close: () => agent.destroy(),
  };
};
