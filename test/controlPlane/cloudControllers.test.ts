/** The cloud's controllers in the seed: what their pods may read and do, and whom they may reach. */
import { expect, test } from 'vitest';
import { buildCinderCsi } from '../../src/controlPlane/cinderCsi.ts';
import type { CloudAccess } from '../../src/controlPlane/cloudConfig.ts';
import { buildCloudController } from '../../src/controlPlane/cloudController.ts';
import type { KubernetesObject } from '../../src/controlPlane/object.ts';
import { cloud, cluster, pki } from './fixture.ts';

const CONTROLLERS = [
  ['cloud controller', buildCloudController, 'cloudController'],
  ['Cinder CSI', buildCinderCsi, 'csiController'],
] as const;

interface PodTemplate {
  metadata: { annotations: Record<string, string> };
  spec: { containers: { securityContext: object }[]; volumes: { secret?: { secretName: string } }[] };
}

const kindOf = (objects: KubernetesObject[], kind: string): KubernetesObject => objects.find((o) => o.kind === kind) as KubernetesObject;
const templateOf = (objects: KubernetesObject[]) => (kindOf(objects, 'Deployment')['spec'] as { template: PodTemplate }).template;
const filesOf = (objects: KubernetesObject[]): Record<string, string> =>
  Object.fromEntries(
    Object.entries(kindOf(objects, 'Secret')['data'] as Record<string, string>).map(([name, text]) => [
      name,
      Buffer.from(text, 'base64').toString(),
    ]),
  );

test.each(CONTROLLERS)('%s: Pod Security "restricted" holds, and no Secret is mounted but its own', (_name, build) => {
  const objects = build(cluster, pki, cloud);
  const template = templateOf(objects);
  expect(template.spec).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } });
  for (const { securityContext } of template.spec.containers)
    expect(securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
  expect(JSON.stringify(template)).not.toMatch(/hostPath|hostNetwork|"privileged"/);
  expect(template.spec.volumes.flatMap(({ secret }) => secret?.secretName ?? [])).toEqual([kindOf(objects, 'Secret').metadata.name]);
  expect(JSON.stringify(template)).not.toContain(cloud.credential.id);
});

test.each(CONTROLLERS)('%s: it has a kubeconfig of its own and the credential, and a new one of either rolls it', (_name, build, leaf) => {
  const files = filesOf(build(cluster, pki, cloud));
  expect(Object.keys(files).sort()).toEqual(['cloud-ca.crt', 'cloud.conf', 'kubeconfig']);
  expect(files['kubeconfig']).toBe(pki.kubeconfigs[leaf]);
  const now = templateOf(build(cluster, pki, cloud));
  const other = { ...pki, kubeconfigs: { ...pki.kubeconfigs, [leaf]: 'new' } };
  expect(templateOf(build(cluster, other, cloud))).not.toEqual(now);
  expect(templateOf(build(cluster, pki, { ...cloud, credential: { id: 'other', secret: 's' } }))).not.toEqual(now);
  expect(templateOf(build(cluster, { ...pki, kubeconfigs: { ...pki.kubeconfigs, scheduler: 'new' } }, cloud))).toEqual(now);
});

test('no value ends its line in cloud.conf, whatever is in it', () => {
  const odd: CloudAccess = { ...cloud, credential: { id: 'i', secret: 'a"\nuse-clouds = true\\' } };
  expect(filesOf(buildCloudController(cluster, pki, odd))['cloud.conf']?.split('\n')).toContain(
    'application-credential-secret = "a\\"use-clouds = true\\\\"',
  );
});

test.each(CONTROLLERS)("%s: it reaches the API server and the cloud's ports, and no metadata", (_name, build) => {
  const { egress } = kindOf(build(cluster, pki, cloud), 'NetworkPolicy')['spec'] as {
    egress: { to: object[]; ports: { port: number }[] }[];
  };
  expect(egress).toHaveLength(2);
  expect(egress[1]?.to).toEqual([{ ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.0.0/16'] } }]);
  expect(egress[1]?.ports.map(({ port }) => port)).toEqual(cloud.ports);
});
