/** The API's HTTP server: GraphQL over HTTP, SSE and WebSocket on /graphql and /graphql/read, and the pages that operators' tools read. */
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import { newId } from '../lib/ids.ts';
import { createAuthenticator } from './auth.ts';
import { createCallerAddress } from './callerAddress.ts';
import { createContexts } from './contexts.ts';
import { createDocuments } from './document.ts';
import { createFeed } from './feed.ts';
import { createHandler } from './handler.ts';
import { createHandshakes } from './handshake.ts';
import { createKnownDocuments } from './knownDocuments.ts';
import { createApiMetrics } from './metrics.ts';
import { originOf } from './origin.ts';
import { GRAPHQL } from './paths.ts';
import { createQueryAnswers } from './queryAnswer.ts';
import { createRates } from './rates.ts';
import { sharedReadiness } from './readiness.ts';
import { ApiRequest } from './request.ts';
import { buildSchema } from './schema.ts';
import { createSeats } from './seats.ts';
import { serverInfoOf } from './serverInfo.ts';
import { type OpenSession, openSession } from './session.ts';
import { type ApiDeps, type ApiSettings, completeSettings } from './settings.ts';
import { createSharedAnswers } from './sharedAnswers.ts';
import { createSharedReads } from './sharedReads.ts';
import { createSocketServer } from './socket.ts';
import { loadOperations } from './storedOperation.ts';
import { createTokenWatches } from './tokenWatch.ts';
import { createYogaServer } from './yoga.ts';

export interface Api {
  /** Where GraphQL is, such as http://127.0.0.1:4000/graphql. */
  url: string;
  /** New connections are made with it; those that are open go on. Throws when certificate and key (PEM) do not fit each other. */
  renewTls(pair: { cert: string; key: string }): void;
  /** Takes no more calls, ends live streams (WebSockets with code 1001), and waits at most `graceMs` for the rest. */
  close(graceMs: number): Promise<void>;
}

const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
/** How often Node looks for those who exceed them: by default each 30 s, which would be four times the first. */
const LOOK_MS = 1_000;
/**
 * Longer than the idle time of usual proxies and load balancers (60 s of AWS's and HAProxy's, 75 s of nginx's), so that it is they who close: a call
 * sent into a connection that we are closing is lost, and answered by a 502. Headers have a shorter time of their own, which does not run on an
 * idle connection.
 */
const KEEP_ALIVE_MS = 80_000;

