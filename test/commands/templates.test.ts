import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_ADDONS } from '../../src/domain/addons.ts';
import { patchCluster } from '../../src/store/reconcile.ts';
import { sightOf } from '../../src/store/sight.ts';
import { findUsableTemplates, listRevisionsByTemplates, listTemplates, loadNewestRevisions } from '../../src/store/templates.ts';
import { ADA, ANNA, actorBy, BEN, call, errorOf, type House, OTTO, openHouse, RITA, TEMPLATE } from './house.ts';

let house: House;
beforeEach(() => {
  house = openHouse();
});
afterEach(() => house.close());

const create = (more: object = {}, who = ANNA) => house.commands.createClusterTemplate(call(who), { ...TEMPLATE, ...more });

/** Maintenance with one window, changed. */
const windows = (change: object) => ({
  maintenance: { windows: [{ days: ['SUNDAY'], startTime: '02:00', durationHours: 2, timeZone: 'UTC', ...change }] },
});

/** Every field of the example that operators know from Magnum. */
const FULL = {
  name: 'k8s v1.36 (HA)',
  image: 'debian',
  keypair: 'ops',
  externalNetwork: 'public',
  fixedNetwork: 'office',
  fixedSubnet: 'office-0',
  dnsNameservers: ['192.0.2.53', '2001:db8::53'],
  flavor: 'small',
  masterFlavor: 'large',
  networkDriver: 'CALICO',
  volumeDriver: 'CINDER',
  dockerStorageDriver: 'overlay2',
  floatingIpEnabled: true,
  labels: {
    etcd_volume_size: '10',
    kube_tag: 'v1.36.3',
    master_lb_floating_ip_enabled: 'True',
    keystone_auth_enabled: 'true',
    kube_dashboard_enabled: 'true',
    npd_enabled: 'true',
    auto_healing_enabled: 'true',
    auto_scaling_enabled: 'true',
    min_node_count: '2',
    max_node_count: '9',
    boot_volume_size: '40',
    boot_volume_type: 'ssd',
    availability_zone: 'nova',
    calico_ipv4pool: '10.210.0.0/16',
    flannel_network_cidr: '10.211.0.0/16',
    cgroup_driver: 'systemd',
  },
};

test('all fields and labels are kept, typed', async () => {
  const { template, revision } = await create(FULL);
  expect(template).toMatchObject({ projectId: 'blue', visibility: 'PRIVATE', revision: 1, generation: 1 });
  const { name: _name, labels: _labels, ...typed } = FULL;
  expect(revision.spec).toMatchObject({
    ...typed,
    controlPlane: { etcd: { volumeSizeGiB: 10 } },
    kubernetesVersion: 'v1.36.3',
    masterLbFloatingIpEnabled: true,
    keystoneAuthEnabled: true,
    addons: {
      ...DEFAULT_ADDONS,
      dashboard: { ...DEFAULT_ADDONS.dashboard, enabled: true },
      nodeProblemDetector: { ...DEFAULT_ADDONS.nodeProblemDetector, enabled: true },
    },
    autoHealingEnabled: true,
    autoScalingEnabled: true,
    minNodeCount: 2,
    maxNodeCount: 9,
    rootVolume: { sizeGiB: 40, type: 'ssd' },
    availabilityZone: 'nova',
    podCidr: '10.210.0.0/16',
    ignoredLabels: { flannel_network_cidr: '10.211.0.0/16', cgroup_driver: 'systemd' },
  });
  const { cluster } = await house.commands.createCluster(call(BEN), { name: 'c', clusterTemplate: FULL.name });
  expect(cluster.spec).toEqual(revision.spec);
  expect(cluster.overrides).toEqual({});
});

