/** Floating IPs of the simulated Neutron. */
import { familyOf } from './addresses.ts';
import { ApiError, type Call, created, noContent, ok, type Route } from './http.ts';
import { envelope, type Fields, optionalString, requiredString } from './input.ts';
import { anyAddress, disassociate, type NetworkDeps, requireQuota } from './networkDeps.ts';
import { commonRoutes, getVisible, getWritable, ownOrAdmin, projectFor, type Resource, requireWrite } from './networkResource.ts';
import type { FloatingIp, Network, Port, Router } from './networkState.ts';
import { assignFields, refuseTags, visibleNetwork } from './networks.ts';
import { portResource } from './ports.ts';
import { interfacesOf } from './routers.ts';

const floatingIpResource = (deps: NetworkDeps): Resource<FloatingIp> => ({
  singular: 'floatingip',
  plural: 'floatingips',
  path: 'floatingips',
  kind: 'Floating IP',
  rows: deps.state.floatingIps,
  visible: ownOrAdmin,
  describe: (row) => ({ ...row, port_details: portDetails(deps, row.port_id) }),
});

const portDetails = (deps: NetworkDeps, portId: string | null): object | null => {
  const port = portId === null ? undefined : deps.state.ports.get(portId);
  if (port === undefined) return null;
  const { name, network_id, mac_address, admin_state_up, status, device_id, device_owner } = port;
  return { name, network_id, mac_address, admin_state_up, status, device_id, device_owner };
};

/** The router of the port's subnet that has its gateway on the external network. */
const routerFor = (deps: NetworkDeps, port: Port, networkId: string): Router | undefined =>
  port.fixed_ips
    .flatMap((ip) => deps.state.ports.by('subnet', ip.subnet_id))
    .filter((p) => p.device_owner === 'network:router_interface')
    .map((p) => deps.state.routers.get(p.device_id))
    .find((r) => r !== undefined && r.external_gateway_info?.network_id === networkId && interfacesOf(deps, r.id).length > 0);

const associate = (deps: NetworkDeps, call: Call, ip: FloatingIp, fields: Fields): void => {
  const port = getVisible(portResource(deps), call.actor, requiredString(fields, 'port_id'));
  const wanted = optionalString(fields, 'fixed_ip_address');
  const ofV4 = port.fixed_ips.filter(({ ip_address }) => familyOf(ip_address) === 4);
  if (wanted === undefined && ofV4.length > 1)
    throw new ApiError(
      400,
      `Bad floatingip request: Port ${port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP.`,
      'BadRequest',
    );
  if (wanted !== undefined && !port.fixed_ips.some(({ ip_address }) => ip_address === wanted))
    throw new ApiError(400, `Bad floatingip request: Port ${port.id} does not have fixed ip ${wanted}.`, 'BadRequest');
  const fixed = wanted ?? ofV4[0]?.ip_address;
  if (fixed === undefined)
    throw new ApiError(
      400,
      `Bad floatingip request: Cannot add floating IP to port ${port.id} that has no fixed IPv4 addresses.`,
      'BadRequest',
    );
  const subnetId = port.fixed_ips.find((f) => f.ip_address === fixed)?.subnet_id;
  const taken = deps.state.floatingIps.by('port_id', port.id).some((f) => f.id !== ip.id && f.fixed_ip_address === fixed);
  if (taken) {
    const where = `floating network ${ip.floating_network_id} to port ${port.id} using fixed IP ${fixed}`;
    throw new ApiError(
      409,
      `Cannot associate floating IP ${ip.floating_ip_address} (${ip.id}) with ${where}, as that fixed IP already has a floating IP on external network ${ip.floating_network_id}.`,
      'FloatingIPPortAlreadyAssociated',
    );
  }
  const router = routerFor(deps, port, ip.floating_network_id);
  if (router === undefined) {
    throw new ApiError(
      404,
      `External network ${ip.floating_network_id} is not reachable from subnet ${subnetId}.  Therefore, cannot associate Port ${port.id} with a Floating IP.`,
      'ExternalGatewayForFloatingIPNotFound',
    );
  }
  Object.assign(ip, { port_id: port.id, router_id: router.id, fixed_ip_address: fixed, status: 'ACTIVE' });
};

const addressOn = (deps: NetworkDeps, network: Network, wanted: string | undefined): string => {
  const subnet = deps.state.subnets.by('network_id', network.id).find((s) => s.ip_version === 4);
  const ip = wanted !== undefined && subnet !== undefined ? deps.addresses.allocate(subnet, wanted) : anyAddress(deps, network)[0];
  if (ip === undefined) throw new ApiError(409, `No more IP addresses available on network ${network.id}.`, 'IpAddressGenerationFailure');
  return ip.ip_address;
};

const createFloatingIp = (deps: NetworkDeps, call: Call): FloatingIp => {
  requireWrite(call.actor, 'create_floatingip');
  const fields = envelope(call.body, 'floatingip');
  refuseTags(fields);
  const projectId = projectFor(call.actor, fields, 'create_floatingip');
  const network = visibleNetwork(deps, call, requiredString(fields, 'floating_network_id'));
  if (!network['router:external'])
    throw new ApiError(400, `Bad floatingip request: Network ${network.id} is not a valid external network.`, 'BadRequest');
  requireQuota(deps, projectId, 'floatingip', deps.state.floatingIps.countBy('project_id', projectId));
  const { name: _, ...common } = deps.state.common(projectId, '', optionalString(fields, 'description') ?? '');
  const address = addressOn(deps, network, optionalString(fields, 'floating_ip_address'));
  const ip: FloatingIp = {
    ...common,
    floating_ip_address: address,
    floating_network_id: network.id,
    router_id: null,
    port_id: null,
    fixed_ip_address: null,
    status: 'DOWN',
  };
  if (optionalString(fields, 'port_id') !== undefined) associate(deps, call, ip, fields);
  return deps.state.floatingIps.put(ip);
};

export const floatingIpRoutes = (deps: NetworkDeps): Route[] => {
  const ips = floatingIpResource(deps);
  const writable = (call: Call, action: string): FloatingIp => getWritable(ips, call.actor, call.params.id ?? '', action);
  return [
    ...commonRoutes(ips, deps.state),
    {
      method: 'POST',
      template: '/v2.0/floatingips',
      handle: (call) => created({ floatingip: ips.describe(createFloatingIp(deps, call), call.actor) }),
    },
    {
      method: 'PUT',
      template: '/v2.0/floatingips/{id}',
      handle: (call) => {
        const ip = writable(call, 'update_floatingip');
        const fields = envelope(call.body, 'floatingip');
        if (fields.port_id === null && ip.port_id !== null) disassociate(deps, ip.port_id);
        if (typeof fields.port_id === 'string') associate(deps, call, ip, fields);
        assignFields(ip, fields, ['description']);
        return ok({ floatingip: ips.describe(deps.state.touch(deps.state.floatingIps, ip), call.actor) });
      },
    },
    {
      method: 'DELETE',
      template: '/v2.0/floatingips/{id}',
      handle: (call) => {
        deps.state.floatingIps.remove(writable(call, 'delete_floatingip').id);
        return noContent;
      },
    },
  ];
};
