/** The kubelets of one cluster: they take the pods bound to their nodes through mounts, start, readiness, crashes and the end. */
import type { Cluster } from './cluster.ts';
import { recordEvent } from './controllers/events.ts';
import { isReady } from './controllers/ownedPods.ts';
import { createWorkQueue } from './controllers/workQueue.ts';
import { missingEnvironment, missingMount } from './hosted/podFiles.ts';
import { messageOf, type Process } from './hosted/process.ts';
import { CONFIG_MAP, POD, SECRET, SERVICE } from './kinds.ts';
import { controllerOf, dicts, type KubeObject, namespaceOf, number, spec, status, text } from './objects.ts';
import { type ContainerState, podStatus } from './podStatus.ts';
import { isImageName } from './validation.ts';

/** Usual times in milliseconds, before the latency scale: from the node's view, warm images. */
const START_MS = 220;
const STOP_MS = 150;
const RECHECK_MS = 150;
const FIRST_BACKOFF_MS = 600;
const LONGEST_BACKOFF_MS = 10_000;
/** Even without latency a failing check is not repeated faster than this, and ever more slowly: what it waits for usually tells it. */
const SHORTEST_RECHECK_MS = 40;
const LONGEST_RECHECK_MS = 1000;
const SHORTEST_BACKOFF_MS = 150;
const HOLD_MS = 1000;
const SHORTEST_HOLD_MS = 200;

export interface Nodes {
  /** The node's address, or undefined when the node is not ours or its machine is off. */
  address(node: string): string | undefined;
  /** Whether pods that need the pod network can start there. */
  networkReady(node: string): boolean;
  /** An address for a pod of the node. */
  podAddress(node: string): string;
}

export interface KubeletDeps {
  cluster: Cluster;
  nodes: Nodes;
  /** A program the sandbox plays in the pod; undefined for ordinary containers, which just run. Throws the line it ends with. */
  startProcess: (pod: KubeObject) => Process | undefined;
  /** Told when the containers of a pod run or no longer run. */
  running: (pod: KubeObject, runs: boolean) => void;
}

interface Run {
  pod: KubeObject;
  phase: 'new' | 'starting' | 'running' | 'crashed';
  dueAt: number;
  restarts: number;
  /** Failed checks since it was last ready. */
  checks: number;
  /** Of its image, without success. */
  pulls: number;
  process: Process | undefined;
  log: string[];
  /** What containers that ended have said, by their names. */
  said: Record<string, string>;
  startedAt: number;
  podIp: string;
}

export interface KubeletSet {
  log(pod: KubeObject, container: string): string;
  /** Looks again at the pods of a node, or of all nodes. */
  poke(node?: string): void;
  close(): void;
}

