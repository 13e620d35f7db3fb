/** The cluster's authorities, keys and certificates: made once, sealed, completed when a name changes, renewed before they end. */
import { pkiNamesOf } from '../../../controlPlane/hostedCluster.ts';
import { done, type Step } from '../../../engine/flow.ts';
import { buildClusterPki, type PartialClusterPki } from '../../../pki/bundle.ts';
import { hasCertificates, removeCertificates } from '../../../store/certificates.ts';
import { type ClusterScope, savePki, wakeWaitingNodes } from '../scope.ts';
import { apiEndpoint } from './apiEndpoint.ts';

export const certificates: Step<ClusterScope> = {
  name: 'CertificatesReady',
  title: 'Issue keys and certificates',
  usuallyMs: 2_000,
  needs: [apiEndpoint],
  ensure: async (scope) => {
    const { world, row } = scope;
    const text = await world.secrets.find(scope.db, row.id, 'pki');
    const existing: PartialClusterPki = text === undefined ? {} : (JSON.parse(text) as PartialClusterPki);
    const pki = await buildClusterPki(pkiNamesOf(await scope.reachable()), { now: () => scope.clock.now() }, existing);
    if (pki !== existing || !(await hasCertificates(scope.db, row.id))) await savePki(world, scope.write, row.id, pki);
    const caCertificate = pki.trust.ca;
    if (row.caCertificate !== caCertificate) {
      await scope.patch({ caCertificate });
      // Servers could not be asked for before their user data could name the API and its authority.
      await wakeWaitingNodes(scope);
    }
    return done();
  },
  remove: async (scope) => {
    await scope.write((tx) => removeCertificates(tx, scope.row.id));
    return done();
  },
};
