/** A client of the autoscaler's protocol, over TLS with a certificate, that throws gRPC's errors. */
import { type Client, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition, type Options } from '@grpc/proto-loader';

const OPTIONS: Options = { keepCase: true, enums: String, defaults: true };
const file = new URL('externalgrpc.proto', import.meta.url).pathname;

interface Loaded {
  clusterautoscaler: { cloudprovider: { v1: { externalgrpc: { CloudProvider: new (address: string, how: object) => Client } } } };
}
const definition = loadSync(file, OPTIONS);
const { CloudProvider } = (loadPackageDefinition(definition) as unknown as Loaded).clusterautoscaler.cloudprovider.v1.externalgrpc;

/** A v1.Node from its bytes. */
export const readNode = (bytes: Buffer): object =>
  (definition['clusterautoscaler.cloudprovider.v1.externalgrpc.Node'] as MessageTypeDefinition<object, object>).deserialize(bytes);

export interface Login {
  /** PEM: who may be the server, and who the caller is. */
  ca: string;
  cert: string;
  key: string;
}

export interface Autoscaler {
  call<T = Record<string, unknown>>(method: string, request?: object): Promise<T>;
  close(): void;
}

export const openAutoscaler = (address: string, { ca, cert, key }: Login): Autoscaler => {
  const client = new CloudProvider(address, credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert)));
  const methods = client as unknown as Record<
    string,
    (request: object, options: object, done: (e: ServiceError | null, v: never) => void) => void
  >;
  return {
    call: (method, request = {}) =>
      new Promise((resolve, reject) => {
        methods[method]?.call(client, request, { deadline: Date.now() + 5_000 }, (error, value) =>
          error === null ? resolve(value) : reject(error),
        );
      }),
    close: () => client.close(),
  };
};
