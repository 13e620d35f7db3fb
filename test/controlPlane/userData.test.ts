import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { buildCloudConfig, buildUserData, MAX_USER_DATA_BYTES, type UserDataInput } from '../../src/controlPlane/userData.ts';
import { UserError } from '../../src/domain/errors.ts';

const input: UserDataInput = {
  clusterName: 'shop',
  nodeName: 'shop-workers-0',
  endpoint: { host: '192.0.2.10', port: 6443 },
  token: 'abcdef.0123456789abcdef',
  caPin: 'a'.repeat(64),
  labels: { 'example.org/pool': 'blue', zone: '' },
  taints: [
    { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' },
    { key: 'spot', value: null, effect: 'NoExecute' },
  ],
  kubernetesVersion: 'v1.36.3',
  pauseImage: 'registry.k8s.io/pause:3.10.2',
  packageSource: null,
  cloudController: false,
  nodeIps: [],
  cloudInit: null,
};

interface CloudConfig {
  write_files: { path: string; permissions: string; content: string; encoding?: string }[];
  runcmd: string[][];
}
const read = (text: string): CloudConfig => {
  expect(text.startsWith('#cloud-config\n')).toBe(true);
  return parse(text, { version: '1.1' });
};
const fileOf = (config: CloudConfig, path: string) => config.write_files.find((file) => file.path === path);

test('a node reads how to join, for root only, and runs one command without a shell', () => {
  const config = read(buildUserData(input));
  const join = fileOf(config, '/etc/seedbed/join.yaml');
  expect(join?.permissions).toBe('0600');
  expect(parse(join?.content ?? '')).toEqual({
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'JoinConfiguration',
    discovery: { bootstrapToken: { apiServerEndpoint: '192.0.2.10:6443', token: input.token, caCertHashes: [`sha256:${input.caPin}`] } },
    nodeRegistration: {
      name: 'shop-workers-0',
      criSocket: 'unix:///run/containerd/containerd.sock',
      imagePullPolicy: 'IfNotPresent',
      taints: [
        { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' },
        { key: 'spot', effect: 'NoExecute' },
      ],
      kubeletExtraArgs: [{ name: 'node-labels', value: 'example.org/pool=blue,zone=' }],
    },
  });
  expect(fileOf(config, '/etc/sysctl.d/90-seedbed.conf')?.content).toContain('net.ipv4.ip_forward = 1\n');
  expect(config.runcmd).toEqual([['/usr/local/sbin/seedbed-join', 'registry.k8s.io/pause:3.10.2', 'v1.36.3']]);
  expect(fileOf(config, '/usr/local/sbin/seedbed-join')?.permissions).toBe('0755');
});

test('where packages of Kubernetes are is told only to those that may need them', () => {
  const path = '/etc/seedbed/kubernetes.sources';
  expect(fileOf(read(buildUserData(input)), path)).toBeUndefined();
  expect(fileOf(read(buildUserData({ ...input, packageSource: 'Types: deb\n' })), path)).toMatchObject({ content: 'Types: deb\n' });
});

test("of several addresses the kubelet is told which is the node's", () => {
  const args = (...nodeIps: string[]) =>
    parse(fileOf(read(buildUserData({ ...input, labels: {}, nodeIps })), '/etc/seedbed/join.yaml')?.content ?? '').nodeRegistration
      .kubeletExtraArgs;
  expect(args('10.0.0.7')).toEqual([{ name: 'node-ip', value: '10.0.0.7' }]);
  expect(args('10.0.0.7', 'fd00::7')).toEqual([{ name: 'node-ip', value: '10.0.0.7,fd00::7' }]);
  expect(args()).toEqual([]);
  expect(() => args('10.0.0.7,10.1.0.7')).toThrow(/IPv4/);
  for (const wrong of [['10.0.0.7', '10.1.0.7'], ['fd00::7'], ['fd00::7', '10.0.0.7'], ['10.0.0.7', 'fd00::7', 'fd00::8']])
    expect(() => args(...wrong)).toThrow(/INVALID_INPUT|IPv4/);
});

test('a worker with both families forwards both, and one with IPv4 alone does not', () => {
  const sysctls = (...nodeIps: string[]) => fileOf(read(buildUserData({ ...input, nodeIps })), '/etc/sysctl.d/90-seedbed.conf')?.content;
  expect(sysctls('10.0.0.7', 'fd00::7')).toContain('net.ipv6.conf.all.forwarding = 1\n');
  expect(sysctls('10.0.0.7')).not.toContain('forwarding');
});

test('the token is nowhere but in the file that is deleted', () => {
  const { write_files, runcmd } = read(buildUserData(input));
  const others = write_files.filter(({ path }) => path !== '/etc/seedbed/join.yaml');
  expect(JSON.stringify([others, runcmd])).not.toContain('0123456789abcdef');
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom(
    '\u2028x\u2029',
    '\u0085',
    '\ufeff',
    '\u007f\u009f',
    '"\n- rm -rf /',
    '{{ jinja }}',
    '$(reboot)',
    '`id`',
    "'; reboot; '",
    '!!python/object',
    '&a *a',
    '\ud800',
    'yes',
    '0o17',
    '1:30',
    '~',
    '__proto__',
  ),
);

const troublesome = (character: string): boolean => {
  const code = character.codePointAt(0) ?? 0;
  return (code < 32 && character !== '\n') || (code > 126 && code < 160) || [0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff].includes(code);
};

test('whatever a cluster is called, YAML 1.1 and 1.2 read back the structure that was meant', () => {
  fc.assert(
    fc.property(hostile, (clusterName) => {
      const text = buildUserData({ ...input, clusterName });
      const meant = JSON.parse(JSON.stringify(buildCloudConfig({ ...input, clusterName })));
      expect(read(text)).toEqual(meant);
      expect(parse(text, { version: '1.2' })).toEqual(meant);
      expect(JSON.parse(fileOf(read(text), '/etc/seedbed/node.json')?.content ?? '').clusterName).toBe(clusterName);
      // What PyYAML, cloud-init's reader, would refuse or fold.
      expect([...text].filter(troublesome)).toEqual([]);
    }),
    { numRuns: 1500 },
  );
});

test('everything else is either refused with its field or is in the structure and nowhere in the script', () => {
  let refused = 0;
  const field = fc.constantFrom('nodeName', 'token', 'caPin', 'pauseImage', 'label', 'labelValue', 'taint', 'host');
  fc.assert(
    fc.property(field, hostile, (name, text) => {
      const changed: UserDataInput =
        name === 'label'
          ? { ...input, labels: { [text]: 'x' } }
          : name === 'labelValue'
            ? { ...input, labels: { a: text } }
            : name === 'taint'
              ? { ...input, taints: [{ key: text, value: null, effect: 'NoSchedule' }] }
              : name === 'host'
                ? { ...input, endpoint: { host: text, port: 1 } }
                : { ...input, [name]: text };
      try {
        const config = read(buildUserData(changed));
        expect(config).toEqual(JSON.parse(JSON.stringify(buildCloudConfig(changed))));
        expect(fileOf(config, '/usr/local/sbin/seedbed-join')).toEqual(fileOf(read(buildUserData(input)), '/usr/local/sbin/seedbed-join'));
      } catch (error) {
        refused += 1;
        expect(error).toBeInstanceOf(UserError);
        expect((error as UserError).detail.field).not.toHaveLength(0);
      }
    }),
    { numRuns: 2000 },
  );
  expect(refused).toBeGreaterThan(1000);
});

test('what Nova could not take is refused, and what just fits is not', () => {
  const labels = (count: number, length: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${'d'.repeat(length)}.${i}.example/${'n'.repeat(60)}`, 'v'.repeat(63)]));
  expect(Buffer.from(buildUserData({ ...input, labels: labels(64, 50) })).toString('base64').length).toBeLessThanOrEqual(65_535);
  const long = { ...input, clusterName: 'x'.repeat(MAX_USER_DATA_BYTES) };
  expect(() => buildUserData(long)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  expect(() => buildUserData(long)).toThrow(/Nova takes 49149/);
});
