/** createNodeGroup: more workers of another shape. */
import { Conflict, UserError } from '../domain/errors.ts';
import { isUniqueViolation } from '../store/open.ts';
import { requireRoom } from '../store/projectQuotas.ts';
import { listLiveNodeGroups, type NodeGroupRow } from '../store/reconcile.ts';
import { checkRoom } from './checks.ts';
import { checkGroup } from './cloudChecks.ts';
import { type At, begin, nodeGroupCommand } from './nodeGroupCommand.ts';
import {
  checkServerData,
  groupSpecOf,
  type NodeGroupInput,
  nodeGroupFields,
  nodeGroupRow,
  refuseSharedPorts,
  storeNodeGroup,
} from './nodeGroupInput.ts';
import { nameOrId } from './parse.ts';
import { checkGroupQuotas, flavorVcpus, nodesDemand } from './quotaChecks.ts';
import { checkGeneration, getCluster } from './targets.ts';

export const createNodeGroup = nodeGroupCommand({
  mutation: 'createNodeGroup',
  schema: nodeGroupFields.extend({ clusterId: nameOrId }),
  find: async (db, call, { clusterId }) => ({ cluster: await getCluster(db, call, clusterId) }),
  write: async (at, { cluster }, { clusterId: _, ...fields }) => {
    const { deps, call, tx } = at;
    checkGeneration(call, cluster);
    checkServerData(deps, fields, []);
    const spec = groupSpecOf(fields satisfies NodeGroupInput, cluster.spec, false, []);
    if (spec.floatingIpEnabled && cluster.resolved?.externalNetworkId === null)
      throw new UserError(
        'INVALID_INPUT',
        'Floating IPs come from an external network, and the cluster has none; leave floatingIpEnabled out.',
        {
          field: ['floatingIpEnabled'],
        },
      );
    const others = await listLiveNodeGroups(tx.db, cluster.id);
    refuseSharedPorts(spec, others, []);
    const total = others.reduce((sum, group) => sum + group.spec.count, spec.count);
    checkRoom(cluster.spec, total, () => ['count']);
    const catalogue = deps.peekCatalogue(cluster.projectId, call.actor.userId);
    if (catalogue !== null) checkGroup(spec, cluster.spec, catalogue, (field) => [field]);
    const owner = { projectId: cluster.projectId, userId: call.actor.userId };
    const vcpus = flavorVcpus(deps, owner, spec);
    await requireRoom(tx, deps.settings.projectLimits, cluster.projectId, nodesDemand(spec.count, vcpus), ['count']);
    checkGroupQuotas(deps, owner, spec);
    const nodeGroup = { ...nodeGroupRow(deps, cluster, { name: fields.name, isDefault: false, spec }, deps.clock.now()), vcpus };
    await insertUnique(at, nodeGroup, fields.cloudInit);
    return begin(at, cluster, nodeGroup, {
      kind: 'CREATE_NODE_GROUP',
      generation: 1,
      state: 'PENDING',
      message: `Node group ${nodeGroup.name} with ${spec.count} nodes was asked for by ${call.actor.userName}.`,
      what: 'CREATED',
    });
  },
});

const insertUnique = async ({ deps, tx }: At, row: NodeGroupRow, cloudInit: string | undefined): Promise<void> => {
  try {
    await storeNodeGroup(deps, tx, row, cloudInit);
  } catch (error) {
    if (isUniqueViolation(error))
      throw new Conflict('NAME_TAKEN', `The cluster has a node group named ${row.name} already; choose another name.`, { field: ['name'] });
    throw error;
  }
};
