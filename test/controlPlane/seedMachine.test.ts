/** User data of a made seed's machines: what kubeadm reads, who may read the keys, and that it fits. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { INIT_SCRIPT } from '../../src/controlPlane/joinScript.ts';
import { buildFirstMachine, buildFurtherMachine, type FirstMachine } from '../../src/controlPlane/seedMachine.ts';
import { createSeedAuthorities } from '../../src/pki/seedAuthorities.ts';

interface File {
  path: string;
  permissions: string;
  content: string;
}

const first = async (more: Partial<FirstMachine> = {}): Promise<FirstMachine> => ({
  seedName: 'own',
  nodeName: 'seedbed-seed-1-0',
  address: '10.220.0.5',
  publicAddress: '203.0.113.9',
  peers: ['10.220.0.6', '10.220.0.7'],
  authorities: await createSeedAuthorities({ now: Date.now }),
  podCidr: '10.221.0.0/16',
  serviceCidr: '10.222.0.0/16',
  kubernetesVersion: 'v1.36.3',
  pauseImage: 'registry.k8s.io/pause:3.10.2',
  imageRegistry: null,
  packageSource: null,
  ...more,
});

const filesOf = (userData: string): Map<string, File> => {
  expect(userData.startsWith('#cloud-config\n')).toBe(true);
  const { write_files: files } = parse(userData) as { write_files: File[] };
  return new Map(files.map((file) => [file.path, file]));
};

test("the first machine finds the seed's keys, for root alone, and a configuration that names its addresses and ranges", async () => {
  const input = await first();
  const files = filesOf(buildFirstMachine(input));
  const keys = [...files.values()].filter(({ content }) => content.includes('PRIVATE KEY'));
  expect(keys.map(({ path }) => path.replace('/etc/seedbed/pki/', '')).sort()).toEqual([
    'ca.key',
    'etcd/ca.key',
    'front-proxy-ca.key',
    'sa.key',
  ]);
  expect(new Set(keys.map(({ permissions }) => permissions))).toEqual(new Set(['0600']));
  const [init, cluster] = parseAllDocuments(files.get('/etc/seedbed/init.yaml')?.content ?? '').map((document) => document.toJS());
  expect(init).toMatchObject({
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    localAPIEndpoint: { advertiseAddress: '10.220.0.5', bindPort: 6443 },
    nodeRegistration: { name: 'seedbed-seed-1-0', taints: [] },
  });
  expect(cluster).toMatchObject({
    controlPlaneEndpoint: '203.0.113.9:6443',
    apiServer: { certSANs: ['203.0.113.9'] },
    networking: { podSubnet: '10.221.0.0/16', serviceSubnet: '10.222.0.0/16' },
  });
  expect(cluster).not.toHaveProperty('imageRepository');
  expect(files.get('/etc/seedbed/peers')?.content).toBe('203.0.113.9:6443\n10.220.0.6:6443\n10.220.0.7:6443\n');
  expect(buildFirstMachine(await first({ imageRegistry: 'mirror.example/k8s' }))).toContain('mirror.example/k8s/coredns');
});

test('pods have no way to the user data of any machine', async () => {
  const joining = buildFurtherMachine({
    ...(await first()),
    nodeName: 'seedbed-seed-1-1',
    token: 'abcdef.0123456789abcdef',
    caPin: 'a'.repeat(64),
  });
  for (const userData of [buildFirstMachine(await first()), joining])
    expect(filesOf(userData).get('/etc/systemd/system/seedbed-metadata.service')?.content).toContain(
      'ip rule add from 10.221.0.0/16 to 169.254.169.254/32 blackhole',
    );
  expect(joining).not.toContain('PRIVATE KEY');
  // kubelets start pods: the way is shut before there is one.
  expect(INIT_SCRIPT.indexOf('seedbed-metadata.service')).toBeLessThan(INIT_SCRIPT.indexOf('kubeadm init'));
});

test('it fits into what Nova takes with the longest key of a package repository, and its script is one', async () => {
  expect(Buffer.byteLength(buildFirstMachine(await first({ packageSource: 'x'.repeat(4_608) })))).toBeLessThan(24_000);
  execFileSync('sh', ['-n'], { input: INIT_SCRIPT });
});
