/** A kubeconfig for a person: a client certificate of hours, in a name that a role binding knows. */
import { openAuthority } from './authority.ts';
import type { ClusterPki } from './bundle.ts';
import { issueLeaf } from './certificate.ts';
import { buildKubeconfigText } from './kubeconfig.ts';
import { trustOf } from './rotation.ts';

export interface UserKubeconfigOrder {
  /** The cluster's ClusterPki as JSON. */
  pkiJson: string;
  endpoint: { host: string; port: number };
  clusterName: string;
  userName: string;
  ttlMs: number;
  /** Milliseconds since the epoch. */
  now: number;
}

export const issueUserKubeconfig = async (order: UserKubeconfigOrder): Promise<{ kubeconfig: string; expiresAt: number }> => {
  const pki = JSON.parse(order.pkiJson) as ClusterPki;
  const profile = { commonName: order.userName, usages: ['client'] as const, ttlMs: order.ttlMs };
  const leaf = await issueLeaf(await openAuthority(pki.authorities.ca), profile, { now: () => order.now });
  const kubeconfig = buildKubeconfigText({
    clusterName: order.clusterName,
    server: `https://${order.endpoint.host}:${order.endpoint.port}`,
    caPem: trustOf(pki).ca,
    userName: order.userName,
    credential: leaf,
  });
  return { kubeconfig, expiresAt: leaf.notAfterMs };
};
