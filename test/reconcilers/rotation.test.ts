/** Other authorities for a living cluster: who follows them notices nothing, and what the old ones signed opens nothing in the end. */
import { createHash, createPrivateKey, createPublicKey, sign, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openAuthority } from '../../src/pki/authority.ts';
import type { ClusterPki } from '../../src/pki/bundle.ts';
import { issueLeaf } from '../../src/pki/certificate.ts';
import { parseKubeconfig } from '../../src/seeds/kubeconfig.ts';
import { until } from './story.ts';
import { type Living, openLiving } from './world.ts';

let living: Living;
let clusterId: string;
let endpoint: string;

beforeAll(async () => {
  living = await openLiving();
  clusterId = await living.makeCluster('rotating', { nodeCount: 2, overrides: { controlPlane: { replicas: 3 } } });
  endpoint = (await shown()).endpoint;
});
afterAll(() => living?.close());

interface Shown {
  endpoint: string;
  caCertificate: string;
  certificates: { name: string; kind: string }[];
  nodes: { nodes: { name: string; state: string }[] };
}
const shown = async (): Promise<Shown> => {
  const fields = 'endpoint caCertificate certificates { name kind } nodes(first: 20) { nodes { name state } }';
  return (await living.ask<{ cluster: Shown }>(living.member, `{ cluster(id: "${clusterId}") { ${fields} } }`)).cluster;
};

interface Access {
  ca: string;
  cert?: string;
  key?: string;
  token?: string;
  method?: string;
  body?: object;
}
/** Over a connection of its own, as somebody who comes for the first time. Rejects when the server is not trusted. */
const ask = (path: string, { ca, cert, key, token, method = 'GET', body }: Access): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }) };
    const call = request(`${endpoint}${path}`, { method, headers, ca, cert, key, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (part) => {
        text += part;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on('error', reject);
    });
    call.on('error', reject);
    call.end(body && JSON.stringify(body));
  });
const SECRETS = '/api/v1/namespaces/kube-system/secrets';

const issue = async (): Promise<Access> => {
  const { kubeconfig } = await living.change<{ kubeconfig: string }>(
    living.member,
    'issueKubeconfig',
    { clusterId, role: 'ADMIN' },
    'kubeconfig',
  );
  const { caPem, clientCertPem, clientKeyPem } = parseKubeconfig(kubeconfig);
  return { ca: caPem ?? '', cert: clientCertPem ?? '', key: clientKeyPem ?? '' };
};

