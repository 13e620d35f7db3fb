/** Routers of the simulated Neutron: gateways and interfaces are ports, as in life. */
import { familyOf } from './addresses.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { envelope, type Fields, optionalBoolean, optionalObject, optionalString, requiredString } from './input.ts';
import { addPort, anyAddress, type NetworkDeps, requireQuota } from './networkDeps.ts';
import { commonRoutes, getVisible, getWritable, notFound, ownOrAdmin, projectFor, type Resource, requireWrite } from './networkResource.ts';
import type { Port, Router, Subnet } from './networkState.ts';
import { assignFields, refuseTags, subnetResource, visibleNetwork } from './networks.ts';
import { portResource, removePort } from './ports.ts';

const INTERFACE = 'network:router_interface';
const GATEWAY = 'network:router_gateway';

const routerResource = (deps: NetworkDeps): Resource<Router> => ({
  singular: 'router',
  plural: 'routers',
  path: 'routers',
  kind: 'Router',
  rows: deps.state.routers,
  visible: ownOrAdmin,
  describe: (row, actor) => (actor.isAdmin ? { ...row, distributed: false, ha: false } : row),
});

export const interfacesOf = (deps: NetworkDeps, routerId: string): Port[] =>
  deps.state.ports.by('device_id', routerId).filter((p) => p.device_owner === INTERFACE);

const clearGateway = (deps: NetworkDeps, router: Router): void => {
  if (deps.state.floatingIps.countBy('router_id', router.id) > 0) {
    throw new ApiError(
      409,
      `Gateway cannot be updated for router ${router.id}, since a gateway to external network ${router.external_gateway_info?.network_id} is required by one or more floating IPs.`,
      'RouterExternalGatewayInUseByFloatingIp',
    );
  }
  for (const port of deps.state.ports.by('device_id', router.id)) if (port.device_owner === GATEWAY) removePort(deps, port);
  router.external_gateway_info = null;
};

const setGateway = (deps: NetworkDeps, call: Call, router: Router, info: Fields): void => {
  const network = visibleNetwork(deps, call, requiredString(info, 'network_id'));
  if (!network['router:external'])
    throw new ApiError(400, `Bad router request: Network ${network.id} is not an external network.`, 'BadRequest');
  if (router.external_gateway_info?.network_id === network.id) return;
  if (router.external_gateway_info !== null) clearGateway(deps, router);
  // A gateway's port belongs to nobody, so that customers do not see it.
  const fixedIps = anyAddress(deps, network);
  addPort(deps, {
    network,
    projectId: '',
    name: '',
    description: '',
    fixedIps,
    securityGroups: [],
    deviceId: router.id,
    deviceOwner: GATEWAY,
    status: 'ACTIVE',
  });
  router.external_gateway_info = {
    network_id: network.id,
    enable_snat: optionalBoolean(info, 'enable_snat') ?? true,
    external_fixed_ips: fixedIps,
  };
};

const applyGateway = (deps: NetworkDeps, call: Call, router: Router, fields: Fields): void => {
  if (!('external_gateway_info' in fields)) return;
  const info = optionalObject(fields, 'external_gateway_info');
  if (info === undefined || Object.keys(info).length === 0) clearGateway(deps, router);
  else setGateway(deps, call, router, info);
};

const createRouter = (deps: NetworkDeps, call: Call): Router => {
  requireWrite(call.actor, 'create_router');
  const fields = envelope(call.body, 'router');
  refuseTags(fields);
  const projectId = projectFor(call.actor, fields, 'create_router');
  requireQuota(deps, projectId, 'router', deps.state.routers.countBy('project_id', projectId));
  const router: Router = {
    ...deps.state.common(projectId, optionalString(fields, 'name') ?? '', optionalString(fields, 'description') ?? ''),
    admin_state_up: optionalBoolean(fields, 'admin_state_up') ?? true,
    status: 'ACTIVE',
    external_gateway_info: null,
    routes: [],
    flavor_id: null,
    availability_zones: [],
    availability_zone_hints: [],
  };
  applyGateway(deps, call, router, fields);
  return deps.state.routers.put(router);
};

const answerFor = (router: Router, port: Port, subnetId: string): object => ({
  id: router.id,
  tenant_id: router.tenant_id,
  port_id: port.id,
  network_id: port.network_id,
  subnet_id: subnetId,
  subnet_ids: [subnetId],
});

const requireFree = (deps: NetworkDeps, router: Router, subnet: Subnet): void => {
  if (interfacesOf(deps, router.id).some((p) => p.fixed_ips.some((ip) => ip.subnet_id === subnet.id))) {
    throw new ApiError(400, `Bad router request: Router already has a port on subnet ${subnet.id}.`, 'BadRequest');
  }
};

/** A router has one port for all IPv6 subnets of a network, and one for each of IPv4. */
const ipv6InterfaceOf = (deps: NetworkDeps, router: Router, networkId: string): Port | undefined =>
  interfacesOf(deps, router.id).find((p) => p.network_id === networkId && p.fixed_ips.some((ip) => familyOf(ip.ip_address) === 6));

