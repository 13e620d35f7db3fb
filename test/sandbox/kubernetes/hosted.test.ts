import { afterAll, beforeAll, expect, test } from 'vitest';
import { namesOf } from '../../../src/controlPlane/hostedCluster.ts';
import type { KubernetesObject } from '../../../src/controlPlane/object.ts';
import { DEFAULT_CONTROL_PLANE } from '../../../src/domain/controlPlane.ts';
import { at, type Fields, until } from './client.ts';
import { applyAll, type Hosted, isReady, logOf, pathOf, podOf, readyz, startHosted } from './hosted.ts';
import { type SeedWorld, startSeedWorld } from './seedWorld.ts';

let world: SeedWorld;
beforeAll(async () => {
  world = await startSeedWorld();
});
afterAll(() => world.close());

const nodesOf = async (hosted: Hosted) => (await hosted.tenant.call('GET', '/api/v1/nodes')).status;
const leases = async (hosted: Hosted): Promise<string[]> =>
  ((await hosted.tenant.call('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases')).body.items as Fields[]).map((l) =>
    String(at(l, 'metadata', 'name')),
  );

/** Waits until a component has said something that fits, and checks that it is not ready. */
const failsWith = async (
  hosted: Hosted,
  component: 'etcd' | 'apiServer' | 'controllerManager' | 'scheduler',
  words: RegExp,
): Promise<void> => {
  await until(`${component} to say ${words}`, async () => words.test(await logOf(world.limited, hosted, component)));
  expect(isReady(await podOf(world.limited, hosted, component))).toBe(false);
};

test("the product's control plane comes up, holds its leases, keeps its data over a restart, and goes with its namespace", async () => {
  const hosted = await startHosted(world.limited, 'good');
  await until('readyz', () => readyz(hosted.tenant));
  await until('leases', async () => (await leases(hosted)).toSorted().join() === 'kube-controller-manager,kube-scheduler');
  await hosted.tenant.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'kept' } });
  await until(
    'the default service account',
    async () => (await hosted.tenant.call('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200,
  );
  expect(at((await hosted.tenant.call('GET', '/api/v1/namespaces/default/services/kubernetes')).body, 'spec', 'clusterIP')).toBe(
    '10.97.0.1',
  );
  await world.restart();
  await until('readyz after the restart', () => readyz(hosted.tenant));
  expect((await hosted.tenant.call('GET', '/api/v1/namespaces/default/configmaps/kept')).status).toBe(200);
  await world.limited.call('DELETE', `/api/v1/namespaces/${hosted.cluster.namespace}`);
  await until(
    'the namespace is gone',
    async () => (await world.limited.call('GET', `/api/v1/namespaces/${hosted.cluster.namespace}`)).status === 404,
  );
  await expect(nodesOf(hosted)).rejects.toThrow();
  expect(at(world.half.snapshot(), 'hosted')).toEqual([]);
  hosted.close();
});

test('node ports serve at the node address', async () => {
  const hosted = await startHosted(world.limited, 'ports', { cluster: { exposure: 'NODE_PORT' } });
  await until('readyz', () => readyz(hosted.tenant));
  expect(new URL(hosted.tenant.server).hostname).toMatch(/^127\.\d+\.255\.1$/);
  hosted.close();
});

test('an API server scaled to zero is gone and comes back with its data', async () => {
  const hosted = await startHosted(world.limited, 'zero');
  await until('readyz', () => readyz(hosted.tenant));
  const scale = (replicas: number) =>
    world.limited.call(
      'PATCH',
      `/apis/apps/v1/namespaces/kc-zero/deployments/${namesOf(hosted.cluster).apiServer}/scale`,
      { spec: { replicas } },
      { 'Content-Type': 'application/merge-patch+json' },
    );
  await hosted.tenant.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'kept' } });
  await scale(0);
  await until('nobody answers', async () => !(await readyz(hosted.tenant)));
  await until('the controller manager notices', async () => !isReady(await podOf(world.limited, hosted, 'controllerManager')));
  await scale(1);
  await until('readyz', () => readyz(hosted.tenant));
  expect((await hosted.tenant.call('GET', '/api/v1/namespaces/default/configmaps/kept')).status).toBe(200);
  hosted.close();
});

test('three etcd members and two API servers work too', async () => {
  const hosted = await startHosted(world.limited, 'three', {
    cluster: {
      apiServerReplicas: 2,
      managerReplicas: 2,
      etcd: { ...DEFAULT_CONTROL_PLANE.etcd, members: 3, endpoints: 3, phase: 'FORMING', joining: null, storageClass: null },
    },
  });
  await until('readyz', () => readyz(hosted.tenant));
  await until(
    'three members ready',
    async () =>
      at(
        (await world.limited.call('GET', `/apis/apps/v1/namespaces/kc-three/statefulsets/${namesOf(hosted.cluster).etcd}`)).body,
        'status',
        'readyReplicas',
      ) === 3,
  );
  hosted.close();
});

