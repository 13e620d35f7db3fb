/**
 * The control-plane sections of the CIS Kubernetes Benchmark (1.9) on what we put into a seed. Not here, for there is nothing to look at: file owners and
 * modes on a node's disk (1.1: no node of ours has any, see "files"), `--kubelet-certificate-authority` (1.2.5: kubelets show certificates of their own making), and what
 * is a customer's choice of admission (1.2.10 to 1.2.12).
 */
import { expect, test } from 'vitest';
import { buildApiServer } from '../../src/controlPlane/apiServer.ts';
import { buildControllerManager } from '../../src/controlPlane/controllerManager.ts';
import { buildEtcd } from '../../src/controlPlane/etcd.ts';
import { buildNamespace } from '../../src/controlPlane/namespace.ts';
import { buildScheduler } from '../../src/controlPlane/scheduler.ts';
import { cluster, pki } from './fixture.ts';

interface PodSpec {
  containers: { command: string[]; volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[] }[];
  volumes: { name: string; secret?: { defaultMode: number }; configMap?: { defaultMode: number } }[];
}
const objects = [buildEtcd, buildApiServer, buildControllerManager, buildScheduler].flatMap((build) => build(cluster, pki));
const podOf = (component: string): PodSpec => {
  const found = objects.find(({ kind, metadata }) => /^(Deployment|StatefulSet)$/.test(kind) && metadata.name.endsWith(`-${component}`));
  if (found === undefined) throw new Error(component);
  return (found.spec as { template: { spec: PodSpec } }).template.spec;
};
const flagsOf = (component: string): Map<string, string> =>
  new Map(
    podOf(component).containers[0]?.command.flatMap((word) => {
      const [, name = '', value = 'true'] = /^--([^=]+)(?:=(.*))?$/.exec(word) ?? [];
      return name === '' ? [] : [[name, value] as const];
    }),
  );
const textOf = (kind: string, name: string, key: string): string => {
  const data = objects.find((o) => o.kind === kind && o.metadata.name === `${cluster.shortId}-${name}`)?.data as Record<string, string>;
  return kind === 'Secret' ? Buffer.from(data[key] ?? '', 'base64').toString() : (data[key] ?? '');
};

type Wanted = string | RegExp | null;
/** Null: the flag must not be there. */
const FLAGS: [control: string, component: string, flag: string, wanted: Wanted][] = [
  ['1.2.2 no tokens from a file', 'kube-apiserver', 'token-auth-file', null],
  ['1.2.3 no denied service external IPs undone', 'kube-apiserver', 'disable-admission-plugins', null],
  ['1.2.4 a certificate for kubelets', 'kube-apiserver', 'kubelet-client-certificate', /\.crt$/],
  ['1.2.4 and its key', 'kube-apiserver', 'kubelet-client-key', /\.key$/],
  ['1.2.6 and 1.2.7 and 1.2.8 nodes and roles decide, nothing else', 'kube-apiserver', 'authorization-mode', 'Node,RBAC'],
  ['1.2.9 and 1.2.14 kubelets change their own node only', 'kube-apiserver', 'enable-admission-plugins', /(^|,)NodeRestriction(,|$)/],
  ['1.2.15 no profiles', 'kube-apiserver', 'profiling', 'false'],
  ['1.2.16 an audit log', 'kube-apiserver', 'audit-log-path', /./],
  ['1.2.20 requests end after a while: the default minute', 'kube-apiserver', 'request-timeout', null],
  ['1.2.21 tokens of deleted accounts are refused: the default', 'kube-apiserver', 'service-account-lookup', null],
  ['1.2.22 tokens are checked by a key of their own', 'kube-apiserver', 'service-account-key-file', /sa\.pub$/],
  ['1.2.23 a certificate for etcd', 'kube-apiserver', 'etcd-certfile', /\.crt$/],
  ['1.2.23 and its key', 'kube-apiserver', 'etcd-keyfile', /\.key$/],
  ['1.2.24 TLS', 'kube-apiserver', 'tls-cert-file', /\.crt$/],
  ['1.2.24 and its key', 'kube-apiserver', 'tls-private-key-file', /\.key$/],
  ['1.2.25 clients by certificate', 'kube-apiserver', 'client-ca-file', /ca\.crt$/],
  ['1.2.26 etcd is known by its authority', 'kube-apiserver', 'etcd-cafile', /etcd-ca\.crt$/],
  ['1.2.27 secrets are sealed', 'kube-apiserver', 'encryption-provider-config', /encryption\.yaml$/],
  [
    '1.2.29 strong ciphers',
    'kube-apiserver',
    'tls-cipher-suites',
    /^(TLS_ECDHE_(ECDSA|RSA)_WITH_(AES_\d+_GCM|CHACHA20_POLY1305)_SHA\d+,?)+$/,
  ],
  ['1.3.1 ended pods are cleared away', 'kube-controller-manager', 'terminated-pod-gc-threshold', /^\d+$/],
  ['1.3.2 no profiles', 'kube-controller-manager', 'profiling', 'false'],
  ['1.3.3 each controller is somebody of its own', 'kube-controller-manager', 'use-service-account-credentials', 'true'],
  ['1.3.4 a key for tokens', 'kube-controller-manager', 'service-account-private-key-file', /sa\.key$/],
  ['1.3.5 pods learn the authority', 'kube-controller-manager', 'root-ca-file', /ca\.crt$/],
  ['1.3.6 serving certificates of kubelets rotate: the default', 'kube-controller-manager', 'feature-gates', null],
  ['1.4.1 no profiles', 'kube-scheduler', 'profiling', 'false'],
  ['2.1 TLS', 'etcd', 'cert-file', /\.crt$/],
  ['2.1 and its key', 'etcd', 'key-file', /\.key$/],
  ['2.2 clients by certificate', 'etcd', 'client-cert-auth', 'true'],
  ['2.3 none of its own making', 'etcd', 'auto-tls', null],
  ['2.4 TLS between members', 'etcd', 'peer-cert-file', /\.crt$/],
  ['2.4 and its key', 'etcd', 'peer-key-file', /\.key$/],
  ['2.5 members by certificate', 'etcd', 'peer-client-cert-auth', 'true'],
  ['2.6 none of its own making', 'etcd', 'peer-auto-tls', null],
];