test.each<[string, object, string, string[]]>([
  ['no image', { image: undefined }, 'INVALID_INPUT', ['image']],
  ['no flavor', { flavor: null }, 'INVALID_INPUT', ['flavor']],
  ['a bad name', { name: ' x' }, 'INVALID_INPUT', ['name']],
  ['an unknown field', { coe: 'swarm' }, 'INVALID_INPUT', ['coe']],
  ['an expired version', { kubernetesVersion: 'v1.33.13' }, 'UNSUPPORTED_VERSION', ['kubernetesVersion']],
  ['a boot volume type alone', { labels: { boot_volume_type: 'ssd' } }, 'INVALID_INPUT', ['labels', 'boot_volume_type']],
  ['a password', { labels: { grafana_admin_passwd: 'hush' } }, 'INVALID_INPUT', ['labels', 'grafana_admin_passwd']],
  [
    'an ingress controller that is not served',
    { labels: { ingress_controller: 'nginx' } },
    'INVALID_INPUT',
    ['labels', 'ingress_controller'],
  ],
  [
    'an ingress controller at a load balancer that nobody makes',
    { addons: { ingressController: { enabled: true, serviceType: 'LOAD_BALANCER' } } },
    'INVALID_INPUT',
    ['addons', 'ingressController', 'serviceType'],
  ],
  ['a label that is not yes or no', { labels: { npd_enabled: 'maybe' } }, 'INVALID_INPUT', ['labels', 'npd_enabled']],
  [
    'overlapping ranges by label',
    { labels: { service_cluster_ip_range: '10.200.1.0/24' } },
    'OVERLAPPING_CIDR',
    ['labels', 'service_cluster_ip_range'],
  ],
  ['minimum over maximum', { minNodeCount: 3, maxNodeCount: 2 }, 'INVALID_INPUT', ['minNodeCount']],
  ['a node that is hardly given time', { healing: { nodeLimitSeconds: 9 } }, 'INVALID_INPUT', ['healing', 'nodeLimitSeconds']],
  ['a server that has a week to join', { healing: { joinLimitSeconds: 604_800 } }, 'INVALID_INPUT', ['healing', 'joinLimitSeconds']],
  ['a share of nothing', { healing: { maxUnhealthyPercent: 0 } }, 'INVALID_INPUT', ['healing', 'maxUnhealthyPercent']],
  ['a problem that cannot be one', { healing: { problems: ['kernel deadlock'] } }, 'INVALID_INPUT', ['healing', 'problems', '0']],
  ["a condition of Kubernetes' own", { healing: { problems: ['KernelDeadlock', 'Ready'] } }, 'INVALID_INPUT', ['healing', 'problems', '1']],
  ['a problem twice', { healing: { problems: ['GpuLost', 'GpuLost'] } }, 'INVALID_INPUT', ['healing', 'problems']],
  [
    'more problems than anybody can look at',
    { healing: { problems: Array.from({ length: 21 }, (_, i) => `P${i}`) } },
    'INVALID_INPUT',
    ['healing', 'problems'],
  ],
  ['a backup each minute', { backup: { schedule: '* * * * *' } }, 'INVALID_INPUT', ['backup', 'schedule']],
  ['a backup on a day that there is not', { backup: { schedule: '0 2 31 2 *' } }, 'INVALID_INPUT', ['backup', 'schedule']],
  ['a backup in words', { backup: { schedule: 'daily' } }, 'INVALID_INPUT', ['backup', 'schedule']],
  ['more backups than a cluster may have', { backup: { keepCount: 21 } }, 'INVALID_INPUT', ['backup', 'keepCount']],
  ['no backup', { backup: { keepCount: 0 } }, 'INVALID_INPUT', ['backup', 'keepCount']],
  ['a backup for no day', { backup: { keepDays: 0 } }, 'INVALID_INPUT', ['backup', 'keepDays']],
  ['a window that never opens', windows({ days: [] }), 'INVALID_INPUT', ['maintenance', 'windows', '0', 'days']],
  ['a window on no day of the week', windows({ days: ['SOMEDAY'] }), 'INVALID_INPUT', ['maintenance', 'windows', '0', 'days', '0']],
  ['a window at no time of day', windows({ startTime: '24:00' }), 'INVALID_INPUT', ['maintenance', 'windows', '0', 'startTime']],
  ['a window of no length', windows({ durationHours: 0 }), 'INVALID_INPUT', ['maintenance', 'windows', '0', 'durationHours']],
  ['a window nowhere', windows({ timeZone: 'Mars/Olympus' }), 'INVALID_INPUT', ['maintenance', 'windows', '0', 'timeZone']],
  ['upgrades that nobody knows', { maintenance: { autoUpgrade: 'MINOR' } }, 'INVALID_INPUT', ['maintenance', 'autoUpgrade']],
  ['a look each second', { autoScaling: { scanIntervalSeconds: 1 } }, 'INVALID_INPUT', ['autoScaling', 'scanIntervalSeconds']],
  [
    'workers that go at once',
    { autoScaling: { scaleDownUnneededSeconds: 0 } },
    'INVALID_INPUT',
    ['autoScaling', 'scaleDownUnneededSeconds'],
  ],
  [
    'more use than there is',
    { autoScaling: { scaleDownUtilizationPercent: 101 } },
    'INVALID_INPUT',
    ['autoScaling', 'scaleDownUtilizationPercent'],
  ],
  ['a limit of healing that there is not', { healing: { limit: 1 } }, 'INVALID_INPUT', ['healing', 'limit']],
  ...(
    [
      ['an issuer without TLS', [{ url: 'http://login.example.org' }], '0.url'],
      ['an issuer that is the machine itself', [{ url: 'https://127.0.0.1/x' }], '0.url'],
      ['an issuer with a password', [{ url: 'https://a:b@login.example.org' }], '0.url'],
      ['an issuer that is the machine itself, by another spelling', [{ url: 'https://localhost./x' }], '0.url'],
      ['an issuer with a query', [{ url: 'https://login.example.org/?realm=a' }], '0.url'],
      ["the cluster's own issuer", [{ url: 'https://kubernetes.default.svc.cluster.local' }], '0.url'],
      ['an issuer on no port', [{ url: 'https://login.example.org:0' }], '0.url'],
      ['an issuer with an escape that is none', [{ url: 'https://login.example.org/%zz' }], '0.url'],
      ['an issuer with a backslash', [{ url: 'https://login.example.org\\x' }], '0.url'],
      ['an issuer for nobody', [{ audiences: [] }], '0.audiences'],
      ['an issuer whose users could be anybody', [{ usernamePrefix: '' }], '0.usernamePrefix'],
      ["an issuer whose users could be Kubernetes' own", [{ usernamePrefix: 'system:x' }], '0.usernamePrefix'],
      ['an issuer whose groups could be anything', [{ groupsClaim: 'groups', groupsPrefix: 'sys' }], '0.groupsPrefix'],
      ['an issuer twice', [{}, {}], '1.url'],
      ['a certificate that is none', [{ caCertificate: 'PEM' }], '0.caCertificate'],
    ] as [string, object[], string][]
  ).map(([what, issuers, at]): [string, object, string, string[]] => [
    what,
    { controlPlane: { issuers: issuers.map((issuer) => ({ url: 'https://login.example.org', audiences: ['k8s'], ...issuer })) } },
    'INVALID_INPUT',
    ['controlPlane', 'issuers', ...at.split('.')],
  ]),
  [
    "an audit receiver on the clouds' metadata address",
    { controlPlane: { audit: { webhook: { url: 'https://169.254.169.254/' } } } },
    'INVALID_INPUT',
    ['controlPlane', 'audit', 'webhook', 'url'],
  ],
  [
    'an issuer by labels without its client',
    { labels: { oidc_issuer_url: 'https://a.example' } },
    'INVALID_INPUT',
    ['labels', 'oidc_issuer_url'],
  ],
  [
    'an issuer by labels that is no address',
    { labels: { oidc_issuer_url: 'nonsense', oidc_client_id: 'k8s' } },
    'INVALID_INPUT',
    ['labels', 'oidc_issuer_url'],
  ],
])('%s is refused', async (_what, more, code, field) => {
  const error = await errorOf(create(more));
  expect(error).toMatchObject({ code, field });
  expect(error.message).not.toContain('hush');
});