/** A token of the account `default`. */
const requestToken = async (pki: ClusterPki): Promise<string> => {
  const { cert, key } = pki.leaves.superAdmin;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3_600 } };
  const path = '/api/v1/namespaces/default/serviceaccounts/default/token';
  const { status, text } = await ask(path, { ca: pki.trust.ca, cert, key, method: 'POST', body });
  expect([status, text]).toEqual([201, expect.any(String)]);
  return (JSON.parse(text) as { status: { token: string } }).status.token;
};
/** The same claims, with more time, under a key that was stolen. */
const forge = (token: string, stolenKey: string): string => {
  const [head = '', body = ''] = token.split('.');
  const claims = { ...(JSON.parse(Buffer.from(body, 'base64url').toString()) as object), exp: Math.floor(Date.now() / 1000) + 86_400 };
  const input = `${head}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  const key = createPrivateKey(stolenKey);
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
};

const serialsOf = ({ authorities, leaves }: ClusterPki): Map<string, string> =>
  new Map(
    [...Object.entries(authorities), ...Object.entries(leaves)].map(([name, { cert }]) => [name, new X509Certificate(cert).serialNumber]),
  );

const stateOf = async (operationId: string): Promise<string> =>
  (await living.ask<{ node: { state: string } }>(living.member, `{ node(id: "${operationId}") { ... on Operation { state } } }`)).node
    .state;
const rotate = () =>
  living.change<{ operation: { id: string; kind: string } }>(living.member, 'rotateCertificates', { clusterId }, 'operation { id kind }');
const finished = (operationId: string) =>
  until(async () => {
    const state = await stateOf(operationId);
    return /SUCCEEDED|FAILED/.test(state) ? state : null;
  }, 90);

/** A client that asks all the time and takes a new kubeconfig whenever the old authorities are about to go, or to come. */
const startFollower = () => {
  const failures: string[] = [];
  let reads = 0;
  let over = false;
  const work = (async () => {
    let access = await issue();
    while (!over) {
      try {
        const { caCertificate } = await shown();
        if (caCertificate !== access.ca) access = await issue();
        const [ready, secrets] = await Promise.all([ask('/readyz', { ca: access.ca }), ask(SECRETS, access)]);
        if (ready.status !== 200) failures.push(`readyz ${ready.status}`);
        // A new name's binding takes a pass to be there.
        if (secrets.status !== 200 && secrets.status !== 403) failures.push(`secrets ${secrets.status}`);
        reads += 1;
      } catch (error) {
        failures.push(String(error));
      }
    }
  })();
  return async () => {
    over = true;
    await work;
    return { reads, failures };
  };
};

test('every authority and leaf is another one in the end, workers are too, and who follows sees no error', {
  timeout: 180_000,
}, async () => {
  const before = living.pki(clusterId);
  const old = { shown: await shown(), serials: serialsOf(before), access: await issue(), token: await requestToken(before) };
  await until(async () => (await ask(SECRETS, old.access)).status === 200);
  expect((await ask('/api', { ca: before.trust.ca, token: old.token })).status).toBe(200);
  const stop = startFollower();
  const { operation } = await rotate();
  expect(operation.kind).toBe('ROTATE_CERTIFICATES');
  await expect(rotate()).rejects.toThrow(/CONFLICT.*is under way already/);
  expect(await finished(operation.id)).toBe('SUCCEEDED');
  const { reads, failures } = await stop();
  expect(failures).toEqual([]);
  expect(reads).toBeGreaterThan(20);

  const after = living.pki(clusterId);
  expect(after.rotation).toMatchObject({ phase: 'NONE', turn: 1, spread: true, other: null, cross: null });
  const serials = serialsOf(after);
  expect([...serials.keys()]).toEqual([...old.serials.keys()]);
  for (const [name, serial] of serials) expect([name, serial]).not.toEqual([name, old.serials.get(name)]);
  expect(after.serviceAccount.publicKey).not.toBe(before.serviceAccount.publicKey);
  for (const { key } of [...Object.values(before.authorities), before.serviceAccount])
    expect(JSON.stringify(after)).not.toContain(key.slice(40, 120));

  const now = await shown();
  expect(now.caCertificate).toBe(after.authorities.ca.cert);
  expect(now.certificates.filter(({ kind }) => kind === 'AUTHORITY').map(({ name }) => name)).toEqual(['ca', 'frontProxyCa', 'etcdCa']);
  expect(now.nodes.nodes.map(({ state }) => state)).toEqual(['READY', 'READY']);
  // Nodes that know the old authority alone stay, until they are replaced.
  expect(living.rows("select message from events where subject_kind = 'NODE' and state = 'NOT_READY'")).toEqual([]);
  const oldNames = old.shown.nodes.nodes.map(({ name }) => name);
  expect(now.nodes.nodes.filter(({ name }) => oldNames.includes(name))).toEqual([]);
  const told = living
    .rows<{ message: string }>("select message from events where step = 'AuthoritiesCurrent'")
    .map(({ message }) => message);
  expect(told.join()).toMatch(/step 1 of 4.*step 2 of 4.*step 3 of 4: 2 workers.*step 3 of 4: 1 worker.*step 4 of 4/);

  const published = await ask('/api/v1/namespaces/default/configmaps/kube-root-ca.crt', { ca: after.trust.ca, ...after.leaves.superAdmin });
  expect(JSON.parse(published.text)).toMatchObject({ data: { 'ca.crt': after.authorities.ca.cert } });

  // What the old ones signed, and what somebody with their stolen keys signs now, is refused.
  const ca = after.trust.ca;
  await expect(ask('/readyz', { ca: before.trust.ca })).rejects.toThrow(/certificate/);
  expect((await ask(SECRETS, { ...old.access, ca })).status).toBe(401);
  expect((await ask('/api', { ca, token: old.token })).status).toBe(401);
  const profile = { commonName: 'thief', organizations: ['system:masters'], usages: ['client'] as const };
  for (const name of ['ca', 'frontProxyCa', 'etcdCa'] as const) {
    const forged = await issueLeaf(await openAuthority(before.authorities[name]), profile, { now: Date.now });
    expect((await ask(SECRETS, { ca, ...forged })).status).toBe(401);
  }
  expect((await ask('/api', { ca, token: forge(old.token, before.serviceAccount.key) })).status).toBe(401);
  const token = await requestToken(after);
  expect((await ask('/api', { ca, token })).status).toBe(200);
  expect((await ask('/api', { ca, token: forge(token, after.serviceAccount.key) })).status).toBe(200);
  // A key's id is its hash, so that a verifier need not try them all.
  const [head = ''] = token.split('.');
  const spki = createPublicKey(after.serviceAccount.publicKey).export({ type: 'spki', format: 'der' });
  expect(JSON.parse(Buffer.from(head, 'base64url').toString())).toMatchObject({
    kid: createHash('sha256').update(spki).digest('base64url'),
  });
});

test('the control plane reaches kubelets that trust the new authority alone', async () => {
  const { cert, key } = living.pki(clusterId).leaves.superAdmin;
  const ca = living.pki(clusterId).trust.ca;
  for (const { name } of (await shown()).nodes.nodes)
    expect(await ask(`/api/v1/nodes/${name}/proxy/healthz`, { ca, cert, key })).toEqual({ status: 200, text: 'ok' });
});

test('what was given out before is shown as revoked', async () => {
  const { cluster } = await living.ask<{ cluster: { kubeconfigs: { nodes: { state: string; createdAt: string }[] } } }>(
    living.member,
    `{ cluster(id: "${clusterId}") { kubeconfigs(first: 50) { nodes { state createdAt } } } }`,
  );
  const [oldest] = [...cluster.kubeconfigs.nodes].sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  expect(oldest?.state).toBe('REVOKED');
});

test('another rotation follows, and a settled cluster writes nothing more for it', { timeout: 180_000 }, async () => {
  const before = living.pki(clusterId);
  const { operation } = await rotate();
  expect(await finished(operation.id)).toBe('SUCCEEDED');
  const after = living.pki(clusterId);
  expect(after.rotation.turn).toBe(2);
  for (const [name, serial] of serialsOf(after)) expect([name, serial]).not.toEqual([name, serialsOf(before).get(name)]);
  expect((await shown()).nodes.nodes.map(({ state }) => state)).toEqual(['READY', 'READY']);
  await living.idle();
  await fetch(`${living.sandbox.controlUrl}/counters`, { method: 'DELETE' });
  living.wake(clusterId);
  await living.idle();
  expect(await (await fetch(`${living.sandbox.controlUrl}/counters`)).json()).toMatchObject({ writes: 0 });
});

interface Operation {
  operation: { id: string };
}
const made = async (name: string, more: object = {}): Promise<{ id: string; rotate: () => Promise<Operation> }> => {
  const id = await living.makeCluster(name, more);
  return { id, rotate: () => living.change<Operation>(living.member, 'rotateCertificates', { clusterId: id }, 'operation { id }') };
};
const phaseOf = (id: string): string => living.pki(id).rotation.phase;

test('a worker that cannot be started holds a rotation up with its reason, and a retry leads on', { timeout: 120_000 }, async () => {
  const { id, rotate } = await made('short');
  const setCores = (cores: number) => living.control('PUT', `quotas/${living.sandbox.users.member.projectId}`, { cores });
  await setCores(0);
  const { operation } = await rotate();
  await until(() => living.rows(`select 1 from clusters where id = '${id}' and state in ('FAILED', 'DEGRADED')`).length === 1);
  expect(phaseOf(id)).toBe('ISSUE');
  await setCores(-1);
  if ((await stateOf(operation.id)) === 'FAILED')
    await living.change(living.member, 'retryOperation', { operationId: operation.id }, 'operation { id }');
  await until(() => phaseOf(id) === 'NONE');
  await living.settled(id);
  expect(living.pki(id).rotation.turn).toBe(1);
});

test('a change in the middle is carried out, and so is the rotation', { timeout: 180_000 }, async () => {
  const { id, rotate } = await made('changed');
  const { operation } = await rotate();
  await until(() => phaseOf(id) !== 'NONE');
  const [group] = living.rows<{ id: string }>(`select id from node_groups where cluster_id = '${id}'`);
  await living.change(living.member, 'updateCluster', { clusterId: id, overrides: { controlPlane: { replicas: 3 } } }, 'cluster { id }');
  await living.change(living.member, 'resizeNodeGroup', { nodeGroupId: group?.id, count: 2 }, 'nodeGroup { id }');
  await living.change(living.member, 'rotateEncryptionKey', { clusterId: id }, 'operation { id }');
  expect(await finished(operation.id)).toBe('SUCCEEDED');
  await living.settled(id);
  await until(() => living.rows(`select 1 from operations where state in ('PENDING', 'RUNNING')`).length === 0);
  const { rotation, encryption } = living.pki(id);
  expect([rotation.phase, rotation.turn, encryption.turn, encryption.keys.length]).toEqual(['NONE', 1, 1, 1]);
  const nodes = living.rows<{ state: string; old: number }>(
    `select n.state, n.created_at < c.nodes_since as old from nodes n join clusters c on c.id = n.cluster_id
     where c.id = '${id}' and n.deleted_at is null`,
  );
  expect(nodes).toEqual([
    { state: 'READY', old: 0 },
    { state: 'READY', old: 0 },
  ]);
});

test.each(['TRUST', 'ISSUE'])('a delete leads out of %s', async (phase) => {
  const { id, rotate } = await made(`gone-${phase.toLowerCase()}`);
  await rotate();
  await until(() => phaseOf(id) === phase);
  await living.change(living.member, 'deleteCluster', { clusterId: id }, 'cluster { id }');
  await until(() => living.rows(`select 1 from clusters where id = '${id}' and state = 'DELETED'`).length === 1);
});
