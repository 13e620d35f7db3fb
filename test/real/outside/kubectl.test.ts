/** The real kubectl against the sandbox's simulated API servers: the seed's and a hosted cluster's. */
import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../sandbox/kubernetes/client.ts';
import { bootstrapTenant, type Hosted, startHosted } from '../../sandbox/kubernetes/hosted.ts';
import { type SeedWorld, startSeedWorld } from '../../sandbox/kubernetes/seedWorld.ts';
import { labFolder, usesLab } from '../support/world.ts';

const kubectl = process.env.KUBECTL ?? (usesLab ? `${labFolder}/kubernetes/seed/bin/kubectl` : 'kubectl');
const execute = promisify(execFile);

let world: SeedWorld;
let hosted: Hosted;
let seedFile: string;
let adminFile: string;
let tenantFile: string;

beforeAll(async () => {
  world = await startSeedWorld();
  seedFile = world.half.seeds[0]?.kubeconfigFile ?? '';
  adminFile = world.half.seeds[0]?.adminKubeconfigFile ?? '';
  hosted = await startHosted(world.limited, 'outside');
  await bootstrapTenant(hosted);
  tenantFile = join(world.dataDir, 'tenant.kubeconfig');
  writeFileSync(tenantFile, hosted.pki.kubeconfigs.superAdmin);
});
afterAll(async () => {
  hosted.close();
  await world.close();
});

/** Both streams; a failure's text too, as `auth can-i` says no with an exit code. */
const run = async (kubeconfig: string, ...args: string[]): Promise<string> => {
  try {
    const { stdout, stderr } = await execute(kubectl, ['--kubeconfig', kubeconfig, '--cache-dir', join(world.dataDir, 'cache'), ...args], {
      timeout: 20_000,
    });
    return `${stdout}${stderr}`;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return `${stdout}${stderr}`;
  }
};

const manifest = (name: string, replicas: number): string => {
  const file = join(world.dataDir, `${name}-${replicas}.yaml`);
  const pod = {
    metadata: { labels: { app: name } },
    spec: { containers: [{ name: 'c', image: 'nginx:1.27', ports: [{ containerPort: 80 }] }] },
  };
  writeFileSync(
    file,
    ['Deployment', 'ConfigMap']
      .map((kind) =>
        JSON.stringify(
          kind === 'ConfigMap'
            ? { apiVersion: 'v1', kind, metadata: { name }, data: { n: String(replicas) } }
            : {
                apiVersion: 'apps/v1',
                kind,
                metadata: { name },
                spec: { replicas, selector: { matchLabels: { app: name } }, template: pod },
              },
        ),
      )
      .join('\n---\n'),
  );
  return file;
};

test('get and describe on the seed', async () => {
  expect(await run(seedFile, 'get', 'nodes', '-o', 'wide')).toMatch(/NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP[\s\S]*seed-1 +Ready/);
  expect(await run(seedFile, 'get', 'pods', '-n', hosted.cluster.namespace)).toMatch(/outside-etcd-0 +1\/1 +Running/);
  const described = await run(seedFile, 'describe', 'pod', '-n', hosted.cluster.namespace, 'outside-etcd-0');
  expect(described).toMatch(/Node: +seed-\d\/127/);
  expect(described).toMatch(/Ready +True/);
  expect(described).toContain('Successfully assigned kc-outside/outside-etcd-0');
  expect(await run(seedFile, 'describe', 'service', '-n', hosted.cluster.namespace)).toMatch(/LoadBalancer Ingress: +127\./);
  expect(await run(adminFile, 'get', 'all,secrets,configmaps,pvc,sa,events', '-A')).toContain('statefulset.apps/outside-etcd');
});

