/** A machine's own small HTTPS client: one connection, closed when the join is over. */
import type { X509Certificate } from 'node:crypto';
import { Agent, request } from 'node:https';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { type Dict, dict } from '../objects.ts';

export interface ApiAnswer {
  status: number;
  body: Dict;
}

export interface ApiClient {
  call(method: string, path: string, options?: { token?: string; body?: unknown; contentType?: string }): Promise<ApiAnswer>;
  /** What the server showed in the handshake; undefined before the first call. */
  serverCertificate(): X509Certificate | undefined;
  close(): void;
}

let anonymous: SecureContext | undefined;
/** One for all machines: it holds nothing. */
const anonymousContext = (): SecureContext => {
  anonymous ??= createSecureContext({});
  return anonymous;
};

const TIMEOUT_MS = 10_000;

/** `trust` undefined: any certificate is taken, as in discovery before the pin is checked. */
export const createApiClient = (server: string, trust: { caPem: string; certPem?: string; keyPem?: string } | undefined): ApiClient => {
  const url = new URL(server);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    rejectUnauthorized: trust !== undefined,
    ...(trust ? { ca: trust.caPem } : { secureContext: anonymousContext() }),
    ...(trust?.certPem && trust.keyPem ? { cert: trust.certPem, key: trust.keyPem } : {}),
  });
  let seen: X509Certificate | undefined;
  const note = (socket: TLSSocket): void => {
    seen ??= socket.getPeerX509Certificate() ?? undefined;
  };
  return {
    serverCertificate: () => seen,
    call: (method, path, options = {}) =>
      new Promise((resolve, reject) => {
        const body = options.body === undefined ? undefined : JSON.stringify(options.body);
        const headers = {
          Accept: 'application/json',
          'User-Agent': 'kubeadm/sandbox',
          ...(options.token ? { Authorization: `Bearer ${options.token}` } : {}),
          ...(body ? { 'Content-Type': options.contentType ?? 'application/json', 'Content-Length': Buffer.byteLength(body) } : {}),
        };
        const sent = request(
          { agent, host: url.hostname, port: url.port || 443, method, path, headers, timeout: TIMEOUT_MS },
          (response) => {
            note(response.socket as TLSSocket);
            const chunks: Buffer[] = [];
            response.on('data', (chunk: Buffer) => chunks.push(chunk));
            response.on('error', reject);
            response.on('end', () => {
              try {
                resolve({ status: response.statusCode ?? 0, body: dict(JSON.parse(Buffer.concat(chunks).toString() || '{}')) });
              } catch (error) {
                reject(error);
              }
            });
          },
        );
        sent.on('timeout', () => sent.destroy(new Error('net/http: request canceled (Client.Timeout exceeded while awaiting headers)')));
        sent.on('error', reject);
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
};
