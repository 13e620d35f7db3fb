/** Where joined machines and hosted API servers meet: heartbeats of thousands of machines go through here and not through TLS. */

/** A unit of systemd's in a machine. */
export interface Unit {
  /** All that it has said until now. */
  lines: readonly string[];
  /** undefined: it runs. */
  code(): number | undefined;
}

/** What a pod may do in the machine that is let in. */
export interface MachineShell {
  /** Runs a script as a unit, once one of its name has ended. */
  start(name: string, script: string, args: readonly string[]): Unit;
}

/** A kubelet of a machine that has joined; it lives until the machine stops. */
export interface AttachedKubelet {
  nodeName: string;
  address: string;
  /** The kubelet's client certificate in PEM: a cluster that no longer trusts it gets no heartbeat. */
  certPem: string;
  /** Whom it trusts, as the API server it dials and as a client of its own. */
  caPem: string;
  /** Absent: nobody gets in. */
  shell?: MachineShell;
}

export interface KubeletListener {
  attached(kubelet: AttachedKubelet): void;
  detached(kubelet: AttachedKubelet): void;
}

const kubelets = new Map<string, Set<AttachedKubelet>>();
const listeners = new Map<string, Set<KubeletListener>>();

const setOf = <T>(map: Map<string, Set<T>>, key: string): Set<T> => {
  const known = map.get(key) ?? new Set<T>();
  map.set(key, known);
  return known;
};

const dropFrom = <T>(map: Map<string, Set<T>>, key: string, value: T): void => {
  const set = map.get(key);
  set?.delete(value);
  if (set?.size === 0) map.delete(key);
};

/** `endpoint` is host:port as the machine dials it. Returns the way to stop the heartbeat. */
export const attachKubelet = (endpoint: string, kubelet: AttachedKubelet): (() => void) => {
  setOf(kubelets, endpoint).add(kubelet);
  for (const listener of listeners.get(endpoint) ?? []) listener.attached(kubelet);
  return () => {
    dropFrom(kubelets, endpoint, kubelet);
    for (const listener of listeners.get(endpoint) ?? []) listener.detached(kubelet);
  };
};

/** Hears of all kubelets that dial an endpoint, those already attached first. */
export const listenForKubelets = (endpoint: string, listener: KubeletListener): (() => void) => {
  setOf(listeners, endpoint).add(listener);
  for (const kubelet of kubelets.get(endpoint) ?? []) listener.attached(kubelet);
  return () => {
    dropFrom(listeners, endpoint, listener);
    for (const kubelet of kubelets.get(endpoint) ?? []) listener.detached(kubelet);
  };
};
