/** A simulated openstack-cloud-controller-manager: it initialises nodes. Load balancers it makes none: Services keep waiting for theirs. */
import { type Cluster, writeBack } from '../cluster.ts';
import { NODE } from '../kinds.ts';
import { at, dicts, type KubeObject, spec, text } from '../objects.ts';
import { type CommandLine, checkCommandLine, fileOf } from './commandLine.ts';
import { type ClientDeps, clientProcess } from './components.ts';
import type { Process } from './process.ts';

const TAINT = 'node.cloudprovider.kubernetes.io/uninitialized';
const REQUIRED = ['auth-url', 'application-credential-id', 'application-credential-secret'];

const initialize = (cluster: Cluster, node: KubeObject): void => {
  const taints = dicts(spec(node).taints);
  if (!taints.some((taint) => taint.key === TAINT)) return;
  const providerID = text(spec(node).providerID) || `openstack:///${text(at(node, 'status', 'nodeInfo', 'systemUUID'))}`;
  writeBack(cluster, NODE, { ...node, spec: { ...spec(node), providerID, taints: taints.filter((taint) => taint.key !== TAINT) } });
};

export const startCloudController = (line: CommandLine, deps: Omit<ClientDeps, 'lead'>): Process => {
  checkCommandLine(line);
  if (line.flag('cloud-provider') !== 'openstack') throw new Error('--cloud-provider must be openstack');
  const config = fileOf(line, 'cloud-config');
  const missing = REQUIRED.find((key) => !new RegExp(`^${key} = "[^"\\n]+"$`, 'm').test(config));
  if (missing !== undefined)
    throw new Error(`Cloud provider could not be initialized: could not init cloud provider "openstack": missing ${missing}`);
  let following: { cluster: Cluster; stop: () => void } | undefined;
  const stop = (): void => {
    following?.stop();
    following = undefined;
  };
  const follow = (cluster: Cluster): void => {
    if (following?.cluster === cluster) return;
    stop();
    const unsubscribe = cluster.store.subscribe(({ kind, type, object }) => {
      if (kind === NODE && type !== 'DELETED') setImmediate(() => initialize(cluster, object));
    });
    following = { cluster, stop: unsubscribe };
    for (const node of cluster.store.list(NODE)) initialize(cluster, node);
  };
  const withdraw = (): void => {
    stop();
    deps.withdraw();
  };
  return clientProcess({ ...deps, withdraw, lead: ({ cluster }) => follow(cluster) }, line, 'cloud-controller-manager', () => undefined);
};
