/** A small HTTPS server on loopback with certificates of its own, for playing a Kubernetes API by hand. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { KubernetesAccess } from '../../src/seeds/kubeconfig.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface Pair {
  certPem: string;
  keyPem: string;
}

/** A CA, a server certificate for 127.0.0.1 (or `serverName` instead) and a client certificate. */
export const makeCertificates = async (serverName?: string): Promise<{ caPem: string; server: Pair; client: Pair }> => {
  const crypto = webcrypto as unknown as NonNullable<Parameters<typeof X509CertificateGenerator.create>[1]>;
  const ca = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + 3_600_000);
  const base = { notBefore, notAfter, signingAlgorithm: ALGORITHM };
  const root = await X509CertificateGenerator.createSelfSigned(
    { ...base, serialNumber: '01', name: 'CN=test-ca', keys: ca, extensions: [new BasicConstraintsExtension(true, undefined, true)] },
    crypto,
  );
  const leaf = async (
    name: string,
    serialNumber: string,
    extensions: (SubjectAlternativeNameExtension | ExtendedKeyUsageExtension)[],
  ): Promise<Pair> => {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const made = {
      ...base,
      serialNumber,
      subject: name,
      issuer: root.subject,
      signingKey: ca.privateKey,
      publicKey: keys.publicKey,
      extensions,
    };
    const cert = await X509CertificateGenerator.create(made, crypto);
    const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { certPem: cert.toString('pem'), keyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY') };
  };
  const san = new SubjectAlternativeNameExtension([
    serverName === undefined ? { type: 'ip', value: '127.0.0.1' } : { type: 'dns', value: serverName },
  ]);
  return {
    caPem: root.toString('pem'),
    server: await leaf('CN=test-server', '02', [san, new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1'])]),
    client: await leaf('CN=test-client', '03', [new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.2'])]),
  };
};

export interface Seen {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
  /** Common name of the client certificate. */
  clientName: string | undefined;
}

export interface Api {
  access: KubernetesAccess;
  port: number;
  seen: Seen[];
  /** TLS connections accepted so far. */
  connections(): number;
  /** Of these, what is not closed. */
  open(): number;
  /** Cuts all connections that are open. */
  cut(): void;
  /** Sends clients of HTTP/2 away: what is under way goes on. */
  goAway(): void;
  close(): Promise<void>;
}

type Answer = (seen: Seen, response: ServerResponse) => void;

export const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

/** Listens on a free port; `answer` plays the API. The access is by client certificate, or by the token given. `http1`: it speaks nothing newer. */
export const startApi = async (
  answer: Answer,
  options: { token?: string; serverName?: string; http1?: boolean; maxStreams?: number } = {},
): Promise<Api> => {
  const { caPem, server: own, client } = await makeCertificates(options.serverName);
  const seen: Seen[] = [];
  const sockets = new Set<TLSSocket>();
  let connections = 0;
  const sessions = new Set<ServerHttp2Session>();
  const tls = { cert: own.certPem, key: own.keyPem, ca: caPem, requestCert: true, rejectUnauthorized: false };
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'https://x');
      const subject = (request.socket as TLSSocket).getPeerCertificate().subject;
      const one = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        clientName: subject === undefined ? undefined : String(subject.CN),
      };
      seen.push(one);
      answer(one, response);
    });
  };
  const server =
    options.http1 === true
      ? createServer(tls, take)
      : createSecureServer(
          { ...tls, allowHTTP1: true, settings: { maxConcurrentStreams: options.maxStreams ?? 250 } },
          (request: Http2ServerRequest, response: Http2ServerResponse) =>
            take(request as unknown as IncomingMessage, response as unknown as ServerResponse),
        );
  server.on('session', (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session)).on('error', () => {});
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const credential =
    options.token === undefined ? { clientCertPem: client.certPem, clientKeyPem: client.keyPem } : { token: options.token };
  return {
    access: { server: `https://127.0.0.1:${port}`, caPem, ...credential },
    port,
    seen,
    connections: () => connections,
    open: () => sockets.size,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    goAway: () => {
      for (const session of sessions) session.close();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};

/** Waits, at most 5 s, until the condition holds; fails with what was waited for. */
export const until = async (what: string, condition: () => boolean): Promise<void> => {
  for (const end = Date.now() + 5_000; !condition(); ) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
