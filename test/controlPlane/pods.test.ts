import { expect, test } from 'vitest';
import { buildApiServer } from '../../src/controlPlane/apiServer.ts';
import { buildControllerManager } from '../../src/controlPlane/controllerManager.ts';
import { buildEtcd } from '../../src/controlPlane/etcd.ts';
import type { ReachableCluster } from '../../src/controlPlane/hostedCluster.ts';
import type { KubernetesObject } from '../../src/controlPlane/object.ts';
import { buildScheduler } from '../../src/controlPlane/scheduler.ts';
import type { ClusterPki } from '../../src/pki/bundle.ts';
import { cluster, pki } from './fixture.ts';

interface Volume {
  name: string;
  secret?: { secretName: string };
  configMap?: { name: string };
}
interface Container {
  command: string[];
  image: string;
  env?: { name: string }[];
  securityContext: object;
  resources: { requests: { cpu: string; memory: string } };
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
  startupProbe: { periodSeconds: number; failureThreshold: number; httpGet: { path: string } };
}
interface Workload extends KubernetesObject {
  spec: {
    replicas: number;
    selector: { matchLabels: Record<string, string> };
    template: {
      metadata: { labels: Record<string, string>; annotations: Record<string, string> };
      spec: { containers: Container[]; volumes: Volume[]; topologySpreadConstraints: object[] };
    };
  };
}

const build = (c: ReachableCluster, p: ClusterPki): KubernetesObject[] =>
  [buildEtcd, buildApiServer, buildControllerManager, buildScheduler].flatMap((component) => component(c, p));
const workloadsOf = (objects: KubernetesObject[]): Workload[] =>
  objects.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet') as Workload[];
const objects = build(cluster, pki);
const workloads = workloadsOf(objects);
const byName = workloads.map((workload): [string, Workload] => [workload.metadata.name, workload]);

/** Files as the container sees them: path → text. */
const filesOf = ({ spec: { template } }: Workload): Map<string, string> => {
  const { containers, volumes } = template.spec;
  const found = new Map<string, string>();
  for (const { name, mountPath } of containers.flatMap((c) => c.volumeMounts)) {
    const volume = volumes.find((v) => v.name === name);
    const source = volume?.secret?.secretName ?? volume?.configMap?.name;
    const object = objects.find((o) => o.metadata.name === source && o.kind === (volume?.secret ? 'Secret' : 'ConfigMap'));
    for (const [key, text] of Object.entries((object?.data ?? {}) as Record<string, string>)) {
      found.set(`${mountPath}/${key}`, object?.kind === 'Secret' ? Buffer.from(text, 'base64').toString() : text);
    }
  }
  return found;
};
const pathsInFlags = ({ spec }: Workload): Set<string> =>
  new Set(spec.template.spec.containers.flatMap((c) => c.command).flatMap((flag) => flag.match(/=(\/etc\/.+)$/)?.[1] ?? []));

test('there are the four components', () => {
  expect(byName.map(([name]) => name)).toEqual(
    ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map((n) => `${cluster.shortId}-${n}`),
  );
});

test.each(byName)('%s: each mounted file is read by a flag, and each flag finds its file', (_name, workload) => {
  expect(pathsInFlags(workload).size).toBeGreaterThan(0);
  expect([...filesOf(workload).keys()].toSorted()).toEqual([...pathsInFlags(workload)].toSorted());
});

test.each(byName)('%s: Pod Security "restricted" holds, root is read-only, no token of the seed', (_name, { spec: { template } }) => {
  expect(template.spec).toMatchObject({
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  });
  for (const container of template.spec.containers) {
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.resources.requests).toEqual({ cpu: expect.stringMatching(/^\d+m$/), memory: expect.stringMatching(/^\d+Mi$/) });
    expect(container.startupProbe.periodSeconds * container.startupProbe.failureThreshold).toBeGreaterThanOrEqual(300);
  }
  expect(JSON.stringify(template)).not.toMatch(/hostPath|hostNetwork|"privileged"/);
});

