/** The certificates between cluster-autoscalers and Seedbed: an authority of Seedbed's own, which signs its server and one client a cluster. */
import { isIP } from 'node:net';
import { fingerprint } from '../lib/json.ts';
import { createAuthority, type KeyPair, openAuthority, type PkiDeps } from './authority.ts';
import { type Issued, issueLeaf } from './certificate.ts';

/** A cluster's certificate and key, and a fingerprint of the authority that signed it. */
export interface ProviderClient extends Issued, KeyPair {
  authority: string;
}

const LONG_MS = 10 * 365 * 24 * 3_600_000;

export const createProviderAuthority = (deps: PkiDeps): Promise<KeyPair> => createAuthority('seedbed-autoscaler', deps);

/** For the host that autoscalers dial. Made anew at each start, so it may live as long as its authority. */
export const issueProviderServer = async (authority: KeyPair, host: string, deps: PkiDeps): Promise<KeyPair> => {
  const sans = isIP(host) === 0 ? { dns: [host], ips: [] } : { dns: [], ips: [host] };
  return issueLeaf(await openAuthority(authority), { commonName: 'seedbed', usages: ['server'], sans, ttlMs: LONG_MS }, deps);
};

/** The common name is what the server knows a caller by. */
export const issueProviderClient = async (authority: KeyPair, clusterId: string, deps: PkiDeps): Promise<ProviderClient> => ({
  ...(await issueLeaf(await openAuthority(authority), { commonName: clusterId, usages: ['client'] }, deps)),
  authority: authorityOf(authority),
});

export const authorityOf = ({ cert }: KeyPair): string => fingerprint(cert);
