/** Authorities of a seed that Seedbed makes, as kubeadm finds them on its first machine, and Seedbed's own way in. */
import type { SeedAuthorities } from '../domain/madeSeed.ts';
import { AUTHORITIES, createAuthority, openAuthority, type PkiDeps } from './authority.ts';
import { issueLeaf } from './certificate.ts';
import { createServiceAccountKey } from './keys.ts';
import { buildKubeconfigText } from './kubeconfig.ts';

export const createSeedAuthorities = async (deps: PkiDeps): Promise<SeedAuthorities> => ({
  ca: await createAuthority(AUTHORITIES.ca, deps),
  frontProxyCa: await createAuthority(AUTHORITIES.frontProxyCa, deps),
  etcdCa: await createAuthority(AUTHORITIES.etcdCa, deps),
  serviceAccount: createServiceAccountKey(),
});

/** In the group that kubeadm makes an administrator of, which can be taken that right, and not in system:masters, which cannot. */
const ADMINISTRATORS = 'kubeadm:cluster-admins';

export const issueSeedKubeconfig = async (
  seedName: string,
  server: string,
  { ca }: SeedAuthorities,
  deps: PkiDeps,
): Promise<{ text: string; endsAt: number }> => {
  const leaf = await issueLeaf(
    await openAuthority(ca),
    { commonName: 'seedbed', organizations: [ADMINISTRATORS], usages: ['client'] },
    deps,
  );
  const text = buildKubeconfigText({ clusterName: seedName, server, caPem: ca.cert, userName: 'seedbed', credential: leaf });
  return { text, endsAt: leaf.notAfterMs };
};
