/** Turns a parsed access into what a TLS socket and a request need. */
import type { OutgoingHttpHeaders } from 'node:http';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { KubernetesAccess } from './kubeconfig.ts';

// Of @kubernetes/client-node only the types are used. Its generated clients open a TLS connection per request, drop fields they do not
// know from what is written and read, and turn times into Date objects, which changes what is compared for drift; its informer ends on
// the first error that is not a 410 and cannot see a stall; loading it costs 60 MiB and a second.

export interface Credentials {
  headers: OutgoingHttpHeaders;
  /** Certificates and key, read once for all sockets of a connection. */
  secureContext: SecureContext;
}

/** Throws Node's error on a certificate or key that cannot be read. */
export const credentialsOf = ({ caPem, clientCertPem, clientKeyPem, token }: KubernetesAccess): Credentials => ({
  headers: { accept: 'application/json', 'user-agent': 'seedbed', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  secureContext: createSecureContext({ ca: caPem, cert: clientCertPem, key: clientKeyPem, minVersion: 'TLSv1.2' }),
});
