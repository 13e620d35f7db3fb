/** The certificates between cluster-autoscalers and Seedbed: an authority of Seedbed's own, which signs its server and one client a cluster. */
import { fingerprint } from '../lib/json.ts';
import { type KeyPair, openAuthority, type PkiDeps } from './authority.ts';
import { type Issued, issueLeaf } from './certificate.ts';

/** A cluster's certificate and key, and a fingerprint of the authority that signed it. */
export interface ProviderClient extends Issued, KeyPair {
  authority: string;
}

/** The common name is what the server knows a caller by. */
export const issueProviderClient = async (authority: KeyPair, clusterId: string, deps: PkiDeps): Promise<ProviderClient> => ({
  ...(await issueLeaf(await openAuthority(authority), { commonName: clusterId, usages: ['client'] }, deps)),
  authority: authorityOf(authority),
});

export const authorityOf = ({ cert }: KeyPair): string => fingerprint(cert);
