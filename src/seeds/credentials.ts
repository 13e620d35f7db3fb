/** Turns a parsed access into what a TLS socket and a request need, with the Kubernetes client library. */
import type { OutgoingHttpHeaders } from 'node:http';
import type { RequestOptions } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import type { KubernetesAccess } from './kubeconfig.ts';

// KubeConfig of @kubernetes/client-node turns the access into TLS and authorization options. Its generated clients are not used:
// they open a TLS connection per request, drop fields they do not know from what is written and read, and turn times into Date
// objects, which changes what is compared for drift; its informer ends on the first error that is not a 410 and cannot see a stall.

export interface Credentials {
  headers: OutgoingHttpHeaders;
  /** Certificates and key, read once for all sockets of a connection. */
  secureContext: SecureContext;
}

/** Gives the library data fields only: none of its forms that read files, run programs or follow proxies can be reached from here. */
export const credentialsOf = async (access: KubernetesAccess): Promise<Credentials> => {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'cluster', server: access.server, caData: base64(access.caPem), skipTLSVerify: false }],
    users: [
      {
        name: 'user',
        ...(access.clientCertPem !== undefined && { certData: base64(access.clientCertPem) }),
        ...(access.clientKeyPem !== undefined && { keyData: base64(access.clientKeyPem) }),
        ...(access.token !== undefined && { token: access.token }),
      },
    ],
    contexts: [{ name: 'context', cluster: 'cluster', user: 'user' }],
    currentContext: 'context',
  });
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key } = options;
  return {
    headers: { accept: 'application/json', 'user-agent': 'seedbed', ...(options.headers as OutgoingHttpHeaders | undefined) },
    secureContext: createSecureContext({ ca, cert, key, minVersion: 'TLSv1.2' }),
  };
};

const base64 = (pem: string): string => Buffer.from(pem, 'latin1').toString('base64');
