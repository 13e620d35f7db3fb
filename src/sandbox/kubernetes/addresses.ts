/** Cluster IPs and node ports of Services: allocation out of the cluster's ranges, and their arithmetic. */
import { formatIpv6, parseIpv6 } from '../../domain/cidrV6.ts';
import { SERVICE } from './kinds.ts';
import { type Dict, dicts, type KubeObject, namespaceOf, number, spec, text, texts } from './objects.ts';
import { invalid } from './statusError.ts';
import type { Store } from './store.ts';

const NODE_PORT_FIRST = 30_000;
const NODE_PORT_LAST = 32_767;

/** Network as a number and its size; undefined when it is not an IPv4 network. */
export const parseCidr = (cidr: string): { base: number; size: number } | undefined => {
  const parts = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (!parts) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = parts.slice(1).map(Number);
  if ([a, b, c, d].some((n) => n > 255) || bits > 32) return undefined;
  const size = 2 ** (32 - bits);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  return { base: address - (address % size), size };
};

/** The same of an IPv6 network, by its prefix. */
export const parseCidrV6 = (cidr: string): { base: bigint; prefix: number } | undefined => {
  const [address = '', length = ''] = cidr.split('/');
  const value = parseIpv6(address);
  const prefix = Number(length);
  if (value === undefined || !/^\d+$/.test(length) || prefix > 128) return undefined;
  const host = BigInt(128 - prefix);
  return { base: (value >> host) << host, prefix };
};

/** "IPv4[,IPv6]" as the flags of the control plane have ranges; undefined for anything else. */
export const parseRanges = (text: string): { ipv4: string; ipv6: string | undefined } | undefined => {
  const [ipv4 = '', ipv6, ...rest] = text.split(',');
  const known = parseCidr(ipv4) !== undefined && (ipv6 === undefined || parseCidrV6(ipv6) !== undefined);
  return known && rest.length === 0 ? { ipv4, ipv6 } : undefined;
};

export const addressText = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

export interface ServicePool {
  /** The Service with cluster IP and node ports filled in. Throws Invalid when what it asks for is taken or outside the range. */
  allocate(service: KubeObject): KubeObject;
}

