/** A Service gets an address that customers' nodes can dial: tried once for each registration, with a Service of our own. */
import { SeedbedError } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { fingerprint } from '../../../lib/json.ts';
import { mendSeed, type SeedScope } from '../scope.ts';
import { rights } from './rights.ts';

export const exposure: Step<SeedScope> = {
  name: 'ExposureReady',
  title: 'Try how Services are exposed',
  usuallyMs: 90_000,
  needs: [rights],
  ensure: async (scope) => {
    if (scope.row.exposure === 'NODE_PORT') {
      if ((await scope.probe()).nodes.every((node) => node.internalAddresses.length === 0))
        throw mendSeed('No node of the seed has an address for node ports.');
      return done('node ports');
    }
    if (scope.row.facts?.exposureProvenFor === scope.row.generation) return done('load balancers');
    return tryLoadBalancer(scope);
  },
  remove: async (scope) => {
    // Its whole API goes.
    if (scope.row.made !== null) return done();
    try {
      const { kube } = await scope.seed();
      await kube.remove(trialNamespace(scope));
      return done();
    } catch (error) {
      // A seed that is gone for good, or has thrown us out, must not stay registered for the sake of an empty namespace.
      if (!(error instanceof SeedbedError)) throw error;
      return done(`The seed does not let go of its trial (${error.message}); a namespace ${nameOf(scope)} may be left in it.`);
    }
  },
};

const nameOf = (scope: SeedScope) => `seedbed-trial-${fingerprint(scope.row.id).slice(0, 8)}`;
const trialNamespace = (scope: SeedScope) => ({ apiVersion: 'v1', kind: 'Namespace', name: nameOf(scope) });

const tryLoadBalancer = async (scope: SeedScope): Promise<Outcome> => {
  const { kube } = await scope.seed();
  const name = nameOf(scope);
  const ref = { apiVersion: 'v1', kind: 'Service', namespace: name, name: 'trial' };
  const service = await kube.get(ref);
  if (service === undefined) {
    const labels = { 'app.kubernetes.io/managed-by': 'seedbed', 'app.kubernetes.io/component': 'trial' };
    await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    await kube.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'trial', namespace: name, labels },
      spec: {
        type: 'LoadBalancer',
        selector: { 'seedbed.io/trial': 'none' },
        ports: [{ name: 'https', port: 6443, targetPort: 6443, protocol: 'TCP' }],
      },
    });
    return waiting('a trial Service to get an address; a LoadBalancer implementation must run in the seed', 500, 'CLOUD_ADMIN');
  }
  const ingress = (service.status as { loadBalancer?: { ingress?: { ip?: string }[] } } | undefined)?.loadBalancer?.ingress?.[0];
  if (ingress === undefined)
    return waiting('a trial Service to get an address; a LoadBalancer implementation must run in the seed', 1_000, 'CLOUD_ADMIN');
  if (ingress.ip === undefined)
    throw mendSeed("The seed's load balancers give names, not addresses; register the seed with exposure NODE_PORT.");
  await kube.remove(trialNamespace(scope));
  if (scope.row.facts === null) return waiting("the seed's figures", 500);
  await scope.noteFacts({ exposureProvenFor: scope.row.generation });
  return done('load balancers');
};