test.each(byName)('%s: the selector picks its own pods and no sibling', (_name, { spec }) => {
  const picks = (labels: Record<string, string>) =>
    Object.entries(spec.selector.matchLabels).every(([key, value]) => labels[key] === value);
  expect(workloads.filter((other) => picks(other.spec.template.metadata.labels))).toHaveLength(1);
  expect(Object.keys(spec.selector.matchLabels)).toHaveLength(2);
});

const rolled = (next: KubernetesObject[]): string[] =>
  workloadsOf(next)
    .filter((after, i) => JSON.stringify(after.spec.template) !== JSON.stringify(workloads[i]?.spec.template))
    .map(({ metadata }) => metadata.name.slice(cluster.shortId.length + 1));
const withLeaf = (name: keyof ClusterPki['leaves']): ClusterPki => ({
  ...pki,
  leaves: { ...pki.leaves, [name]: { ...pki.leaves[name], cert: 'new\n' } },
});

test('a new certificate rolls exactly the pods that mount it', () => {
  expect(rolled(build(cluster, pki))).toEqual([]);
  expect(rolled(build(cluster, withLeaf('apiServer')))).toEqual(['kube-apiserver']);
  expect(rolled(build(cluster, withLeaf('konnectivityServer')))).toEqual(['kube-apiserver']);
  expect(rolled(build(cluster, withLeaf('etcdPeer')))).toEqual(['etcd']);
  expect(rolled(build(cluster, withLeaf('superAdmin')))).toEqual([]);
  expect(rolled(build(cluster, { ...pki, kubeconfigs: { ...pki.kubeconfigs, scheduler: 'new' } }))).toEqual(['kube-scheduler']);
});

test('a rename of the cluster restarts nothing', () => {
  expect(rolled(build({ ...cluster, name: 'other' }, pki))).toEqual([]);
});

test('members of etcd that begin together know each other, and one that begins empty later fits no list', () => {
  const etcdOf = (etcd: Partial<ReachableCluster['etcd']>) => build({ ...cluster, etcd: { ...cluster.etcd, ...etcd } }, pki);
  const listOf = (all: KubernetesObject[]) =>
    all.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === `${cluster.shortId}-etcd-members`)?.data as {
      'initial-cluster': string;
      'initial-cluster-state': string;
    };
  const forming = etcdOf({ members: 3, endpoints: 3 });
  const named = (all: KubernetesObject[]) =>
    listOf(all)
      ['initial-cluster'].split(',')
      .map((m) => m.split('=')[0]);
  expect(named(forming)).toEqual([0, 1, 2].map((i) => `${cluster.shortId}-etcd-${i}`));
  expect(listOf(forming)['initial-cluster-state']).toBe('new');
  expect(workloadsOf(forming)[0]?.spec.replicas).toBe(3);
  const joining = etcdOf({ members: 2, phase: 'JOINING', joining: 1 });
  expect(named(joining)).toEqual([0, 1].map((i) => `${cluster.shortId}-etcd-${i}`));
  expect(listOf(joining)['initial-cluster-state']).toBe('existing');
  const settled = etcdOf({ phase: 'SETTLED' });
  expect(listOf(settled)).toMatchObject({ 'initial-cluster': expect.stringContaining('nobody='), 'initial-cluster-state': 'existing' });
  // The list is no part of the pods: a change of it restarts none.
  expect(rolled(joining)).toEqual([]);
  expect(rolled(settled)).toEqual([]);
});

test('API servers ask each member by its name, and only those that may be asked', () => {
  const asked = (endpoints: number) =>
    workloadsOf(build({ ...cluster, etcd: { ...cluster.etcd, members: 3, endpoints } }, pki))[1]
      ?.spec.template.spec.containers[0]?.command.find((flag) => flag.startsWith('--etcd-servers='))
      ?.split(',').length;
  expect([1, 3].map(asked)).toEqual([1, 3]);
});