/** Taken addresses are kept in a set that follows the store, so that allocating does not scan thousands of Services. */
export const createServicePool = (deps: { store: Store; cidr: () => string }): ServicePool => {
  const ips = new Map<string, string>();
  const ports = new Map<number, string>();
  const idOf = (service: KubeObject): string => `${namespaceOf(service)}/${service.metadata.name}`;
  const note = (service: KubeObject, take: boolean): void => {
    const taken = [text(spec(service).clusterIP), ...texts(spec(service).clusterIPs)];
    const wanted = dicts(spec(service).ports)
      .map((p) => number(p.nodePort, 0))
      .filter((p) => p > 0);
    if (take) {
      for (const ip of taken) if (ip && ip !== 'None') ips.set(ip, idOf(service));
      for (const port of wanted) ports.set(port, idOf(service));
    } else {
      for (const ip of taken) ips.delete(ip);
      for (const port of wanted) ports.delete(port);
    }
  };
  for (const service of deps.store.list(SERVICE)) note(service, true);
  deps.store.subscribe((event) => {
    if (event.kind !== SERVICE) return;
    if (event.previous) note(event.previous, false);
    if (event.type !== 'DELETED') note(event.object, true);
  });
  let nextIp = 20;
  let nextIpV6 = 20n;
  let nextPort = NODE_PORT_FIRST;

  const ranges = () => parseRanges(deps.cidr()) ?? { ipv4: '', ipv6: undefined };

  const freeIp = (service: KubeObject): string => {
    const range = parseCidr(ranges().ipv4) ?? { base: 0, size: 0 };
    for (let tries = 0; tries < range.size; tries += 1) {
      nextIp = nextIp >= range.size - 1 ? 11 : nextIp + 1;
      const ip = addressText(range.base + nextIp);
      if (!ips.has(ip)) return ip;
    }
    throw invalid(SERVICE, service.metadata.name, [{ field: 'spec.clusterIPs', message: 'failed to allocate: range is full' }]);
  };
  const freeIpV6 = (cidr: string): string => {
    const { base } = parseCidrV6(cidr) ?? { base: 0n };
    do nextIpV6 += 1n;
    while (ips.has(formatIpv6(base + nextIpV6)));
    return formatIpv6(base + nextIpV6);
  };
  /** The second address of a Service that wants both families, where the cluster has them; the first stays what it was. */
  const secondOf = (service: KubeObject): string | undefined => {
    const policy = text(spec(service).ipFamilyPolicy);
    const { ipv6 } = ranges();
    if (policy === 'RequireDualStack' && ipv6 === undefined)
      throw invalid(SERVICE, service.metadata.name, [
        {
          field: 'spec.ipFamilyPolicy',
          message: 'Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
        },
      ]);
    if (ipv6 === undefined || (policy !== 'PreferDualStack' && policy !== 'RequireDualStack')) return undefined;
    return texts(spec(service).clusterIPs)[1] ?? freeIpV6(ipv6);
  };
  const givenIp = (service: KubeObject, ip: string): string => {
    const range = parseCidr(ranges().ipv4);
    const asked = parseCidr(`${ip}/32`);
    const causes = (message: string) => invalid(SERVICE, service.metadata.name, [{ field: 'spec.clusterIPs', message }]);
    if (!range || !asked || asked.base <= range.base || asked.base >= range.base + range.size - 1)
      throw causes(`Invalid value: ["${ip}"]: failed to allocate IP ${ip}: the provided IP (${ip}) is not in the valid range`);
    const holder = ips.get(ip);
    if (holder !== undefined && holder !== idOf(service))
      throw causes(`Invalid value: ["${ip}"]: failed to allocate IP ${ip}: provided IP is already allocated`);
    return ip;
  };
  const portOf = (service: KubeObject, asked: number): number => {
    if (asked > 0) {
      const holder = ports.get(asked);
      const refuse = (message: string) => invalid(SERVICE, service.metadata.name, [{ field: 'spec.ports[0].nodePort', message }]);
      if (asked < NODE_PORT_FIRST || asked > NODE_PORT_LAST)
        throw refuse(`Invalid value: ${asked}: provided port is not in the valid range. The range of valid ports is 30000-32767`);
      if (holder !== undefined && holder !== idOf(service)) throw refuse(`Invalid value: ${asked}: provided port is already allocated`);
      return asked;
    }
    for (let tries = NODE_PORT_FIRST; tries <= NODE_PORT_LAST; tries += 1) {
      nextPort = nextPort >= NODE_PORT_LAST ? NODE_PORT_FIRST : nextPort + 1;
      if (!ports.has(nextPort)) return nextPort;
    }
    throw invalid(SERVICE, service.metadata.name, [{ field: 'spec.ports', message: 'failed to allocate a nodePort: range is full' }]);
  };

  return {
    allocate(service) {
      const wanted = spec(service);
      if (wanted.type === 'ExternalName') return service;
      const asked = text(wanted.clusterIP);
      const clusterIP = asked === 'None' ? asked : asked ? givenIp(service, asked) : freeIp(service);
      const exposed = wanted.type === 'NodePort' || (wanted.type === 'LoadBalancer' && wanted.allocateLoadBalancerNodePorts !== false);
      const withPorts = dicts(wanted.ports).map((p): Dict => {
        if (exposed) return { ...p, nodePort: portOf(service, number(p.nodePort, 0)) };
        const { nodePort: _freed, ...rest } = p;
        return rest;
      });
      const second = clusterIP === 'None' ? undefined : secondOf(service);
      const families =
        second === undefined
          ? { clusterIP, clusterIPs: [clusterIP] }
          : { clusterIP, clusterIPs: [clusterIP, second], ipFamilies: ['IPv4', 'IPv6'] };
      return { ...service, spec: { ...wanted, ...families, ...(withPorts.length > 0 ? { ports: withPorts } : {}) } };
    },
  };
};