test("an issuer and the audit log can be said in Magnum's labels", async () => {
  const labels = {
    oidc_issuer_url: 'https://login.example.org',
    oidc_client_id: 'k8s',
    oidc_groups_claim: 'groups',
    audit_log_enabled: 'false',
  };
  const { revision } = await create({ labels });
  expect(revision.spec.controlPlane).toMatchObject({
    audit: { level: 'NONE', stdout: true, webhook: null },
    issuers: [
      {
        url: labels.oidc_issuer_url,
        audiences: ['k8s'],
        usernameClaim: 'sub',
        usernamePrefix: 'oidc:',
        groupsClaim: 'groups',
        groupsPrefix: 'oidc:',
      },
    ],
  });
});

test('an unknown label is refused by name, with the nearest known one', async () => {
  const error = await errorOf(create({ labels: { 'etcd-volume-sise': '5' } }));
  expect(error.code).toBe('UNKNOWN_LABEL');
  expect(error.message).toContain('"etcd-volume-sise"');
  expect(error.message).toContain('"etcd_volume_size"');
});

test('an update makes the next revision, and clusters keep theirs', async () => {
  const { template } = await create({ keypair: 'ops' });
  const before = await house.commands.createCluster(call(ANNA), { name: 'a', clusterTemplate: 'standard' });
  const updated = await house.commands.updateClusterTemplate(call(BEN, { expectedGeneration: 1 }), {
    clusterTemplateId: template.id,
    flavor: 'large',
    keypair: null,
  });
  expect(updated.template).toMatchObject({ revision: 2, generation: 2, name: 'standard' });
  expect(updated.revision).toMatchObject({ revision: 2, createdBy: 'ben', spec: { flavor: 'large', image: 'debian', keypair: null } });
  const after = await house.commands.createCluster(call(ANNA), { name: 'b', clusterTemplate: 'standard' });
  expect([before.cluster.templateRevision, after.cluster.templateRevision]).toEqual([1, 2]);
  expect([before.cluster.spec.flavor, after.cluster.spec.flavor]).toEqual(['small', 'large']);
  const revisions = (await listRevisionsByTemplates(house.store.db, [template.id])).get(template.id);
  expect(revisions?.map((r) => [r.revision, r.spec.flavor])).toEqual([
    [2, 'large'],
    [1, 'small'],
  ]);
  expect(await loadNewestRevisions(house.store.db, [template.id])).toEqual([updated.revision]);
  const renamed = await house.commands.updateClusterTemplate(call(ANNA), { clusterTemplateId: template.id, name: 'normal' });
  expect(renamed.template).toMatchObject({ name: 'normal', revision: 2, generation: 3 });
  expect(
    await errorOf(
      house.commands.updateClusterTemplate(call(ANNA, { expectedGeneration: 1 }), { clusterTemplateId: template.id, flavor: 'large' }),
    ),
  ).toMatchObject({ code: 'GENERATION_MISMATCH' });
  expect(await errorOf(house.commands.updateClusterTemplate(call(ANNA), { clusterTemplateId: template.id }))).toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('Nothing is to change'),
  });
});

