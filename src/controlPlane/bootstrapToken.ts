/** Bootstrap tokens: one a node, short-lived, deleted once the node is Ready. */

import { BOOTSTRAP_GROUP } from './bootstrap.ts';
import type { HostedCluster } from './hostedCluster.ts';
import { type KubernetesObject, tenantMeta } from './object.ts';

export interface BootstrapToken {
  /** Six lower-case letters and digits; public. */
  id: string;
  /** Sixteen of them; secret. */
  secret: string;
}

/** What the node presents: "id.secret". */
export const tokenText = ({ id, secret }: BootstrapToken): string => `${id}.${secret}`;

/** Name of the Secret that makes the API server know a token. */
export const tokenSecretName = ({ id }: Pick<BootstrapToken, 'id'>): string => `bootstrap-token-${id}`;

/**
 * https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#bootstrap-token-secret-format
 * @param expiresAtMs milliseconds since the epoch; the controller manager's token cleaner deletes it then.
 */
export const buildBootstrapToken = (
  cluster: HostedCluster,
  token: BootstrapToken,
  nodeName: string,
  expiresAtMs: number,
): KubernetesObject => ({
  ...buildTokenSecret(token, nodeName, expiresAtMs),
  metadata: tenantMeta(cluster, tokenSecretName(token), 'bootstrap', 'kube-system'),
});

/** The same with nothing on it that says whose it is. */
export const buildTokenSecret = (token: BootstrapToken, nodeName: string, expiresAtMs: number): KubernetesObject => {
  const fields: Record<string, string> = {
    'auth-extra-groups': BOOTSTRAP_GROUP,
    description: `Lets node ${nodeName} join`,
    // RFC 3339 without fractions, as kubeadm writes it.
    expiration: new Date(expiresAtMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    'token-id': token.id,
    'token-secret': token.secret,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: tokenSecretName(token), namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(Object.entries(fields).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  };
};
