/** Which connections the NetworkPolicies of a cluster let through, by the rules of the real API: policies add up, and only pods that one selects are shut. */
import { parseCidr, parseCidrV6 } from './addresses.ts';
import type { Cluster } from './cluster.ts';
import { NAMESPACE, NETWORK_POLICY } from './kinds.ts';
import { type Dict, dict, dicts, type KubeObject, labelsOf, namespaceOf, spec, text, texts } from './objects.ts';
import { selectorMatch } from './selectors.ts';

/** A pod, or an address outside. */
export type Peer = { pod: KubeObject } | { address: string };
export interface Connection {
  from: Peer;
  to: Peer;
  port: number;
  protocol?: 'TCP' | 'UDP';
}

type Direction = 'Ingress' | 'Egress';

export const isConnectionAllowed = (cluster: Cluster, { from, to, port, protocol = 'TCP' }: Connection): boolean => {
  const target = { port, protocol, pod: 'pod' in to ? to.pod : undefined };
  return (
    (!('pod' in from) || allows(cluster, from.pod, 'Egress', to, target)) &&
    (!('pod' in to) || allows(cluster, to.pod, 'Ingress', from, target))
  );
};

interface Target {
  port: number;
  protocol: string;
  pod: KubeObject | undefined;
}

const allows = (cluster: Cluster, pod: KubeObject, direction: Direction, peer: Peer, target: Target): boolean => {
  // Traffic of the node itself is not the pod's.
  if (spec(pod).hostNetwork === true) return true;
  const selecting = cluster.store
    .list(NETWORK_POLICY, namespaceOf(pod))
    .filter((policy) => typesOf(policy).includes(direction) && selectorMatch(spec(policy).podSelector)(labelsOf(pod)));
  if (selecting.length === 0) return true;
  const [rules, peers] = direction === 'Ingress' ? (['ingress', 'from'] as const) : (['egress', 'to'] as const);
  return selecting.some((policy) =>
    dicts(spec(policy)[rules]).some(
      (rule) =>
        (dicts(rule.ports).length === 0 || dicts(rule.ports).some((p) => fitsPort(p, target))) &&
        (dicts(rule[peers]).length === 0 || dicts(rule[peers]).some((p) => fitsPeer(cluster, namespaceOf(policy), p, peer))),
    ),
  );
};

/** Left out, it is Ingress, and Egress where there are rules for it. */
const typesOf = (policy: KubeObject): string[] => {
  const given = texts(spec(policy).policyTypes);
  return given.length > 0 ? given : spec(policy).egress === undefined ? ['Ingress'] : ['Ingress', 'Egress'];
};

const fitsPort = (rule: Dict, { port, protocol, pod }: Target): boolean => {
  if ((text(rule.protocol) || 'TCP') !== protocol) return false;
  if (rule.port === undefined) return true;
  if (typeof rule.port === 'number') return port >= rule.port && port <= (typeof rule.endPort === 'number' ? rule.endPort : rule.port);
  const ports = dicts(pod && spec(pod).containers).flatMap((container) => dicts(container.ports));
  return ports.some((p) => p.name === rule.port && p.containerPort === port);
};

const fitsPeer = (cluster: Cluster, namespace: string, rule: Dict, peer: Peer): boolean => {
  if (rule.ipBlock !== undefined) return 'address' in peer && isInBlock(dict(rule.ipBlock), peer.address);
  if (!('pod' in peer)) return false;
  const home = namespaceOf(peer.pod);
  const fitsNamespace =
    rule.namespaceSelector === undefined
      ? home === namespace
      : selectorMatch(rule.namespaceSelector)({ ...labelsOf(cluster.store.get(NAMESPACE, '', home) ?? peer.pod) });
  return fitsNamespace && (rule.podSelector === undefined || selectorMatch(rule.podSelector)(labelsOf(peer.pod)));
};

const isInBlock = (block: Dict, address: string): boolean =>
  isIn(text(block.cidr), address) && !texts(block.except).some((cidr) => isIn(cidr, address));

const isIn = (cidr: string, address: string): boolean => {
  const [wide, one] = [parseCidrV6(cidr), parseCidrV6(`${address}/${parseCidrV6(cidr)?.prefix ?? 128}`)];
  if (wide !== undefined) return wide.base === one?.base;
  const [range, host] = [parseCidr(cidr), parseCidr(`${address}/32`)];
  return range !== undefined && host !== undefined && host.base >= range.base && host.base < range.base + range.size;
};
