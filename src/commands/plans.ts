/** All plans over one set of dependencies, by the mutations whose they are. */
import type { CommandDeps } from './call.ts';
import { planCreateCluster } from './planCreateCluster.ts';
import { planDeleteCluster } from './planDeleteCluster.ts';
import { planResizeNodeGroup } from './planResizeNodeGroup.ts';
import { planUpdateCluster } from './planUpdateCluster.ts';
import { planUpdateNodeGroup } from './planUpdateNodeGroup.ts';
import { planUpgradeCluster } from './planUpgradeCluster.ts';

export const createPlans = (deps: CommandDeps) => ({
  createCluster: planCreateCluster(deps),
  updateCluster: planUpdateCluster(deps),
  upgradeCluster: planUpgradeCluster(deps),
  resizeNodeGroup: planResizeNodeGroup(deps),
  updateNodeGroup: planUpdateNodeGroup(deps),
  deleteCluster: planDeleteCluster(deps),
});