test('a serving key that does not fit its certificate stops the API server, and a corrected Secret heals it', async () => {
  const hosted = await startHosted(world.limited, 'key', {
    pki: (pki, other) => ({ ...pki, leaves: { ...pki.leaves, apiServer: { ...pki.leaves.apiServer, key: other.leaves.apiServer.key } } }),
  });
  await failsWith(hosted, 'apiServer', /private key does not match public key/);
  const pod = await podOf(world.limited, hosted, 'apiServer');
  expect(at(pod, 'status', 'containerStatuses', 0, 'state', 'waiting', 'reason')).toBe('CrashLoopBackOff');
  const secrets = (await world.limited.call('GET', '/api/v1/namespaces/kc-key/secrets')).body.items as Fields[];
  const secret = secrets.find((s) => at(s, 'data', 'apiserver.key') !== undefined);
  const patch = { data: { 'apiserver.key': Buffer.from(hosted.pki.leaves.apiServer.key).toString('base64') } };
  await world.limited.call('PATCH', `/api/v1/namespaces/kc-key/secrets/${String(at(secret, 'metadata', 'name'))}`, patch, {
    'Content-Type': 'application/merge-patch+json',
  });
  await until('readyz', () => readyz(hosted.tenant), 15_000);
  hosted.close();
});

test('an etcd client certificate of another authority is refused by etcd, and the API server is never ready', async () => {
  const hosted = await startHosted(world.limited, 'client', {
    pki: (pki, other) => ({ ...pki, leaves: { ...pki.leaves, apiServerEtcdClient: other.leaves.apiServerEtcdClient } }),
  });
  await failsWith(hosted, 'apiServer', /etcd refuses the client certificate: .*signed by unknown authority/);
  expect(await readyz(hosted.tenant)).toBe(false);
  hosted.close();
});

test('etcd does not start with a certificate that lacks its name', async () => {
  const hosted = await startHosted(world.limited, 'name', {
    pki: (pki) => ({ ...pki, leaves: { ...pki.leaves, etcdServer: pki.leaves.etcdPeer, etcdPeer: { ...pki.leaves.apiServerEtcdClient } } }),
  });
  await failsWith(hosted, 'etcd', /incompatible key usage|certificate is valid for/);
  hosted.close();
});

test('a controller manager with the certificate of another cluster is unauthorized and leads nothing', async () => {
  const hosted = await startHosted(world.limited, 'kcm', {
    pki: (pki, other) => ({
      ...pki,
      kubeconfigs: {
        ...pki.kubeconfigs,
        controllerManager: pki.kubeconfigs.controllerManager
          .replace(/client-certificate-data: .*/, clientOf(other, 'certificate'))
          .replace(/client-key-data: .*/, clientOf(other, 'key')),
      },
    }),
  });
  await until('readyz', () => readyz(hosted.tenant));
  await failsWith(hosted, 'controllerManager', /Unauthorized/);
  await until('the scheduler leads', async () => (await leases(hosted)).includes('kube-scheduler'));
  expect(await leases(hosted)).toEqual(['kube-scheduler']);
  hosted.close();
});

const clientOf = (pki: { kubeconfigs: { controllerManager: string } }, what: 'certificate' | 'key'): string =>
  new RegExp(`client-${what}-data: .*`).exec(pki.kubeconfigs.controllerManager)?.[0] ?? '';

test('an unknown flag and a missing file end a component with the words of the real one', async () => {
  const addFlag = (flag: string) => (objects: KubernetesObject[]) =>
    objects.map((o) =>
      o.kind === 'Deployment' && o.metadata.name.endsWith('scheduler')
        ? (JSON.parse(JSON.stringify(o).replace('"--leader-elect=true"', `"--leader-elect=true","${flag}"`)) as KubernetesObject)
        : o,
    );
  const hosted = await startHosted(world.limited, 'flag', { objects: addFlag('--no-such-flag=1') });
  await failsWith(hosted, 'scheduler', /unknown flag: --no-such-flag/);
  const files = await startHosted(world.limited, 'file', { objects: addFlag('--tls-cert-file=/nowhere/tls.crt') });
  await failsWith(files, 'scheduler', /open \/nowhere\/tls.crt: no such file or directory/);
  hosted.close();
  files.close();
});

test('a second apply of everything writes nothing', async () => {
  const hosted = await startHosted(world.limited, 'twice');
  await until('readyz', () => readyz(hosted.tenant));
  await until(
    'everything is ready',
    async () =>
      isReady(await podOf(world.limited, hosted, 'scheduler')) && isReady(await podOf(world.limited, hosted, 'controllerManager')),
  );
  const versions = () =>
    Promise.all(hosted.objects.map(async (o) => at((await world.limited.call('GET', pathOf(o))).body, 'metadata', 'resourceVersion')));
  const before = await versions();
  await applyAll(world.limited, hosted.objects);
  expect(await versions()).toEqual(before);
  hosted.close();
});
