import { expect, test } from 'vitest';
import { buildApiServer } from '../../src/controlPlane/apiServer.ts';
import { buildApiService, findAgentPort, findEndpoint } from '../../src/controlPlane/endpoint.ts';
import { inSeedServerOf, isReachable, pkiNamesOf, publicServerOf } from '../../src/controlPlane/hostedCluster.ts';
import type { KubernetesObject } from '../../src/controlPlane/object.ts';
import { cluster, pki } from './fixture.ts';

const unborn = { ...cluster, endpoint: null };
const withStatus = (ingress: object[]) => ({ ...buildApiService(unborn), status: { loadBalancer: { ingress } } });
const portsOf = ({ spec }: KubernetesObject) => (spec as { ports: object[] }).ports;

test('a load balancer is asked for our port, and its first address is the endpoint', () => {
  expect(buildApiService(unborn)).toEqual(buildApiService(cluster));
  expect(findEndpoint(unborn, buildApiService(unborn), null)).toBeUndefined();
  expect(findEndpoint(unborn, withStatus([]), null)).toBeUndefined();
  expect(findEndpoint(unborn, withStatus([{ ip: '192.0.2.10' }]), null)).toEqual({ host: '192.0.2.10', port: 6443 });
});

test('a floating IP is asked for where the template wants one, and of load balancers alone', () => {
  const annotationsOf = (more: object) => buildApiService({ ...cluster, ...more }).metadata.annotations;
  expect(annotationsOf({})).toBeUndefined();
  expect(annotationsOf({ apiFloatingIp: true })).toEqual({ 'service.beta.kubernetes.io/openstack-internal-load-balancer': 'false' });
  expect(annotationsOf({ apiFloatingIp: true, exposure: 'NODE_PORT' })).toBeUndefined();
});

test.each([{ hostname: 'lb.example.org' }, { ip: '2001:db8::1' }])('a load balancer that gives %j is refused with a remedy', (ingress) => {
  expect(() => findEndpoint(unborn, withStatus([ingress]), null)).toThrow(
    expect.objectContaining({ code: 'SEED_REFUSED', detail: { whoMustAct: 'CLOUD_ADMIN' } }),
  );
  expect(() => findEndpoint(unborn, withStatus([ingress]), null)).toThrow(/IPv4 address is needed; use one with addresses, or NODE_PORT/);
});

test('a node port is learnt in the first pass and is everybody’s port in the second', () => {
  const first = { ...unborn, exposure: 'NODE_PORT' as const };
  const agents = { name: 'konnectivity', protocol: 'TCP', port: 8132, targetPort: 8132 };
  expect(portsOf(buildApiService(first))).toEqual([{ name: 'https', protocol: 'TCP', port: 6443, targetPort: 6443 }, agents]);
  const seen = { ...buildApiService(first), spec: { ports: [{ port: 6443, nodePort: 31234 }] } };
  expect(findEndpoint(first, buildApiService(first), '198.51.100.2')).toBeUndefined();
  expect(findEndpoint(first, seen, null)).toBeUndefined();
  const endpoint = findEndpoint(first, seen, '198.51.100.2');
  expect(endpoint).toEqual({ host: '198.51.100.2', port: 31234 });
  const second = { ...first, endpoint: endpoint ?? null };
  if (!isReachable(second)) return expect.unreachable();
  expect(portsOf(buildApiService(second))).toEqual([
    { name: 'https', protocol: 'TCP', port: 31234, targetPort: 31234, nodePort: 31234 },
    agents,
  ]);
  expect(JSON.stringify(buildApiServer(second, pki))).toContain('"--secure-port=31234"');
  expect(publicServerOf(second)).toBe('https://198.51.100.2:31234');
  expect(inSeedServerOf(second)).toBe(`https://${cluster.shortId}-kube-apiserver.${cluster.namespace}.svc:31234`);
});

test('certificates cover every name under which somebody dials', () => {
  const { apiServer, etcdServer, etcdPeer } = pkiNamesOf(cluster);
  expect(apiServer.ips).toEqual(['10.96.0.1', '192.0.2.10', '127.0.0.1']);
  expect(apiServer.dns).toContain(new URL(inSeedServerOf(cluster)).hostname);
  const dialled = JSON.stringify(buildApiServer(cluster, pki)).match(/--etcd-servers=https:\/\/([^:]+):2379/)?.[1];
  expect(etcdServer.dns).toContain(dialled);
  expect(etcdPeer.dns).toContain(`${cluster.shortId}-etcd-2.${cluster.shortId}-etcd-peer.${cluster.namespace}.svc`);
});

test('agents dial 8132 at a load balancer, and at a node the port that the seed chose', () => {
  expect(findAgentPort(cluster, buildApiService(cluster))).toBe(8132);
  const nodePorts = { ...cluster, exposure: 'NODE_PORT' as const };
  expect(findAgentPort(nodePorts, buildApiService(nodePorts))).toBeUndefined();
  const ports = [
    { port: 31234, nodePort: 31234 },
    { name: 'konnectivity', port: 8132, nodePort: 30132 },
  ];
  expect(findAgentPort(nodePorts, { ...buildApiService(nodePorts), spec: { ports } })).toBe(30132);
  const without = { ...cluster, tunnel: 'NONE' as const };
  expect(portsOf(buildApiService(without))).toHaveLength(1);
  expect(findAgentPort(without, buildApiService(without))).toBeUndefined();
});
