/** A certificate for this machine by an authority that nobody knows. */
import { createAuthority } from '../../src/pki/authority.ts';
import { issueOwnServer } from '../../src/pki/ownServer.ts';

export interface TestTls {
  cert: string;
  key: string;
  caPem: string;
}

export const makeTls = async (host = 'localhost'): Promise<TestTls> => {
  const authority = await createAuthority('a-store', { now: Date.now });
  const { cert, key } = await issueOwnServer(authority, host, { now: Date.now });
  return { cert, key, caPem: authority.cert };
};