test.each([
  ['the seed', () => adminFile],
  ['a hosted cluster', () => tenantFile],
])('apply --server-side, rollout, conflicts, edits and deletes on %s', async (_where, file) => {
  const kubeconfig = file();
  expect(await run(kubeconfig, 'create', 'namespace', 'kubectl')).toContain('namespace/kubectl created');
  const apply = (path: string, ...more: string[]) => run(kubeconfig, 'apply', '--server-side', '-n', 'kubectl', '-f', path, ...more);
  expect(await apply(manifest('web', 2))).toBe('deployment.apps/web serverside-applied\nconfigmap/web serverside-applied\n');
  expect(await run(kubeconfig, 'get', 'deployment', '-n', 'kubectl', 'web', '-o', 'jsonpath={.spec.replicas}')).toBe('2');
  expect(await apply(manifest('web', 3), '--field-manager', 'other')).toMatch(
    /Apply failed with 1 conflict: conflict with "kubectl": \.spec\.replicas/,
  );
  expect(await apply(manifest('web', 1), '--field-manager', 'other', '--force-conflicts')).toContain('serverside-applied');
  expect(await run(kubeconfig, 'scale', '-n', 'kubectl', 'deployment/web', '--replicas=4')).toContain('deployment.apps/web scaled');
  expect(await run(kubeconfig, 'label', '-n', 'kubectl', 'configmap/web', 'a=b')).toContain('configmap/web labeled');
  expect(await run(kubeconfig, 'patch', '-n', 'kubectl', 'configmap/web', '-p', '{"data":{"n":"9"}}')).toContain('configmap/web patched');
  expect(await run(kubeconfig, 'get', 'configmap', '-n', 'kubectl', '-l', 'a=b', '-o', 'jsonpath={.items[0].data.n}')).toBe('9');
  expect(await run(kubeconfig, 'apply', '-n', 'kubectl', '-f', manifest('client', 1))).toContain('deployment.apps/client created');
  expect(await run(kubeconfig, 'apply', '-n', 'kubectl', '-f', manifest('client', 2))).toContain('deployment.apps/client configured');
  expect(await run(kubeconfig, 'delete', '-n', 'kubectl', '-f', manifest('client', 1))).toContain('deleted');
  expect(await run(kubeconfig, 'delete', 'namespace', 'kubectl', '--timeout=15s')).toContain('deleted');
});

test('rollout status waits for the pods', async () => {
  await run(adminFile, 'create', 'namespace', 'rollout');
  await run(adminFile, 'apply', '-n', 'rollout', '-f', manifest('web', 2));
  expect(await run(adminFile, 'rollout', 'status', '-n', 'rollout', 'deployment/web', '--timeout=10s')).toContain(
    'successfully rolled out',
  );
  expect(await run(adminFile, 'rollout', 'restart', '-n', 'rollout', 'deployment/web')).toContain('restarted');
  expect(await run(adminFile, 'rollout', 'status', '-n', 'rollout', 'deployment/web', '--timeout=10s')).toContain(
    'successfully rolled out',
  );
  expect(await run(adminFile, 'rollout', 'history', '-n', 'rollout', 'deployment/web')).toMatch(/1 +<none>\s+2 +<none>/);
});

test('get -w sees changes as they come', async () => {
  for (const file of [adminFile, tenantFile]) {
    const child = spawn(kubectl, ['--kubeconfig', file, 'get', 'configmaps', '-n', 'default', '-w', '--no-headers']);
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    await until('kube-root-ca.crt', () => seen.includes('kube-root-ca.crt'));
    await run(file, 'create', 'configmap', '-n', 'default', 'watched', '--from-literal=a=b');
    await until('the new one', () => /watched +1/.test(seen));
    child.kill();
  }
});

test('auth can-i answers by the rules of each cluster', async () => {
  expect(await run(seedFile, 'auth', 'can-i', 'create', 'secrets', '-n', 'kc-x')).toContain('yes');
  expect(await run(seedFile, 'auth', 'can-i', 'create', 'clusterrolebindings')).toContain('no');
  expect(await run(seedFile, 'auth', 'can-i', '--list')).toMatch(/statefulsets\.apps +\[\] +\[\] +\[\*\]/);
  expect(await run(seedFile, 'auth', 'whoami')).toMatch(/Username +seedbed/);
  expect(await run(tenantFile, 'auth', 'can-i', '*', '*')).toContain('yes');
});

test('the hosted cluster looks like one', async () => {
  expect(await run(tenantFile, 'version')).toContain(`Server Version: ${hosted.cluster.release.version}`);
  expect(await run(tenantFile, 'get', '--raw', '/readyz')).toBe('ok');
  expect(await run(tenantFile, 'api-resources', '-o', 'name')).toContain('certificatesigningrequests.certificates.k8s.io');
  expect(await run(tenantFile, 'get', 'daemonsets,deployments', '-A')).toMatch(/kube-flannel +daemonset.apps\/kube-flannel-ds/);
  expect(await run(tenantFile, 'get', 'leases', '-n', 'kube-system')).toMatch(/kube-controller-manager +outside-kube-controller-manager-/);
  expect(await run(tenantFile, 'create', 'token', 'default')).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+\s*$/);
  expect(await run(tenantFile, 'get', 'pods', '-n', 'nowhere')).toContain('No resources found');
  expect(await run(tenantFile, 'get', 'configmap', 'nothing')).toBe('Error from server (NotFound): configmaps "nothing" not found\n');
});
