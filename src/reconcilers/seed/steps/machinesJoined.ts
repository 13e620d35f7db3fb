/** Every machine of a made seed is a Ready node, and no node is left of those that went. */
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { listNodeFacts, type NodeFact } from '../../../seeds/probe.ts';
import { admitToken, forgetToken } from '../machineTokens.ts';
import { controlPlaneOf, joinedOf, machinesWanted, patchPlace, prefixOf } from '../made.ts';
import type { SeedScope } from '../scope.ts';
import { equipment } from './equipment.ts';

const LOOK_MS = 2_000;

export const machinesJoined: Step<SeedScope> = {
  name: 'MachinesJoined',
  title: 'Wait for the machines to join',
  usuallyMs: 120_000,
  late: 'CLOUD_ADMIN',
  needs: [equipment],
  ensure: async (scope) => {
    const { kube } = await scope.seed();
    const found = await listNodeFacts(kube);
    const ready = new Set(settledOf(found));
    const wanted = machinesWanted(scope).map(({ name }) => name);
    const joined = joinedOf(scope);
    const arrived = controlPlaneOf(scope).filter(({ name, index }) => ready.has(name) && !joined.includes(index));
    if (arrived.length > 0) await patchPlace(scope, { joined: [...joined, ...arrived.map(({ index }) => index)].sort() });
    for (const name of wanted) await (ready.has(name) ? forgetToken(scope, name) : admitToken(scope, name));
    const gone = ({ name }: NodeFact): boolean => name.startsWith(`${prefixOf(scope.row)}-`) && !wanted.includes(name);
    for (const { name } of found.filter(gone)) {
      await forgetToken(scope, name);
      await kube.remove({ apiVersion: 'v1', kind: 'Node', name });
    }
    const missing = wanted.filter((name) => !ready.has(name));
    if (missing.length > 0)
      return waiting(`${missing.join(', ')} to be Ready; the console of a server (openstack console log show) says how far it is`, LOOK_MS);
    // What is shared by this pass's steps may be from before the last of them came or went: what the seed can hold would be told wrong.
    const { nodes } = await scope.probe();
    const seen = new Set(settledOf(nodes));
    return wanted.every((name) => seen.has(name)) && !nodes.some(gone)
      ? done(`${wanted.length} Ready`)
      : waiting('the seed to be looked at again', 500);
  },
};

/** Ready, and Kubernetes lets pods on them: what the seed can hold is told with them. */
const settledOf = (nodes: readonly NodeFact[]): string[] =>
  nodes.filter(({ ready, settling }) => ready && !settling).map(({ name }) => name);