export const createKubelets = (deps: KubeletDeps): KubeletSet => {
  const { cluster, nodes } = deps;
  const runs = new Map<string, Run>();
  const keyOf = (pod: KubeObject): string => `${namespaceOf(pod)}/${pod.metadata.name}`;
  const event = (pod: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void =>
    recordEvent(cluster, pod, { type, reason, message, component: 'kubelet' });

  const report = (run: Run, state: ContainerState): void => {
    const live = cluster.store.get(POD, namespaceOf(run.pod), run.pod.metadata.name);
    if (live?.metadata.uid !== run.pod.metadata.uid) return;
    const next = podStatus(live, state, {
      now: cluster.now(),
      hostIp: nodes.address(text(spec(live).nodeName)) ?? '',
      podIp: run.podIp,
      restarts: run.restarts,
      startedAt: run.startedAt,
    });
    if (next !== undefined) cluster.store.put(POD, { ...live, status: next });
  };

  const stop = (run: Run): void => {
    run.process?.stop();
    run.process = undefined;
    if (run.phase === 'running') deps.running(run.pod, false);
    run.phase = 'new';
  };

  const crash = (run: Run, line: string): void => {
    run.log.push(line);
    stop(run);
    run.phase = 'crashed';
    run.restarts += 1;
    const growth = 2 ** Math.min(run.restarts - 1, 4);
    const backoff = Math.max(SHORTEST_BACKOFF_MS * growth, cluster.latency(Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * growth)));
    run.dueAt = performance.now() + backoff;
    report(run, { kind: 'crashed', message: line });
    event(
      run.pod,
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${text(dicts(spec(run.pod).containers)[0]?.name)} in pod ${run.pod.metadata.name}`,
    );
    queue.addAfter(keyOf(run.pod), backoff);
  };

  const prepare = (run: Run): boolean => {
    const { pod } = run;
    const images = dicts(spec(pod).containers).map((c) => text(c.image));
    const image = images.find((i) => !isImageName(i));
    const lost = images.find(cluster.isLostImage);
    const hold = (reason: string, message: string, eventReason = 'Failed'): boolean => {
      report(run, { kind: 'waiting', reason, message });
      event(pod, 'Warning', eventReason, message);
      queue.addAfter(keyOf(pod), Math.max(SHORTEST_HOLD_MS, cluster.latency(HOLD_MS)));
      return false;
    };
    if (image !== undefined)
      return hold('InvalidImageName', `Failed to apply default image tag "${image}": couldn't parse image name`, 'InspectFailed');
    if (spec(pod).hostNetwork !== true && !nodes.networkReady(text(spec(pod).nodeName)))
      return hold(
        'ContainerCreating',
        'network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
        'NetworkNotReady',
      );
    if (lost !== undefined) {
      const said = `failed to pull and unpack image "${lost}": failed to resolve reference "${lost}": ${lost}: not found`;
      run.pulls += 1;
      return run.pulls === 1
        ? hold('ErrImagePull', said)
        : hold('ImagePullBackOff', `Back-off pulling image "${lost}": ErrImagePull: ${said}`, 'BackOff');
    }
    const missing = missingMount(cluster, pod);
    if (missing) return hold('ContainerCreating', missing, 'FailedMount');
    const environment = missingEnvironment(cluster, pod);
    return environment ? hold('CreateContainerConfigError', `Error: ${environment}`) : true;
  };

  const start = (run: Run): void => {
    const { pod } = run;
    if (!prepare(run)) return;
    if (run.podIp === '')
      run.podIp =
        spec(pod).hostNetwork === true ? (nodes.address(text(spec(pod).nodeName)) ?? '') : nodes.podAddress(text(spec(pod).nodeName));
    try {
      run.process = deps.startProcess(pod);
    } catch (error) {
      crash(run, messageOf(error));
      return;
    }
    run.phase = 'running';
    run.startedAt = cluster.now();
    event(pod, 'Normal', 'Started', `Started container ${text(dicts(spec(pod).containers)[0]?.name)}`);
    deps.running(pod, true);
    check(run);
  };

  const check = (run: Run): void => {
    if (controllerOf(run.pod)?.kind === 'Job' && !run.process) {
      run.phase = 'new';
      report(run, { kind: 'succeeded' });
      return;
    }
    const verdict = run.process?.check() ?? { state: 'ready' as const };
    if (verdict.state === 'ended') {
      const all = Object.entries(verdict.containers);
      run.said = Object.fromEntries(all.map(([name, { said }]) => [name, said]));
      stop(run);
      report(run, { kind: 'ended', codes: Object.fromEntries(all.map(([name, { code }]) => [name, code])) });
      return;
    }
    if (verdict.state === 'crashed') {
      crash(run, verdict.log);
      return;
    }
    report(run, { kind: 'running', ready: verdict.state === 'ready' });
    if (verdict.state === 'ready') {
      run.checks = 0;
      return;
    }
    if (run.log.at(-1) !== verdict.log) {
      run.log.push(verdict.log);
      event(run.pod, 'Warning', 'Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 500');
    }
    run.checks += 1;
    queue.addAfter(
      keyOf(run.pod),
      Math.min(LONGEST_RECHECK_MS, Math.max(SHORTEST_RECHECK_MS, cluster.latency(RECHECK_MS)) * 1.5 ** Math.min(run.checks, 10)),
    );
  };

  const end = (key: string, run: Run, pod: KubeObject | undefined): void => {
    if (run.phase === 'running' || run.process) stop(run);
    if (!pod) {
      runs.delete(key);
      return;
    }
    if (run.dueAt === Number.POSITIVE_INFINITY || number(pod.metadata.deletionGracePeriodSeconds, 30) === 0) {
      runs.delete(key);
      cluster.store.remove(POD, namespaceOf(pod), pod.metadata.name);
      return;
    }
    report(run, { kind: 'stopping' });
    run.dueAt = Number.POSITIVE_INFINITY;
    queue.addAfter(key, cluster.latency(STOP_MS));
  };

  const step = (key: string): void => {
    const [namespace = '', name = ''] = key.split('/');
    const pod = cluster.store.get(POD, namespace, name);
    const known = runs.get(key);
    if (known && known.pod.metadata.uid !== pod?.metadata.uid) {
      stop(known);
      runs.delete(key);
    }
    if (!pod || nodes.address(text(spec(pod).nodeName)) === undefined) return;
    if (status(pod).phase === 'Succeeded' || status(pod).phase === 'Failed') return;
    const run = runs.get(key) ?? {
      pod,
      phase: 'new',
      dueAt: 0,
      restarts: number(dicts(status(pod).containerStatuses)[0]?.restartCount, 0),
      checks: 0,
      pulls: 0,
      process: undefined,
      log: [],
      said: {},
      startedAt: cluster.now(),
      podIp: text(status(pod).podIP),
    };
    runs.set(key, run);
    if (pod.metadata.deletionTimestamp) {
      end(key, run, pod);
      return;
    }
    run.pod = pod;
    if (run.phase === 'running') {
      check(run);
      return;
    }
    if (run.phase === 'new') {
      if (!prepare(run)) return;
      run.phase = 'starting';
      // A pod that was ready before the sandbox restarted comes back without the pause of a first start.
      run.dueAt = performance.now() + (isReady(pod) ? 0 : cluster.latency(START_MS));
    }
    const left = run.dueAt - performance.now();
    if (left > 1) queue.addAfter(key, left);
    else start(run);
  };

  const queue = createWorkQueue(step, (error, key) =>
    cluster.log.error({ err: error, cluster: cluster.id, key }, 'a simulated kubelet failed'),
  );

  const neighbours = (namespace: string, wanted: (run: Run | undefined, pod: KubeObject) => boolean): void => {
    for (const pod of cluster.store.list(POD, namespace)) if (wanted(runs.get(keyOf(pod)), pod)) queue.add(keyOf(pod));
  };
  const unsubscribe = cluster.store.subscribe(({ kind, type, object, previous }) => {
    const namespace = namespaceOf(object);
    if (kind === POD) {
      if (
        type === 'ADDED' ||
        type === 'DELETED' ||
        spec(object).nodeName !== (previous && spec(previous).nodeName) ||
        object.metadata.deletionTimestamp
      )
        queue.add(keyOf(object));
      // Programs depend on each other: what changes for one is looked at by its neighbours.
      const changed = type === 'DELETED' || (previous && isReady(previous) !== isReady(object));
      if (changed) neighbours(namespace, (run, pod) => run?.process !== undefined && pod.metadata.uid !== object.metadata.uid);
    } else if (kind === SECRET || kind === CONFIG_MAP) neighbours(namespace, (run) => run !== undefined && run.phase === 'new');
    else if (kind === SERVICE) neighbours(namespace, (run) => run?.process !== undefined);
  });
  const poke = (node?: string): void => {
    for (const pod of cluster.store.list(POD))
      if (text(spec(pod).nodeName) !== '' && (node === undefined || spec(pod).nodeName === node)) queue.add(keyOf(pod));
  };
  poke();
  return {
    log: (pod, container) => {
      const run = runs.get(keyOf(pod));
      // Where others of the pod have ended, one that has said nothing was not begun.
      return run?.said[container] ?? (Object.keys(run?.said ?? {}).length > 0 ? '' : (run?.log.join('\n') ?? ''));
    },
    poke,
    close() {
      unsubscribe();
      queue.close();
      for (const run of runs.values()) run.process?.stop();
    },
  };
};
