/** Secrets in the cluster's etcd are sealed, and sealed anew when a new key is asked for. */
import { buildApiServer } from '../../../controlPlane/apiServer.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { nextEncryption, phaseOf } from '../../../pki/encryption.ts';
import { allRolled } from '../../rollout.ts';
import type { ClusterScope } from '../scope.ts';
import { apiServer } from './apiServer.ts';

/** Side by side, so that a thousand Secrets take seconds and leave the API server room for others. */
const AT_ONCE = 8;
/** Of the largest that etcd takes, these are some 30 MiB. */
const SECRETS_A_PAGE = 16;

export const encryption: Step<ClusterScope> = {
  name: 'SecretsEncrypted',
  title: 'Seal the Secrets',
  usuallyMs: 5_000,
  needs: [apiServer],
  ensure: async (scope) => {
    const pki = await scope.pki();
    let now = pki.encryption;
    if (!now.spread) {
      const objects = buildApiServer(await scope.reachable(), pki);
      if (scope.pkiChanged() || !(await allRolled(scope, 'kube-apiserver', objects))) return waiting(phaseOf(now), 2_000);
      now = { ...now, spread: true };
      await scope.changePki({ encryption: now });
    }
    const change = nextEncryption(now, scope.row.rotations?.encryptionKey ?? 0);
    if (change === undefined) return done();
    if (change.rewrite) await rewriteSecrets(scope);
    await scope.changePki({ encryption: change.after });
    // The next pass hands it to the API servers.
    return waiting(phaseOf(change.after), 100);
  },
};

/** The same content once more: an API server seals with its first key whatever it finds sealed with another, or not at all. */
const rewriteSecrets = async (scope: ClusterScope): Promise<void> => {
  const { kube } = await scope.tenant();
  for await (const page of kube.pages({ apiVersion: 'v1', kind: 'Secret', limit: SECRETS_A_PAGE })) {
    const queue = page.values();
    // Each takes the next of the one queue.
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const secret of queue) await kube.rewrite(secret);
      }),
    );
  }
};
