/** The seed's load balancers: an address of their own for each Service that asks for one. */
import type { Cluster } from './cluster.ts';
import { recordEvent } from './controllers/events.ts';
import { SERVICE } from './kinds.ts';
import { at, dicts, type KubeObject, namespaceOf, spec, text } from './objects.ts';

/** What a fast load balancer needs in life, shortened: an Octavia amphora takes a minute. */
const PROVISION_MS = 150;
/** The upper half of the range belongs to the cloud's outside and the seed's nodes. */
const ADDRESSES = 254 * 128;

const addressesOf = (service: KubeObject): string[] => dicts(at(service, 'status', 'loadBalancer', 'ingress')).map((i) => text(i.ip));

/** The addresses of all seeds of a range: one that has let go of an address makes room for the next that asked for it. */
export interface AddressPool {
  /** Services by the addresses that they have. */
  taken: Map<string, string>;
  /** Who asked for one that was taken; they look again, in the order of asking. */
  waiting: Set<() => void>;
}

/** `prefix` is the first two numbers of the range, such as 127.77. */
export const startLoadBalancers = (cluster: Cluster, prefix: string, { taken, waiting }: AddressPool): (() => void) => {
  const timers = new Map<string, NodeJS.Timeout>();
  let next = 0;
  for (const service of cluster.store.list(SERVICE)) for (const address of addressesOf(service)) taken.set(address, service.metadata.uid);

  const free = (): string | undefined => {
    for (let tries = 0; tries < ADDRESSES; tries += 1) {
      const index = next % ADDRESSES;
      next += 1;
      const address = `${prefix}.${Math.floor(index / 254)}.${(index % 254) + 1}`;
      if (!taken.has(address)) return address;
    }
    return undefined;
  };
  const assign = (namespace: string, name: string): void => {
    const service = cluster.store.get(SERVICE, namespace, name);
    if (!service || spec(service).type !== 'LoadBalancer' || addressesOf(service).length > 0) return;
    // One that is asked for by name is given, or none.
    const asked = text(spec(service).loadBalancerIP);
    const ip = asked === '' ? free() : taken.has(asked) || !asked.startsWith(`${prefix}.`) ? undefined : asked;
    if (ip === undefined) {
      recordEvent(cluster, service, {
        type: 'Warning',
        reason: 'SyncLoadBalancerFailed',
        message: `Error syncing load balancer: ${asked === '' ? 'no address is left' : `address ${asked} is not free`}`,
        component: 'service-controller',
      });
      if (asked !== '') waiting.add(() => again(namespace, name));
      return;
    }
    taken.set(ip, service.metadata.uid);
    cluster.store.put(SERVICE, { ...service, status: { loadBalancer: { ingress: [{ ip, ipMode: 'VIP' }] } } });
    recordEvent(cluster, service, {
      type: 'Normal',
      reason: 'EnsuredLoadBalancer',
      message: 'Ensured load balancer',
      component: 'service-controller',
    });
  };
  const again = (namespace: string, name: string): void => {
    const live = cluster.store.get(SERVICE, namespace, name);
    if (live) look(live);
  };
  const look = (service: KubeObject): void => {
    const key = `${namespaceOf(service)}/${service.metadata.name}`;
    if (spec(service).type !== 'LoadBalancer') {
      if (addressesOf(service).length > 0) release(service);
      return;
    }
    if (addressesOf(service).length > 0 || timers.has(key)) return;
    const timer = setTimeout(() => {
      timers.delete(key);
      assign(namespaceOf(service), service.metadata.name);
    }, cluster.latency(PROVISION_MS));
    timers.set(key, timer);
  };
  const release = (service: KubeObject): void => {
    forget(service);
    cluster.store.put(SERVICE, { ...service, status: { loadBalancer: {} } });
  };
  const forget = (service: KubeObject): void => {
    for (const address of addressesOf(service)) if (taken.get(address) === service.metadata.uid) taken.delete(address);
    for (const look of [...waiting]) {
      waiting.delete(look);
      look();
    }
  };
  const unsubscribe = cluster.store.subscribe(({ kind, type, object }) => {
    if (kind !== SERVICE) return;
    if (type === 'DELETED') forget(object);
    else
      setImmediate(() => {
        const live = cluster.store.get(SERVICE, namespaceOf(object), object.metadata.name);
        if (live) look(live);
      });
  });
  for (const service of cluster.store.list(SERVICE)) look(service);
  return () => {
    unsubscribe();
    for (const timer of timers.values()) clearTimeout(timer);
  };
};
