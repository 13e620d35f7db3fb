/** Certificates of the ends of Seedbed's own that pods in the seeds dial, by an authority of its own. */
import { isIP } from 'node:net';
import { type KeyPair, openAuthority, type PkiDeps } from './authority.ts';
import { issueLeaf } from './certificate.ts';

const LONG_MS = 10 * 365 * 24 * 3_600_000;

/** For the host that is dialled. Made anew at each start, so it may live as long as its authority. */
export const issueOwnServer = async (authority: KeyPair, host: string, deps: PkiDeps): Promise<KeyPair> => {
  const sans = isIP(host) === 0 ? { dns: [host], ips: [] } : { dns: [], ips: [host] };
  return issueLeaf(await openAuthority(authority), { commonName: 'seedbed', usages: ['server'], sans, ttlMs: LONG_MS }, deps);
};
