/** The gRPC server that cluster-autoscalers ask: mutual TLS, and the common name of the caller's certificate is the id of its cluster. */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { Scaling } from '../commands/scaleNodeGroup.ts';
import { SeedbedError, UserError } from '../domain/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/open.ts';
import { type ClusterRow, loadCluster } from '../store/reconcile.ts';
import { createHandlers, type Handlers, type Served } from './methods.ts';
import { cloudProviderService } from './protocol.ts';

export interface AutoscalerProviderDeps {
  store: Store;
  scaling: Scaling;
  log: Log;
  settings: {
    /** host:port; port 0: any that is free. */
    listen: string;
    /** PEM. Clients' certificates must be signed by `caPem`. */
    tls: { caPem: string; cert: string; key: string };
  };
}

export interface AutoscalerProvider {
  port: number;
  /** Takes no more calls, and waits at most `graceMs` for those under way. */
  close(graceMs: number): Promise<void>;
}

/** Labels and annotations of a few hundred nodes. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
/** A seed that vanished is noticed, and its connections are given up. */
const KEEP_ALIVE_MS = 60_000;

type Call = ServerUnaryCall<object, object>;
type Answer = sendUnaryData<object>;

/** Resolves when it listens; rejects when the address is taken. */
export const startAutoscalerProvider = async (deps: AutoscalerProviderDeps): Promise<AutoscalerProvider> => {
  const { store, scaling, log, settings } = deps;
  const server = new Server({
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.keepalive_time_ms': KEEP_ALIVE_MS,
  });
  const handlers = createHandlers({ db: store.db, scaling });
  const served =
    <M extends Served>(method: M, handle: Handlers[M]) =>
    (call: Call, answer: Answer): void => {
      getCaller(store, call)
        .then((cluster) => (handle as (cluster: ClusterRow, request: object) => Promise<object>)(cluster, call.request))
        .then((value) => answer(null, value))
        .catch((error: unknown) => {
          if (!(error instanceof SeedbedError)) log.error({ err: error, method }, 'a call of an autoscaler failed');
          answer(statusOf(error));
        });
    };
  server.addService(
    cloudProviderService,
    Object.fromEntries((Object.keys(handlers) as Served[]).map((method) => [method, served(method, handlers[method])])),
  );
  const { caPem, cert, key } = settings.tls;
  const credentials = ServerCredentials.createSsl(
    Buffer.from(caPem),
    [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }],
    true,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(settings.listen, credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return {
    port,
    close: (graceMs) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.forceShutdown(), graceMs);
        server.tryShutdown(() => {
          clearTimeout(cut);
          resolve();
        });
      }),
  };
};

/** @throws UserError FORBIDDEN unless the certificate is that of a cluster which is to be scaled. */
const getCaller = async (store: Store, call: Call): Promise<ClusterRow> => {
  const clusterId = call.getAuthContext().sslPeerCertificate?.subject.CN;
  const cluster = typeof clusterId === 'string' ? await loadCluster(store.db, clusterId) : undefined;
  if (cluster === undefined || cluster.deletedAt !== null) throw new UserError('FORBIDDEN', 'This certificate is of no cluster.');
  if (!cluster.spec.autoScalingEnabled) throw new UserError('FORBIDDEN', `Automatic scaling is switched off for cluster ${cluster.name}.`);
  return cluster;
};

const CODES: Partial<Record<SeedbedError['code'], status>> = {
  NOT_FOUND: status.NOT_FOUND,
  FORBIDDEN: status.PERMISSION_DENIED,
  INVALID_INPUT: status.INVALID_ARGUMENT,
  CONFLICT: status.FAILED_PRECONDITION,
  QUOTA_EXCEEDED: status.RESOURCE_EXHAUSTED,
};

const statusOf = (error: unknown): { code: status; details: string } =>
  error instanceof SeedbedError
    ? { code: CODES[error.code] ?? (error.retryable ? status.UNAVAILABLE : status.FAILED_PRECONDITION), details: error.message }
    : { code: status.INTERNAL, details: 'Something failed inside Seedbed; its log says more.' };
