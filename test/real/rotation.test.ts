/** Other authorities for a cluster in use: a customer's program that follows its kubeconfig goes on, and a thief with the old keys is refused. */
import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { namespaceOf, routerAddress } from './support/checks.ts';
import type { ProgressEvent } from './support/graphql.ts';
import { type Loop, startLoop } from './support/loop.ts';
import { createKubectl, type Kubectl, verifyChain } from './support/outside.ts';
import { run, until } from './support/run.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';

const NAME = 'lab-rotation';
const WORKERS = 2;

interface Seen {
  endpoint: string;
  caCertificate: string;
}
interface Stolen {
  caFile: string;
  caKeyFile: string;
  serviceAccountKey: string;
  /** A service account's, signed before. */
  token: string;
}

let story: Story;
let failed = false;
let cluster: { id: string; uuid: string; shortId: string; name: string };
let seed: Kubectl;
let loop: Loop;
let before: { certificates: Map<string, string>; nodes: string[]; seen: Seen };
let stolen: Stolen;
const events: ProgressEvent[] = [];

beforeAll(async () => {
  story = await openStory('rotation');
  await prepareSeedAndTemplate(story, NAME);
  seed = createKubectl(story.world, story.world.seedAdminKubeconfigPath);
});
afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});
afterAll(async () => {
  if (story === undefined) return;
  if (cluster !== undefined) {
    await loop?.stop().catch(() => []);
    await asMember(story).change('deleteCluster', { clusterId: cluster.id }, 'cluster { id }');
    await followToRest(story, cluster.id, events);
  }
  expect(await closeStory(story, failed)).toBe(0);
});

const file = (name: string, text: string): string => {
  const path = `${story.folder}/${name}`;
  writeFileSync(path, text, { mode: 0o600 });
  return path;
};
const look = async (): Promise<Seen> =>
  (await asMember(story).ask<{ cluster: Seen }>('query($id: ID!) { cluster(id: $id) { endpoint caCertificate } }', { id: cluster.id }))
    .cluster;

/** Every file in every Secret of the cluster's namespace, by Secret and name. */
const filesInSeed = async (): Promise<Map<string, string>> => {
  const { items } = JSON.parse(await seed('get', 'secrets', '-n', namespaceOf(cluster), '-o', 'json')) as {
    items: { metadata: { name: string }; data?: Record<string, string> }[];
  };
  return new Map(
    items.flatMap(({ metadata, data = {} }) =>
      Object.entries(data).map(([name, value]): [string, string] => [`${metadata.name}/${name}`, Buffer.from(value, 'base64').toString()]),
    ),
  );
};
/** Serial numbers: of all in a bundle, and of the client certificates in kubeconfigs. */
const certificatesIn = (files: Map<string, string>): Map<string, string> =>
  new Map(
    [...files].flatMap(([name, text]): [string, string][] => {
      const embedded = /client-certificate-data: (\S+)/.exec(text)?.[1];
      const pem = embedded === undefined ? text : Buffer.from(embedded, 'base64').toString();
      const all = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
      return all.length === 0 ? [] : [[name, all.map((one) => new X509Certificate(one).serialNumber).join()]];
    }),
  );
const nodeNames = async (kubectl: Kubectl): Promise<string[]> =>
  (await kubectl('get', 'nodes', '-o', 'jsonpath={range .items[*]}{.metadata.name} {end}')).trim().split(' ').sort();

/** A kubeconfig that works: each API server learns of its rights by itself, and somewhat later while all are being replaced. */
const takeKubeconfig = async (name: string): Promise<string> => {
  const path = `${story.folder}/${name}`;
  await issueKubeconfig(story, cluster.id, path);
  const kubectl = createKubectl(story.world, path);
  await until('every API server knows of it', 120, async () => {
    for (let good = 0; good < 12; good += 1) await kubectl('auth', 'can-i', '*', '*');
    return true;
  });
  return path;
};

