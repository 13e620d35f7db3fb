/** The cloud's own controllers, run from Seedbed's manifests in a real seed against a real OpenStack: nodes, a load balancer, volumes, and their end. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { expectNothingLeft, listNamespaces, namespaceOf, serversOf } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { applyObjects, createKubectl, deleteVolume, type Kubectl, listThings, type Thing } from './support/outside.ts';
import { until } from './support/run.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';

const NAME = 'lab-cloud';

interface Made {
  id: string;
  uuid: string;
  shortId: string;
  name: string;
  events: ProgressEvent[];
  kubeconfigPath: string;
  kubectl: Kubectl;
}

let story: Story;
let failed = false;
let thingsBefore: Thing[];
let namespacesBefore: string[];
const clusters: Made[] = [];

const make = async (name: string, nodeCount: number, overrides: object): Promise<Made> => {
  const { cluster } = await asMember(story).change<{ cluster: Omit<Made, 'events' | 'kubeconfigPath' | 'kubectl'> }>(
    'createCluster',
    { name, clusterTemplate: NAME, nodeCount, overrides },
    'cluster { id uuid shortId name }',
  );
  const kubeconfigPath = `${story.folder}/${name}.kubeconfig`;
  const made = { ...cluster, events: [], kubeconfigPath, kubectl: createKubectl(story.world, kubeconfigPath) };
  clusters.push(made);
  expect(await followToRest(story, made.id, made.events)).toMatchObject({ settled: true, state: 'READY' });
  await issueKubeconfig(story, made.id, kubeconfigPath);
  return made;
};

const remove = async (made: Made): Promise<void> => {
  clusters.splice(clusters.indexOf(made), 1);
  await asMember(story).change('deleteCluster', { clusterId: made.id }, 'cluster { id }');
  expect(await followToRest(story, made.id, made.events)).toMatchObject({ settled: true, state: 'DELETED' });
};

beforeAll(async () => {
  story = await openStory('cloud', undefined, ['member', 'load-balancer_member']);
  thingsBefore = await listThings(story.world);
  namespacesBefore = await listNamespaces(story);
  await prepareSeedAndTemplate(story, NAME);
});

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  if (story === undefined) return;
  for (const made of [...clusters]) await remove(made);
  expect(await closeStory(story, failed)).toBe(0);
});

const ofProject = async (kind: string): Promise<Thing[]> =>
  (await listThings(story.world)).filter((thing) => thing.kind === kind && thing.project === story.memberProjectId);

test('a node gets its server, its addresses and its zone from the cloud controller; a Service its load balancer, and both go with the cluster', async () => {
  const made = await make('lab-balanced', 1, { addons: { cloudController: { enabled: true } } });
  const [server] = await serversOf(story, made);
  const [node] = (JSON.parse(await made.kubectl('get', 'nodes', '-o', 'json')) as { items: NodeSeen[] }).items;
  expect(node?.spec.providerID).toMatch(new RegExp(`^openstack://.*/${server?.id}$`));
  expect((node?.spec.taints ?? []).map(({ key }) => key)).not.toContain('node.cloudprovider.kubernetes.io/uninitialized');
  expect(node?.status.addresses).toContainEqual({ type: 'InternalIP', address: server?.ports[0]?.addresses[0] });
  expect(node?.metadata.labels['topology.kubernetes.io/zone']).toBeTruthy();

  await applyObjects(story.world, made.kubeconfigPath, [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ]);
  const address = await until('the Service has its address', 180, async () => {
    const ip = await made.kubectl('get', 'service', 'web', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}');
    return ip === '' ? undefined : ip;
  });
  expect((await ofProject('load balancer')).map(({ name }) => name)).toEqual([`kube_service_${made.shortId}_default_web`]);
  expect((await ofProject('floating ip')).map(({ name }) => name)).toEqual([address]);
  expect((await ofProject('application credential')).length).toBe(1);

  await remove(made);
  expect(made.events.some(({ message }) => message.includes('load balancers of 1 Services'))).toBe(true);
  await expectNothingLeft(story, made, thingsBefore, namespacesBefore);
});

interface NodeSeen {
  metadata: { labels: Record<string, string> };
  spec: { providerID?: string; taints?: { key: string }[] };
  status: { addresses: { type: string; address: string }[] };
}

test('claims get volumes of Cinder, and may ask for more; with the cluster go those that are not to be kept', async () => {
  const made = await make('lab-volumes', 0, { volumeDriver: 'CINDER' });
  // The API server learns of the new binding a moment after it is there.
  const seen = await until('the kubeconfig is obeyed', 10, () =>
    made.kubectl('get', 'storageclass', 'cinder', '-o', 'jsonpath={.provisioner} {.volumeBindingMode}'),
  );
  expect(seen).toBe('cinder.csi.openstack.org WaitForFirstConsumer');
  // Without a worker nothing can use a volume, so these do not wait for a consumer.
  const classOf = (reclaimPolicy: string) => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: reclaimPolicy.toLowerCase() },
    provisioner: 'cinder.csi.openstack.org',
    reclaimPolicy,
    volumeBindingMode: 'Immediate',
    allowVolumeExpansion: true,
  });
  const claimOf = (storageClassName: string) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: storageClassName, namespace: 'default' },
    spec: { storageClassName, accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  });
  const objects = ['Delete', 'Retain'].map(classOf);
  await applyObjects(story.world, made.kubeconfigPath, [...objects, claimOf('delete'), claimOf('retain')]);
  const handles = await until('both claims are bound', 120, async () => {
    const found = (JSON.parse(await made.kubectl('get', 'pv', '-o', 'json')) as { items: VolumeSeen[] }).items;
    const bound = found.filter(({ status }) => status.phase === 'Bound');
    return bound.length < 2 ? undefined : Object.fromEntries(bound.map(({ spec }) => [spec.claimRef.name, spec.csi.volumeHandle]));
  });
  const volumes = await ofProject('volume');
  expect(volumes.map(({ id }) => id).sort()).toEqual(Object.values(handles).sort());

  await made.kubectl('patch', 'pvc', 'delete', '-p', '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}');
  // The lab's Cinder has no driver that can extend; there the volume ends in error_extending, and goes with the cluster all the same.
  await until('the volume has grown, or Cinder could not', 90, async () => {
    const size = await made.kubectl('get', 'pv', '-o', `jsonpath={.items[?(@.spec.claimRef.name=="delete")].spec.capacity.storage}`);
    const refusal = await made.kubectl('get', 'events', '--field-selector=reason=VolumeResizeFailed', '-o', 'name');
    return size === '2Gi' || refusal !== '' ? true : undefined;
  });

  await remove(made);
  expect((await ofProject('volume')).map(({ id }) => id)).toEqual([handles.retain]);
  expect(made.events.some(({ message }) => message === `Volumes are kept, as the cluster said: ${handles.retain}.`)).toBe(true);
  await deleteVolume(story.world, handles.retain ?? '');
  await until('the volume that was kept is gone', 60, async () => ((await ofProject('volume')).length === 0 ? true : undefined));
  await expectNothingLeft(story, made, thingsBefore, namespacesBefore);
  expect(await listNamespaces(story)).not.toContain(`namespace/${namespaceOf(made)}`);
});

interface VolumeSeen {
  spec: { claimRef: { name: string }; csi: { volumeHandle: string } };
  status: { phase: string };
}