test('a repeated update answers the revision it made', async () => {
  const { template } = await create();
  const update = () =>
    house.commands.updateClusterTemplate(call(ANNA, { idempotencyKey: 'u' }), { clusterTemplateId: template.id, flavor: 'large' });
  await update();
  await house.commands.updateClusterTemplate(call(ANNA), { clusterTemplateId: template.id, flavor: 'tiny' });
  expect(await update()).toMatchObject({ replayed: true, revision: { revision: 2, spec: { flavor: 'large' } } });
});

test('delete is refused while clusters live on it, and frees the name', async () => {
  const { template } = await create();
  const { cluster } = await house.commands.createCluster(call(ANNA), { name: 'a', clusterTemplate: template.id });
  const remove = () => house.commands.deleteClusterTemplate(call(ANNA), { clusterTemplateId: template.id });
  expect(await errorOf(remove())).toMatchObject({ code: 'IN_USE', message: expect.stringContaining('1 cluster was') });
  await house.store.transaction((tx) => patchCluster(tx, cluster.id, { deletedAt: 1 }));
  expect((await remove()).template.deletedAt).toBe(house.time.now);
  expect(await errorOf(remove())).toMatchObject({ code: 'NOT_FOUND' });
  await create();
  expect(await errorOf(create())).toMatchObject({ code: 'NAME_TAKEN' });
});