/** kubectl as nobody, with what is given on the command line. */
const asThief = async (...credential: string[]): Promise<string> => {
  const { endpoint, caCertificate } = await look();
  const ca = file('today.crt', caCertificate);
  return run(story.world.kubectl, ['--kubeconfig=/dev/null', `--server=${endpoint}`, `--certificate-authority=${ca}`, ...credential]);
};
/** A certificate of a master's, as openssl signs it with the stolen key. */
const forgeCertificate = async (): Promise<string[]> => {
  const [key, csr, crt] = ['thief.key', 'thief.csr', 'thief.crt'].map((name) => `${story.folder}/${name}`) as [string, string, string];
  await run('openssl', [
    'req',
    '-new',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    key,
    '-out',
    csr,
    '-subj',
    '/O=system:masters/CN=thief',
  ]);
  const extensions = file('thief.ext', 'extendedKeyUsage=clientAuth\n');
  const signer = ['-CA', stolen.caFile, '-CAkey', stolen.caKeyFile, '-set_serial', '1', '-days', '1', '-extfile', extensions];
  await run('openssl', ['x509', '-req', '-in', csr, '-out', crt, ...signer]);
  return [`--client-certificate=${crt}`, `--client-key=${key}`];
};
/** A token for the same account that is good for longer. */
const forgeToken = (): string => {
  const [head = '', body = ''] = stolen.token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as { exp: number };
  const input = `${head}.${Buffer.from(JSON.stringify({ ...claims, exp: claims.exp + 86_400 })).toString('base64url')}`;
  const signature = sign('sha256', Buffer.from(input), { key: createPrivateKey(stolen.serviceAccountKey), dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
};

test('a cluster with workers comes up, and a customer works with it', async () => {
  const created = await asMember(story).change<{ cluster: typeof cluster }>(
    'createCluster',
    { name: NAME, clusterTemplate: NAME, nodeCount: WORKERS, overrides: { controlPlane: { replicas: 3 } } },
    'cluster { id uuid shortId name }',
  );
  cluster = created.cluster;
  expect(await followToRest(story, cluster.id, events)).toMatchObject({ settled: true, state: 'READY' });
  loop = startLoop(await takeKubeconfig('first'));
});

test('whoever has the keys of the control plane is anybody', async () => {
  const kubectl = createKubectl(story.world, `${story.folder}/first`);
  const files = await filesInSeed();
  before = { certificates: certificatesIn(files), nodes: await nodeNames(kubectl), seen: await look() };
  const manager = `${cluster.shortId}-kube-controller-manager-files`;
  const of = (name: string): string => files.get(`${manager}/${name}`) ?? '';
  stolen = {
    caFile: file('stolen.crt', of('signing-ca.crt')),
    caKeyFile: file('stolen.key', of('signing-ca.key')),
    serviceAccountKey: of('sa.key'),
    token: (await kubectl('create', 'token', 'default', '--duration=1h')).trim(),
  };
  expect(await asThief(...(await forgeCertificate()), 'get', 'namespaces', '-o', 'name')).toContain('kube-system');
  for (const token of [stolen.token, forgeToken()])
    expect(await asThief(`--token=${token}`, 'auth', 'whoami')).toContain('default:default');
});

/** Takes a new kubeconfig whenever the cluster has other authorities, as the guide says; until the rotation is over. */
const followBundle = async (over: () => boolean): Promise<number> => {
  let known = before.seen.caCertificate;
  let taken = 0;
  while (!over()) {
    const { caCertificate } = await look();
    if (caCertificate !== known) {
      taken += 1;
      loop.use(await takeKubeconfig(`kubeconfig-${taken}`));
      known = caCertificate;
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  return taken;
};

test('all is replaced in four steps, and the customer sees no error', { timeout: 1_800_000 }, async () => {
  await loop.reset();
  let over = false;
  const following = followBundle(() => over);
  await asMember(story).change('rotateCertificates', { clusterId: cluster.id }, 'operation { id }');
  const from = events.length;
  const last = await followToRest(story, cluster.id, events, 1_700).finally(() => {
    over = true;
  });
  expect(last).toMatchObject({ settled: true, state: 'READY' });
  expect(await following).toBeGreaterThan(1);
  const told = events.slice(from).filter(({ step }) => step === 'AuthoritiesCurrent');
  for (const step of [1, 2, 3, 4]) expect(told.map(({ message }) => message).join('\n')).toContain(`step ${step} of 4`);
  const { errors, written, longestRefusalMs } = await loop.record();
  console.log('rotated', { refusalMs: longestRefusalMs, writes: written.length, errors: errors.length, first: errors[0] });
  // Writes that were under way to a leader of etcd when it made room for another: each of the three roll-outs changes it.
  const underWay = /500 .*etcdserver: (request timed out|leader changed)/;
  expect(errors.filter(({ what }) => !underWay.test(what))).toEqual([]);
  expect(longestRefusalMs).toBeLessThan(3_000);
});

test('no certificate is from before, and workers are others', async () => {
  const after = certificatesIn(await filesInSeed());
  expect([...after.keys()].sort()).toEqual([...before.certificates.keys()].sort());
  const olds = new Set([...before.certificates.values()].flatMap((serials) => serials.split(',')));
  for (const [name, serials] of after) expect([name, serials.split(',').filter((serial) => olds.has(serial))]).toEqual([name, []]);
  const kubectl = createKubectl(story.world, await takeKubeconfig('last'));
  const nodes = await nodeNames(kubectl);
  expect(nodes).toHaveLength(WORKERS);
  expect(nodes.filter((name) => before.nodes.includes(name))).toEqual([]);
  await kubectl('wait', 'node', '--all', '--for=condition=Ready', '--timeout=10s');
  // Kubelets trust the new authority alone, and the API server shows them a certificate of its own.
  await story.world.routeToTenant?.(story.nodeCidr, await routerAddress(story, cluster));
  for (const name of story.world.routeToTenant === null ? [] : nodes)
    expect(await kubectl('get', '--raw', `/api/v1/nodes/${name}/proxy/healthz`)).toBe('ok');
  const bundle = await kubectl('get', 'configmap', '-n', 'kube-system', 'kube-root-ca.crt', '-o', 'jsonpath={.data.ca\\.crt}');
  expect(bundle.trim()).toBe((await look()).caCertificate.trim());
});

test('what was stolen opens nothing any more', async () => {
  const refused = /Unauthorized|must be logged in|provide credentials/;
  await expect(asThief(...(await forgeCertificate()), 'get', 'namespaces')).rejects.toThrow(refused);
  for (const token of [stolen.token, forgeToken()]) await expect(asThief(`--token=${token}`, 'auth', 'whoami')).rejects.toThrow(refused);
  const { hostname, port } = new URL(before.seen.endpoint);
  await verifyChain(hostname, Number(port), file('new.crt', (await look()).caCertificate));
  await expect(verifyChain(hostname, Number(port), file('old.crt', before.seen.caCertificate))).rejects.toThrow(/verify/i);
  // The kubeconfig from before knows neither the server, nor does the server know it.
  await expect(createKubectl(story.world, `${story.folder}/first`)('get', 'namespaces')).rejects.toThrow(/certificate/);
});

test('pods on the new workers run, and no acknowledged write is lost', async () => {
  const kubectl = createKubectl(story.world, `${story.folder}/last`);
  await until('everything in kube-system is ready', 180, async () => {
    await kubectl('rollout', 'status', '-n', 'kube-system', 'deployment/coredns', '--timeout=5s');
    return true;
  });
  loop.use(`${story.folder}/last`);
  expect(await loop.stop()).toEqual([]);
});
