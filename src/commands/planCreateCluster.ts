/** What createCluster would make. */
import { permittedProject } from '../domain/actor.ts';
import { clusterObjects, endpointObjects, groupObjects, workloadObjects } from '../domain/plannedObjects.ts';
import { checkPlan, clusterInput, drawCluster } from './clusterPlan.ts';
import { actsBy, lastChecks, withVcpus } from './createCluster.ts';
import { ownInput, parseInput } from './parse.ts';
import { add, NAMES_UNKNOWN, planCommand } from './planFrame.ts';
import { clusterDemand, newClusterDemand } from './quotaChecks.ts';
import { newTerms } from './trust.ts';

export const planCreateCluster = planCommand('CREATE_CLUSTER', async (deps, call, raw, sketch) => {
  const input = parseInput(clusterInput, ownInput(raw));
  const projectId = permittedProject(call.actor, 'createCluster');
  const drawn = await drawCluster(deps, call, input, projectId);
  const { spec } = drawn;
  const by = actsBy(deps, input);
  if (deps.peekCatalogue(projectId, call.actor.userId) === null) sketch.plan.warnings.push(NAMES_UNKNOWN);
  await sketch.check(() => checkPlan(deps, call, drawn));
  if (by === 'TRUST') await sketch.check(() => newTerms(deps, call));
  const groups = withVcpus(deps, call, drawn);
  for (const check of lastChecks(deps, deps.store, { name: input.name, plan: drawn, groups })) await sketch.check(check);
  const workloads = deps.workloadsOf({ ...NOWHERE, name: input.name, projectId, spec }, null);
  const workers = groups.reduce((sum, group) => sum + group.spec.count, 0);
  add(sketch.plan, {
    creates: [
      ...clusterObjects(spec, by),
      ...groups.flatMap((group) => groupObjects(group.name, group.spec)),
      ...endpointObjects(),
      ...workloadObjects(workloads, workers),
    ],
  });
  await sketch.need({
    own: newClusterDemand(spec, groups),
    cloud: clusterDemand(deps, { projectId, userId: call.actor.userId }, spec, groups),
  });
});

/** Of a cluster that there is not yet. */
const NOWHERE = {
  id: '',
  shortId: 'new',
  resolved: null,
  etcd: null,
  move: null,
  endpointHost: null,
  endpointPort: null,
  endpointFloatingIp: false,
};
