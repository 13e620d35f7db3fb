/** Another version of Kubernetes for a living cluster: who uses it notices nothing, and whatever happens on the way, there is a way out. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Kubernetes, openKubernetes } from '../../src/seeds/connection.ts';
import type { KubernetesObject } from '../../src/seeds/kinds.ts';
import { parseKubeconfig } from '../../src/seeds/kubeconfig.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

const OLD = 'v1.35.4';
const NEW = 'v1.36.3';
let living: Living;
let seedAdmin: Kubernetes;

beforeAll(async () => {
  living = await openLiving({}, { image: 'debian-12', kubernetesVersion: OLD });
  const text = readFileSync(living.sandbox.seeds[0]?.adminKubeconfigFile ?? '', 'utf8');
  const policy = { allowPrivate: true, allowLoopback: true };
  seedAdmin = openKubernetes({ access: parseKubeconfig(text), clock: { now: Date.now }, policy, subject: 'seed' });
});
afterAll(async () => {
  seedAdmin?.close();
  await living?.close();
});

interface Shown {
  version: string;
  runningVersion: string | null;
  upgradeStatus: string | null;
  upgradeTargets: { version: string; problem: { message: string } | null }[];
}
const shown = async (id: string): Promise<Shown> =>
  (
    await living.ask<{ cluster: Shown }>(
      living.member,
      `{ cluster(id: "${id}") { version runningVersion upgradeStatus upgradeTargets { version problem { message } } } }`,
    )
  ).cluster;

const upgrade = async (clusterId: string, version: string, controlPlaneOnly = false): Promise<string> => {
  const input = { clusterId, version, controlPlaneOnly };
  return (await living.change<{ operation: { uuid: string } }>(living.member, 'upgradeCluster', input, 'operation { uuid }')).operation
    .uuid;
};
const operation = async (id: string) =>
  (
    await living.ask<{ operation: { kind: string; state: string; problem: { message: string } | null } }>(
      living.member,
      `{ operation(id: "${id}") { kind state problem { message } } }`,
    )
  ).operation;
const ended = (id: string) =>
  until(async () => {
    const found = await operation(id);
    return /SUCCEEDED|FAILED|SUPERSEDED/.test(found.state) ? found : null;
  });

interface Pod extends KubernetesObject {
  spec: { containers: { name: string; image: string }[] };
  status?: { conditions?: { type: string; status: string }[] };
}
/** Versions of the control plane's pods in the seed, by their component. */
const versions = async (clusterId: string): Promise<Map<string, string[]>> => {
  const [row] = living.rows<{ name: string }>(`select 'kc-' || short_id as name from clusters where id = '${clusterId}'`);
  const { items } = await living.seed.list({ apiVersion: 'v1', kind: 'Pod', namespace: row?.name ?? '' });
  const found = new Map<string, string[]>();
  for (const { spec } of items as Pod[]) {
    const [main] = spec.containers;
    const version = /:(v[\d.]+)/.exec(main?.image ?? '')?.[1];
    if (main !== undefined && version !== undefined) found.set(main.name, [...(found.get(main.name) ?? []), version]);
  }
  return found;
};

const access = async (clusterId: string): Promise<Kubernetes> => {
  const { kubeconfig } = await living.change<{ kubeconfig: string }>(
    living.member,
    'issueKubeconfig',
    { clusterId, role: 'ADMIN' },
    'kubeconfig',
  );
  const kube = living.tenant(kubeconfig);
  // It opens something once a pass has bound it.
  await until(async () => (await kube.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' })).items.length > 0);
  return kube;
};

/** Writes a number and reads it again, all the time. */
const startClient = (kube: Kubernetes) => {
  const failures: string[] = [];
  let writes = 0;
  let over = false;
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'written' };
  const work = (async () => {
    while (!over) {
      const value = String(writes + 1);
      try {
        await kube.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'written', namespace: 'default' }, data: { value } });
        const read = ((await kube.get(ref))?.['data'] as { value?: string } | undefined)?.value;
        if (read !== value) failures.push(`wrote ${value}, read ${read}`);
        writes += 1;
      } catch (error) {
        failures.push(String(error));
      }
    }
  })();
  return {
    end: async () => {
      over = true;
      await work;
      return { failures, writes };
    },
  };
};

