/** Follows the node in the cluster's own API until it is Ready; takes its Node object away when it goes. */
import { SeedbedError, UserError } from '../../../domain/errors.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { kubeletVersionOf, readyState } from '../../tenantRegistry.ts';
import type { NodeScope } from '../scope.ts';
import { bootstrapToken } from './bootstrapToken.ts';
import { server } from './server.ts';

/** Beyond this the console says more than we can guess. */
const CONSOLE_AFTER_MS = 5 * 60_000;
const CONSOLE_LINES = 40;

export const joined: Step<NodeScope> = {
  name: 'Joined',
  title: 'Wait for the node to join',
  usuallyMs: 120_000,
  late: 'CUSTOMER',
  needs: [server, bootstrapToken],
  ensure: async (scope) => {
    const cache = (await scope.tenant()).nodes();
    try {
      await cache.firstSync();
    } catch (error) {
      if (!(error instanceof SeedbedError) || !error.retryable) throw error;
      return waiting("the cluster's list of nodes", 1_000);
    }
    const node = cache.get(undefined, scope.row.name);
    if (node === undefined) return notThere(scope);
    if (readyState(node) === 'True') {
      const kubeletVersion = kubeletVersionOf(node);
      if (kubeletVersion !== scope.row.kubeletVersion || scope.row.fault !== null) await scope.patch({ kubeletVersion, fault: null });
      scope.seen = 'READY';
      return done(kubeletVersion ?? undefined);
    }
    const wasReady = scope.row.kubeletVersion !== null;
    scope.seen = wasReady ? 'NOT_READY' : 'JOINING';
    return waiting(`node ${scope.row.name} to ${wasReady ? 'be Ready again' : 'become Ready'}`, 30_000, wasReady ? 'CUSTOMER' : 'NOBODY');
  },
  remove: async (scope) => {
    // With the cluster go all its Node objects.
    if (scope.cluster.deleteRequestedAt !== null || scope.cluster.caCertificate === null) return done();
    try {
      const { kube } = await scope.tenant();
      await kube.remove({ apiVersion: 'v1', kind: 'Node', name: scope.row.name });
    } catch (error) {
      if (!(error instanceof SeedbedError) || !error.retryable) throw error;
      return waiting("the cluster's API, to take the node out of it", 5_000);
    }
    return done();
  },
};

const notThere = async (scope: NodeScope): Promise<Outcome> => {
  scope.seen = scope.row.kubeletVersion === null ? 'BOOTING' : 'NOT_READY';
  const late = scope.clock.now() - scope.row.createdAt > CONSOLE_AFTER_MS;
  if (late && scope.row.fault === null) await keepConsole(scope);
  return waiting(`server ${scope.row.name} to boot and join (its console says how far it is)`, 30_000);
};

const keepConsole = async (scope: NodeScope): Promise<void> => {
  if (scope.row.serverId === null) return;
  const consoleTail = await scope.cloud().compute.consoleOutput(scope.row.serverId, CONSOLE_LINES);
  const problem = new UserError('SERVER_FAULT', 'The server runs and has not joined the cluster; its console may say why.', {
    whoMustAct: 'CUSTOMER',
  }).toProblem();
  await scope.patch({ fault: { problem, consoleTail: withoutTokens(consoleTail) } });
};

/** kubeadm prints the command it was called with; a token must not outlive its use. */
const withoutTokens = (text: string): string => text.replace(/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, '[token]');