/** Resolves when the server listens; rejects when the address is taken, and with OperationError for stored operations that cannot be served. */
export const startApi = async (deps: ApiDeps): Promise<Api> => {
  const settings = completeSettings(deps.settings);
  const newRequestId = deps.newId ?? newId;
  const { feed, sockets, handshakes, requests } = createParts(deps, settings, newRequestId);
  const server = createServerOf(settings.tls);
  server.headersTimeout = HEADERS_MS;
  server.requestTimeout = REQUEST_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxHeadersCount = 100;
  server.on('request', (request, response) => {
    if (request.isDeclined) response.shouldKeepAlive = false;
    takePrefixOff(request, settings.pathPrefix);
    void requests.take(request, response);
  });
  const upgraded = new Set<Duplex>();
  server.on('upgrade', (request, socket, head) => {
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    // Its answer would come before theirs, or in the middle of them.
    if (requests.isBusy(socket)) return void socket.destroy();
    takePrefixOff(request, settings.pathPrefix);
    handshakes.take(request, socket, head);
  });
  await listening(server, settings);
  return {
    url: urlOf(server, settings),
    renewTls: (pair) => {
      if (server instanceof TlsServer) server.setSecureContext({ ...pair, minVersion: TLS_VERSION });
    },
    close: async (graceMs) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      feed.close();
      handshakes.close();
      await sockets.close(graceMs);
      server.closeIdleConnections();
      const cut = setTimeout(() => {
        server.closeAllConnections();
        // These are none of the server's any more, and one whose other end does not read what refuses it would never end.
        for (const socket of upgraded) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(cut);
    },
  };
};

/** Everything behind the server's two ways in: requests and upgrades. */
const createParts = (deps: ApiDeps, settings: ApiSettings, newRequestId: () => string) => {
  const { store, commands, clock, log, loadCloud, peekCatalogue } = deps;
  const schema = buildSchema();
  const feed = createFeed(store);
  const reads = createSharedReads({ store, clock });
  const seats = createSeats(settings.maxSocketsPerActor);
  const authenticate = createAuthenticator({
    validate: deps.authenticate,
    clock,
    ...(deps.warmCloud !== undefined && { seen: deps.warmCloud }),
  });
  const watches = createTokenWatches({ authenticate, clock, log });
  const sessionDeps = { watches, serviceTokenRoles: settings.serviceTokenRoles };
  const open: OpenSession = (credentials, requestId, judge) => openSession(sessionDeps, credentials, requestId, judge);
  const addressOf = createCallerAddress(settings.trustedProxies);
  const shared = {
    store,
    commands,
    clock,
    log,
    feed,
    reads,
    serves: settings.serves,
    serverInfo: serverInfoOf(settings),
    projectLimits: settings.projectLimits,
    loadCloud,
    peekCatalogue,
  };
  const contextOf = createContexts(shared, { open, originOf: (request) => originOf(request, addressOf) });
  const documents = createDocuments(schema, settings.introspection);
  const answers = createSharedAnswers(reads, documents);
  const operations = loadOperations(settings.operations, { schema, documents });
  const known = createKnownDocuments([...[...operations.values()].map((one) => one.text), ...settings.persisted], settings.onlyKnown);
  const rates = createRates({
    settings: { ...settings.rates, trustedProxies: settings.trustedProxies },
    addressOf,
    now: clock.now,
    log,
    onRefused: (name) => metrics.rateLimited(name),
  });
  const common = { settings, seats, rates, contextOf, schema, documents, known };
  const sockets = createSocketServer({ ...common, answers, log, now: clock.now, openSession: open });
  const metrics = createApiMetrics(deps.metrics, { streams: feed.size, sockets: sockets.size });
  const yoga = createYogaServer({ schema, documents, answers, graphiql: settings.graphiql, log, metrics });
  const queryAnswers = createQueryAnswers({ schema, documents, metrics, versionOf: store.version });
  const ready = sharedReadiness(deps.ready, clock);
  const parts = { ...common, newId: newRequestId, authenticate, deps, operations, yoga, queryAnswers, metrics, ready };
  const { allowedOrigins } = settings;
  const handshakes = createHandshakes({ sockets, rates, log, allowedOrigins, newId: newRequestId });
  return { feed, sockets, handshakes, requests: createHandler(parts) };
};

/** What is without the prefix stays as it is: a proxy may have taken it off, and a machine's own looks at /healthz have none. */
const takePrefixOff = (request: IncomingMessage, prefix: string): void => {
  const { url = '' } = request;
  if (prefix !== '' && url.startsWith(`${prefix}/`)) request.url = url.slice(prefix.length);
};

/**
 * Connections that the kernel keeps until they are accepted, which is one in a turn of the event loop; with Node's 511 most of thousands that dial at once
 * would try again after a second, and then after two, and four. Linux takes no more than net.core.somaxconn.
 */
const BACKLOG = 4_096;

const TLS_VERSION = 'TLSv1.2';
type ApiServer = Server<typeof ApiRequest>;
const SERVER_OPTIONS = { connectionsCheckingInterval: LOOK_MS, IncomingMessage: ApiRequest };

const createServerOf = (tls: { cert: string; key: string } | null): ApiServer =>
  tls === null
    ? createHttpServer(SERVER_OPTIONS)
    : createHttpsServer({ ...SERVER_OPTIONS, cert: tls.cert, key: tls.key, minVersion: TLS_VERSION });

const listening = (server: ApiServer, at: { host: string; port: number }) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: at.port, host: at.host, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });

const urlOf = (server: ApiServer, settings: { host: string; tls: object | null; pathPrefix: string }): string => {
  const { port } = server.address() as AddressInfo;
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  return `${settings.tls === null ? 'http' : 'https'}://${host}:${port}${settings.pathPrefix}${GRAPHQL}`;
};