const addBySubnet = (deps: NetworkDeps, call: Call, router: Router, subnetId: string): object => {
  const subnet = getVisible(subnetResource(deps), call.actor, subnetId);
  const network = deps.state.networks.get(subnet.network_id);
  if (network === undefined) throw notFound('Network', subnet.network_id);
  requireFree(deps, router, subnet);
  if (subnet.gateway_ip === null)
    throw new ApiError(400, 'Bad router request: Subnet for router interface must have a gateway IP.', 'BadRequest');
  const fixedIps = [deps.addresses.allocate(subnet, subnet.gateway_ip)];
  const beside = subnet.ip_version === 6 ? ipv6InterfaceOf(deps, router, network.id) : undefined;
  if (beside !== undefined) {
    beside.fixed_ips = [...beside.fixed_ips, ...fixedIps];
    deps.state.touch(deps.state.ports, beside);
    return answerFor(router, beside, subnet.id);
  }
  const common = { network, projectId: router.project_id, name: '', description: '', fixedIps, securityGroups: [], status: 'ACTIVE' };
  return answerFor(router, addPort(deps, { ...common, deviceId: router.id, deviceOwner: INTERFACE }), subnet.id);
};

const addByPort = (deps: NetworkDeps, call: Call, router: Router, portId: string): object => {
  const port = getVisible(portResource(deps), call.actor, portId);
  if (port.device_id !== '')
    throw new ApiError(
      409,
      `Unable to complete operation on port ${port.id} for network ${port.network_id}. Port already has an attached device ${port.device_id}.`,
      'PortInUse',
    );
  const subnet = deps.state.subnets.get(port.fixed_ips[0]?.subnet_id ?? '');
  if (subnet === undefined) throw new ApiError(400, 'Bad router request: Router port must have at least one fixed IP.', 'BadRequest');
  requireFree(deps, router, subnet);
  Object.assign(port, { device_id: router.id, device_owner: INTERFACE, status: 'ACTIVE' });
  deps.state.touch(deps.state.ports, port);
  return answerFor(router, port, subnet.id);
};

const removeInterface = (deps: NetworkDeps, router: Router, body: Fields): object => {
  const subnetId = optionalString(body, 'subnet_id');
  const portId = optionalString(body, 'port_id');
  const port = interfacesOf(deps, router.id).find((p) =>
    portId === undefined ? p.fixed_ips.some((ip) => ip.subnet_id === subnetId) : p.id === portId,
  );
  if (port === undefined) {
    if (portId !== undefined)
      throw new ApiError(404, `Router ${router.id} does not have an interface with id ${portId}`, 'RouterInterfaceNotFound');
    throw new ApiError(404, `Router ${router.id} has no interface on subnet ${subnetId}`, 'RouterInterfaceNotFoundForSubnet');
  }
  const served = subnetId ?? port.fixed_ips[0]?.subnet_id ?? '';
  const needed = deps.state.floatingIps
    .by('router_id', router.id)
    .some((f) => deps.state.ports.get(f.port_id ?? '')?.fixed_ips.some((ip) => ip.subnet_id === served));
  if (needed) {
    throw new ApiError(
      409,
      `Router interface for subnet ${served} on router ${router.id} cannot be deleted, as it is required by one or more floating IPs.`,
      'RouterInterfaceInUseByFloatingIP',
    );
  }
  const kept = port.fixed_ips.filter((ip) => ip.subnet_id !== served);
  if (kept.length > 0 && portId === undefined) {
    port.fixed_ips = kept;
    deps.state.touch(deps.state.ports, port);
  } else removePort(deps, port);
  return answerFor(router, port, served);
};

const deleteRouter = (deps: NetworkDeps, router: Router): void => {
  const attached = interfacesOf(deps, router.id);
  if (attached.length > 0)
    throw new ApiError(409, `Router ${router.id} has ports still attached: ${attached.map((p) => p.id).join(', ')}`, 'RouterInUse');
  if (router.external_gateway_info !== null) clearGateway(deps, router);
  deps.state.routers.remove(router.id);
};

export const routerRoutes = (deps: NetworkDeps): Route[] => {
  const routers = routerResource(deps);
  const writable = (call: Call, action: string): Router => getWritable(routers, call.actor, call.params.id ?? '', action);
  return [
    ...commonRoutes(routers, deps.state),
    {
      method: 'POST',
      template: '/v2.0/routers',
      handle: (call) => created({ router: routers.describe(createRouter(deps, call), call.actor) }),
    },
    {
      method: 'PUT',
      template: '/v2.0/routers/{id}',
      handle: (call) => {
        const router = writable(call, 'update_router');
        const fields = envelope(call.body, 'router');
        applyGateway(deps, call, router, fields);
        assignFields(router, fields, ['name', 'description', 'admin_state_up', 'routes']);
        return ok({ router: routers.describe(deps.state.touch(deps.state.routers, router), call.actor) });
      },
    },
    {
      method: 'PUT',
      template: '/v2.0/routers/{id}/add_router_interface',
      handle: (call) => {
        const router = writable(call, 'add_router_interface');
        const portId = optionalString(call.body, 'port_id');
        return ok(
          portId === undefined
            ? addBySubnet(deps, call, router, requiredString(call.body, 'subnet_id'))
            : addByPort(deps, call, router, portId),
        );
      },
    },
    {
      method: 'PUT',
      template: '/v2.0/routers/{id}/remove_router_interface',
      handle: (call) => ok(removeInterface(deps, writable(call, 'remove_router_interface'), call.body)),
    },
    {
      method: 'DELETE',
      template: '/v2.0/routers/{id}',
      handle: (call) => {
        deleteRouter(deps, writable(call, 'delete_router'));
        return noContent;
      },
    },
  ];
};