test.each(FLAGS)('%s (%s --%s)', (_control, component, flag, wanted) => {
  const value = flagsOf(component).get(flag);
  if (wanted === null) expect(value).toBeUndefined();
  else if (typeof wanted === 'string') expect(value).toBe(wanted);
  else expect(value).toMatch(wanted);
});

test('1.2.1 anonymous is nobody but for health and what a joining node reads', () => {
  expect(flagsOf('kube-apiserver').has('anonymous-auth')).toBe(false);
  const paths = [...textOf('ConfigMap', 'kube-apiserver-config', 'authentication.yaml').matchAll(/path: (\S+)/g)].map(([, path]) => path);
  expect(paths).toEqual(['/livez', '/readyz', '/healthz', '/api/v1/namespaces/kube-public/configmaps/cluster-info']);
});

test('1.2.17 to 1.2.19 an audit log on stdout is kept, aged and cut by the seed that collects it', () => {
  expect(flagsOf('kube-apiserver').get('audit-log-path')).toBe('-');
});

test('1.2.28 secrets are sealed by secretbox, and nothing that is not sealed is taken for one', () => {
  const providers = [...textOf('Secret', 'kube-apiserver-files', 'encryption.yaml').matchAll(/- (\w+):/g)].map(([, name]) => name);
  expect(providers.filter((name) => /secretbox|aes|kms|identity/.test(name ?? ''))).toEqual(['secretbox']);
});

test('2.7 the authority of etcd is nobody else’s', () => {
  expect(pki.authorities.etcdCa.cert).not.toBe(pki.authorities.ca.cert);
  expect(textOf('Secret', 'etcd-files', 'ca.crt')).toBe(pki.authorities.etcdCa.cert);
});

test('3.2.1 and 3.2.2 the audit policy covers the rest, and never writes a secret down', () => {
  const policy = textOf('ConfigMap', 'kube-apiserver-config', 'audit-policy.yaml');
  expect(policy.trimEnd().split('\n').at(-1)).toMatch(/- level: Metadata$/);
  expect(policy).not.toMatch(/level: (Request|RequestResponse)\n(.*\n)*?.*secrets/);
});

test('1.1 files: read-only, for one group, and never of the node', () => {
  for (const component of ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']) {
    const { containers, volumes } = podOf(component);
    for (const { name, secret, configMap } of volumes) {
      const mode = (secret ?? configMap)?.defaultMode;
      if (mode === undefined) continue;
      expect(mode & 0o137, `${component} ${name}`).toBe(0);
      for (const mount of containers.flatMap((c) => c.volumeMounts).filter((m) => m.name === name)) expect(mount.readOnly).toBe(true);
    }
    expect(JSON.stringify(volumes)).not.toContain('hostPath');
  }
});

test('5.2 the namespace lets in restricted pods alone', () => {
  const labels = buildNamespace(cluster).metadata.labels ?? {};
  expect(labels['pod-security.kubernetes.io/enforce']).toBe('restricted');
});
