/** Follows the node in the cluster's own API until it is Ready; takes its Node object away when it goes. */
import { SeedbedError, UserError } from '../../../domain/errors.ts';
import { problemsThatCount } from '../../../domain/healing.ts';
import { isHibernating } from '../../../domain/hibernation.ts';
import { providerIdOf } from '../../../domain/node.ts';
import { done, type Outcome, type Step, waiting } from '../../../engine/flow.ts';
import { kubeletVersionOf, problemsOf, providerIdIn, readyState } from '../../tenantRegistry.ts';
import { readStage } from '../bootStage.ts';
import { lacksFloatingIp, type NodeScope } from '../scope.ts';
import { noteTrouble, noteWell } from '../trouble.ts';
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
      if (needsProviderId(scope)) await nameServer(scope);
      // What keeps it from a floating IP is its fault still, and its group's.
      const fault = lacksFloatingIp(scope) ? scope.row.fault : null;
      if (kubeletVersion !== scope.row.kubeletVersion || scope.row.fault !== fault)
        await scope.patch({ kubeletVersion, fault, buildFailures: null });
      scope.seen = 'READY';
      return lookForProblems(scope, problemsOf(node), kubeletVersion);
    }
    if (scope.row.kubeletVersion !== null) return notReady(scope, `node ${scope.row.name} to be Ready again`, 'is not Ready');
    scope.seen = 'JOINING';
    return waiting(`node ${scope.row.name} to become Ready`, await joining(scope));
  },
  remove: async (scope) => {
    // With the cluster go all its Node objects.
    if (scope.cluster.deleteRequestedAt !== null || scope.cluster.caCertificate === null) return done();
    try {
      const { kube } = await scope.tenant();
      await kube.remove({ apiVersion: 'v1', kind: 'Node', name: scope.row.name });
    } catch (error) {
      if (!(error instanceof SeedbedError) || !error.retryable) throw error;
      // One that was not seen to join has nothing there, and an API that had not come up when its cluster was put to sleep will not.
      if (isHibernating(scope.cluster) && scope.row.kubeletVersion === null) return done();
      return waiting("the cluster's API, to take the node out of it", 5_000);
    }
    return done();
  },
};

const LOOK_MS = 30_000;
const STAGE_LOOK_MS = 15_000;
/** A node that stops being Ready may have lost its server, which the next look asks for. */
const SERVER_LOOK_MS = 500;

const lookForProblems = async (scope: NodeScope, reported: readonly string[], kubeletVersion: string | null): Promise<Outcome> => {
  const counted = problemsThatCount(scope.group.spec, scope.cluster.spec);
  const problems = reported.filter((type) => counted.includes(type));
  if (problems.length === 0) await noteWell(scope);
  else await noteTrouble(scope, 'NODE_PROBLEM', `reports ${problems.join(' and ')}`);
  return done(problems.length === 0 ? (kubeletVersion ?? undefined) : `${kubeletVersion ?? ''}; it reports ${problems.join(' and ')}.`);
};

const notReady = async (scope: NodeScope, what: string, trouble: string): Promise<Outcome> => {
  const first = scope.row.state === 'READY';
  scope.seen = 'NOT_READY';
  // What Nova says of its server says more.
  if (scope.row.trouble === null || scope.row.trouble.kind === 'NODE_PROBLEM') await noteTrouble(scope, 'NOT_READY', trouble);
  return waiting(what, first ? SERVER_LOOK_MS : LOOK_MS, 'CUSTOMER');
};

/** Notes when the time for joining is over; how long to wait for the next look, in milliseconds. */
const joining = async (scope: NodeScope): Promise<number> => {
  const now = scope.clock.now();
  if (scope.row.joiningSince === null) await scope.patch({ joiningSince: now });
  const { joinLimitSeconds } = scope.cluster.spec.healing;
  const leftMs = (scope.row.joiningSince ?? now) + joinLimitSeconds * 1000 - now;
  if (leftMs > 0) return Math.min(LOOK_MS, leftMs);
  await noteTrouble(scope, 'NOT_JOINED', `has not joined within ${joinLimitSeconds} s`);
  return LOOK_MS;
};

/** The autoscaler tells by it which server a node is. A cloud controller would say the same, but only of nodes that join after it came. */
const needsProviderId = ({ cluster, row }: NodeScope): boolean => cluster.spec.autoScalingEnabled && row.serverId !== null;

const nameServer = async (scope: NodeScope): Promise<void> => {
  const { kube, nodes } = await scope.tenant();
  const known = nodes().get(undefined, scope.row.name);
  if (known === undefined || providerIdIn(known) !== '') return;
  const node = await kube.get({ apiVersion: 'v1', kind: 'Node', name: scope.row.name });
  if (node === undefined || providerIdIn(node) !== '') return;
  await kube.rewrite({ ...node, spec: { ...(node.spec as object), providerID: providerIdOf(scope.row.serverId ?? '') } });
};

const notThere = async (scope: NodeScope): Promise<Outcome> => {
  if (scope.row.kubeletVersion !== null) {
    return notReady(
      scope,
      `node ${scope.row.name} to be in the cluster again, which has no Node object of it`,
      'is no node of its cluster any more',
    );
  }
  scope.seen = 'BOOTING';
  const late = scope.clock.now() - scope.row.createdAt > CONSOLE_AFTER_MS;
  if (late && scope.row.fault === null) await keepConsole(scope);
  const next = await joining(scope);
  const bootedMs = scope.clock.now() - (scope.row.joiningSince ?? 0);
  // Most have joined by then, and a look is a call for this one server.
  const stage = bootedMs < STAGE_LOOK_MS ? null : await readStage(scope);
  return waiting(
    `server ${scope.row.name} to boot and join${stage === null ? '' : `: it ${stage}`}`,
    late ? next : Math.min(next, STAGE_LOOK_MS),
  );
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