/** Looks all the time whether something is newer than an API server. */
const startGuard = (clusterId: string) => {
  const broken = new Set<string>();
  const order: string[] = [];
  let over = false;
  const work = (async () => {
    while (!over) {
      const now = await versions(clusterId).catch(() => new Map<string, string[]>());
      const oldest = (now.get('kube-apiserver') ?? []).toSorted()[0] ?? '';
      for (const name of ['kube-controller-manager', 'kube-scheduler'])
        for (const version of now.get(name) ?? []) if (oldest !== '' && version > oldest) broken.add(`${name} ${version} beside ${oldest}`);
      for (const [name, all] of now) if (all.includes(NEW) && !order.includes(name)) order.push(name);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    end: async () => {
      over = true;
      await work;
      return { broken: [...broken], order };
    },
  };
};

test('a minor release up: API servers first, then what follows them, without a refused request, across a restart, and with no way back once one has run', async () => {
  const id = await living.makeCluster('up', { nodeCount: 1, overrides: { controlPlane: { replicas: 3 } } });
  expect(await shown(id)).toMatchObject({
    runningVersion: OLD,
    upgradeStatus: null,
    upgradeTargets: [{ version: NEW, problem: null }],
  });
  const kube = await access(id);
  const [client, guard] = [startClient(kube), startGuard(id)];

  const first = await upgrade(id, NEW);
  await until(
    async () => living.rows(`select 1 from clusters where id = '${id}' and json_extract(upgrade, '$.newestApiServer') = '${NEW}'`)[0],
  );
  await living.restart();
  await expect(upgrade(id, OLD)).rejects.toThrow(/no way back; go on/);
  const second = await upgrade(id, NEW, true);
  expect(await operation(first)).toMatchObject({ kind: 'UPGRADE_CLUSTER', state: 'SUPERSEDED' });
  expect(await ended(second)).toMatchObject({ state: 'SUCCEEDED', problem: null });

  const { failures, writes } = await client.end();
  const { broken, order } = await guard.end();
  expect(failures).toEqual([]);
  expect(writes).toBeGreaterThan(10);
  expect(broken).toEqual([]);
  expect(order[0]).toBe('kube-apiserver');
  const after = await versions(id);
  for (const [name, count] of [
    ['kube-apiserver', 3],
    ['kube-controller-manager', 2],
    ['kube-scheduler', 2],
  ] as const)
    expect([name, after.get(name)]).toEqual([name, Array.from({ length: count }, () => NEW)]);
  expect((await kube.raw('/version')).body).toContain(NEW);
  const config = await kube.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubeadm-config' });
  expect(JSON.stringify(config)).toContain(`kubernetesVersion: ${NEW}`);
  // The nodes were left where they were, and can be brought along.
  expect(living.rows(`select kubernetes_version as version from node_groups where cluster_id = '${id}'`)).toEqual([{ version: OLD }]);
  expect(await shown(id)).toMatchObject({ runningVersion: NEW, upgradeStatus: null, upgradeTargets: [{ version: NEW, problem: null }] });
  expect(await ended(await upgrade(id, NEW))).toMatchObject({ state: 'SUCCEEDED' });
  expect(living.rows(`select kubernetes_version as version from node_groups where cluster_id = '${id}'`)).toEqual([{ version: null }]);
  await expect(upgrade(id, NEW)).rejects.toThrow(/INVALID_INPUT.*nothing to upgrade/);
  await expect(upgrade(id, OLD)).rejects.toThrow(/UNSUPPORTED_VERSION.*does not go back/);
});

test('where no new API server starts, it is said what is waited for, the cluster serves, and the way back leads out', async () => {
  const id = await living.makeCluster('back', { nodeCount: 0 });
  const kube = await access(id);
  const { items: nodes } = await seedAdmin.list({ apiVersion: 'v1', kind: 'Node' });
  const cordon = (unschedulable: boolean) =>
    Promise.all(
      nodes.map(({ metadata: { name } }) =>
        seedAdmin.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { unschedulable } }),
      ),
    );
  await cordon(true);
  const first = await upgrade(id, NEW);
  const stuck = await until(async () => {
    const { upgradeStatus } = await shown(id);
    return upgradeStatus?.includes('kube-apiserver') === true ? upgradeStatus : null;
  });
  expect(stuck).toMatch(
    new RegExp(
      `^The control plane is at ${OLD} and wants ${NEW}; it is at "Start the API server": waiting for .*It can still go back to ${OLD}\\.$`,
    ),
  );
  expect((await kube.raw('/version')).body).toContain(OLD);
  expect((await versions(id)).get('kube-controller-manager')).toEqual([OLD]);
  expect((await shown(id)).upgradeTargets.map(({ version }) => version)).toEqual([NEW, OLD]);

  const back = await upgrade(id, OLD);
  expect(await operation(first)).toMatchObject({ state: 'SUPERSEDED' });
  expect(await ended(back)).toMatchObject({ state: 'SUCCEEDED', problem: null });
  expect(await shown(id)).toMatchObject({ version: OLD, runningVersion: OLD, upgradeStatus: null });
  expect((await versions(id)).get('kube-apiserver')).toEqual([OLD]);
  await cordon(false);
});