test('only cloud administrators do without the tunnel, for a template or a cluster', async () => {
  const controlPlane = { tunnel: 'NONE' };
  const refused = (field: string[]) => ({ code: 'FORBIDDEN', field });
  const own = (await create()).template;
  const change = (who = ANNA) => house.commands.updateClusterTemplate(call(who), { clusterTemplateId: own.id, controlPlane });
  expect(await errorOf(create({ name: 'open', controlPlane }))).toMatchObject(refused(['controlPlane', 'tunnel']));
  expect(await errorOf(change())).toMatchObject(refused(['controlPlane', 'tunnel']));
  const make = (name: string, more: object) => house.commands.createCluster(call(ANNA), { name, clusterTemplate: own.id, ...more });
  const overridden = refused(['overrides', 'controlPlane', 'tunnel']);
  expect(await errorOf(make('a', { overrides: { controlPlane } }))).toMatchObject(overridden);
  const { cluster } = await make('a', {});
  const open = (who = ANNA) => house.commands.updateCluster(call(who), { clusterId: cluster.id, overrides: { controlPlane } });
  expect(await errorOf(open())).toMatchObject(overridden);
  await open(ADA);
  // What is open already stays so when something else changes.
  expect((await open()).cluster.spec.controlPlane.tunnel).toBe('NONE');
  await change(ADA);
  expect((await make('b', {})).cluster.spec.controlPlane.tunnel).toBe('NONE');
  // And reaches what its template names, nothing else.
  const elsewhere = { overrides: { nodeCidr: '192.168.0.0/24' } };
  expect(await errorOf(make('c', elsewhere))).toMatchObject(refused(['overrides', 'nodeCidr']));
});

test('who may make, change and see which', async () => {
  expect(await errorOf(create({}, RITA))).toMatchObject({ code: 'FORBIDDEN' });
  for (const visibility of ['PUBLIC', 'HIDDEN']) expect(await errorOf(create({ visibility }))).toMatchObject({ code: 'FORBIDDEN' });
  const own = (await create()).template;
  const open = (await create({ name: 'open', visibility: 'PUBLIC' }, ADA)).template;
  const hidden = (await create({ name: 'hidden', visibility: 'HIDDEN' }, ADA)).template;
  const change = (who: typeof ANNA, id: string) =>
    house.commands.updateClusterTemplate(call(who), { clusterTemplateId: id, flavor: 'large' });
  expect(await errorOf(change(OTTO, own.id))).toMatchObject({ code: 'NOT_FOUND' });
  expect(await errorOf(change(RITA, own.id))).toMatchObject({ code: 'FORBIDDEN' });
  expect(await errorOf(change(ANNA, open.id))).toMatchObject({ code: 'FORBIDDEN' });
  expect(await errorOf(change(ANNA, hidden.id))).toMatchObject({ code: 'NOT_FOUND' });
  expect(
    await errorOf(house.commands.updateClusterTemplate(call(ANNA), { clusterTemplateId: own.id, visibility: 'PUBLIC' })),
  ).toMatchObject({ code: 'FORBIDDEN' });
  expect((await change(ADA, own.id)).template.revision).toBe(2);
  const names = async (who: typeof ANNA) =>
    (await listTemplates(house.store.db, sightOf(who, 'readClusterTemplates'), {}, { first: 9 })).rows.map((t) => t.name).sort();
  expect(await names(ANNA)).toEqual(['open', 'standard']);
  expect(await names(OTTO)).toEqual(['open']);
  expect(await names(actorBy({ ...OTTO, roles: [] }))).toEqual([]);
  expect(await names(ADA)).toEqual(['hidden', 'open', 'standard']);
});

test('a name means the own one first; a name of several others needs an id', async () => {
  await create({ name: 'twin', visibility: 'PUBLIC' }, ADA);
  await create({ name: 'twin', visibility: 'PUBLIC' }, actorBy({ ...ADA, projectId: 'other' }));
  expect(await errorOf(house.commands.createCluster(call(ANNA), { name: 'a', clusterTemplate: 'twin' }))).toMatchObject({
    code: 'CONFLICT',
    field: ['clusterTemplate'],
  });
  const { template } = await create({ name: 'twin' });
  expect((await house.commands.createCluster(call(ANNA), { name: 'a', clusterTemplate: 'twin' })).cluster.templateId).toBe(template.id);
  expect(await findUsableTemplates(house.store.db, sightOf(OTTO, 'readClusterTemplates'), template.id)).toEqual([]);
});