test('several replicas are spread, and drained one at a time; a single one stops no drain', () => {
  const budgets = (all: KubernetesObject[]) =>
    all.filter(({ kind }) => kind === 'PodDisruptionBudget').map(({ metadata }) => metadata.name);
  expect(budgets(objects)).toEqual([]);
  const three = build({ ...cluster, apiServerReplicas: 3, managerReplicas: 2, etcd: { ...cluster.etcd, members: 3, endpoints: 3 } }, pki);
  expect(budgets(three)).toEqual(workloads.map(({ metadata }) => metadata.name));
  for (const { spec } of workloadsOf(three)) {
    expect(spec.template.spec.topologySpreadConstraints).toMatchObject([
      { topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: spec.selector },
      { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: spec.selector },
    ]);
  }
});

test("etcd's settings are its flags, and resources are requests without limits", () => {
  const etcd = { ...cluster.etcd, quotaGiB: 3, snapshotCount: 5_000, heartbeatMs: 200, electionMs: 2_000, autoCompaction: '1h' };
  const resources = { ...cluster.resources, apiServer: { cpuMillicores: 200, memoryMiB: 512 } };
  const [member, apiServer] = workloadsOf(build({ ...cluster, etcd, resources }, pki)).map((w) => w.spec.template.spec.containers[0]);
  expect(member?.command).toEqual(
    expect.arrayContaining([
      `--quota-backend-bytes=${3 * 1024 ** 3}`,
      '--snapshot-count=5000',
      '--heartbeat-interval=200',
      '--election-timeout=2000',
      '--auto-compaction-mode=periodic',
      '--auto-compaction-retention=1h',
    ]),
  );
  expect(apiServer?.resources).toEqual({ requests: { cpu: '200m', memory: '512Mi' } });
});

test('ten control planes with two API servers each leave half of two cores for the seed itself', () => {
  const sum = workloadsOf(build({ ...cluster, apiServerReplicas: 2 }, pki))
    .map(({ spec }) => spec.replicas * Number.parseInt(spec.template.spec.containers[0]?.resources.requests.cpu ?? '', 10))
    .reduce((a, b) => a + b);
  expect(10 * sum).toBeLessThanOrEqual(1_000);
});

test('a registry of the operator replaces the host of every image', () => {
  const images = workloadsOf(build({ ...cluster, imageRegistry: 'mirror.example:5000/k8s/' }, pki)).map(
    (w) => w.spec.template.spec.containers[0]?.image,
  );
  expect(images).toEqual([
    'mirror.example:5000/k8s/etcd:3.6.8-0',
    ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map(
      (n) => `mirror.example:5000/k8s/${n}:${cluster.release.version}`,
    ),
  ]);
});

test('an image with a digest is pinned to it, also in a registry of the operator', () => {
  const digest = `sha256:${'0a'.repeat(32)}`;
  const imageDigests = new Map([['registry.k8s.io/etcd:3.6.8-0', digest]]);
  const imagesOf = (imageRegistry: string | null) =>
    workloadsOf(build({ ...cluster, imageDigests, imageRegistry }, pki)).map((w) => w.spec.template.spec.containers[0]?.image);
  expect(imagesOf(null).slice(0, 2)).toEqual([
    `registry.k8s.io/etcd:3.6.8-0@${digest}`,
    `registry.k8s.io/kube-apiserver:${cluster.release.version}`,
  ]);
  expect(imagesOf('mirror.example')[0]).toBe(`mirror.example/etcd:3.6.8-0@${digest}`);
});

test('the konnectivity server shares a socket with its API server and nothing else, and knows how many it is one of', () => {
  const of = (c: ReachableCluster) => workloadsOf(buildApiServer(c, pki))[0]?.spec.template.spec;
  const [api, server] = of({ ...cluster, apiServerReplicas: 3 })?.containers ?? [];
  const shared = api?.volumeMounts.filter(({ name }) => server?.volumeMounts.some((mount) => mount.name === name));
  expect(shared).toEqual([{ name: 'konnectivity-socket', mountPath: '/run/konnectivity' }]);
  expect(server?.command).toContain('--server-count=3');
  expect(server?.image).toBe('registry.k8s.io/kas-network-proxy/proxy-server:v0.36.0');
  const without = of({ ...cluster, tunnel: 'NONE' });
  expect(without?.containers).toHaveLength(1);
  expect(JSON.stringify(without)).not.toMatch(/konnectivity|egress/);
});
