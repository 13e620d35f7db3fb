/**
 * The plain script that Seedbed is measured against: it sends the recorded calls of one create to a fresh sandbox, each as soon as what it
 * needs is there, with nothing in between. Keys, certificates and objects are those of the recording: making them costs the script nothing.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { type KubernetesAccess, parseKubeconfig } from '../../src/seeds/kubeconfig.ts';
import type { RecordedCall } from './record.ts';
import { type Handover, login } from './world.ts';

export interface Recording {
  handover: Handover;
  calls: RecordedCall[];
  /** https://host:port of the seed. */
  seedServer: string;
  /** How the cluster's own API is reached. */
  tenant: KubernetesAccess;
  workers: number;
}

/** Often enough to cost nothing to speak of, seldom enough to leave the sandbox its time. */
const POLL_MS = 20;

/** The sandbox has other loopback addresses than the recorded one: another on this machine has taken those. */
export class OtherAddresses extends Error {}

/** Milliseconds until the workers are Ready, the control plane is up and every call is answered; and how many calls that were. */
export const runScript = async (recording: Recording, handover: Handover): Promise<{ ms: number; calls: number }> => {
  const { calls, tenant, workers } = recording;
  const cloudHost = new URL(recording.handover.authUrl).host;
  const seed = openApi(accessOf(handover));
  const hosted = openApi(tenant);
  const toCloud = calls.filter((call) => call.host === cloudHost && !call.url.startsWith('/identity'));
  const writesTo = (server: string) =>
    calls.filter((call) => call.host === new URL(server).host && call.method !== 'GET' && call.status < 300 && !isReview(call));
  const toSeed = writesTo(recording.seedServer);
  const toTenant = writesTo(tenant.server);
  const namespaces = toSeed.filter(({ url }) => /^\/api\/v1\/namespaces\/[^/]+$/.test(pathOf(url)));
  const services = toSeed.filter(({ url }) => url.includes('/services/'));
  const late = toSeed.filter(({ url }) => /controller-manager|scheduler/.test(url));
  const early = toSeed.filter((call) => ![...namespaces, ...services, ...late].includes(call));
  const namespace = pathOf(namespaces[0]?.url ?? '');

  await passAddresses(seed, new URL(tenant.server).hostname);
  const began = performance.now();
  const cloud = replayCloud(toCloud, recording.handover, handover);
  const send = (api: Api, some: RecordedCall[]) => Promise.all(some.map((call) => api.send(call)));
  const startTenant = async (): Promise<void> => {
    const made = toTenant.filter(({ method }) => method !== 'DELETE');
    const isNamespace = ({ url }: RecordedCall) => /^\/api\/v1\/namespaces\/[^/]+$/.test(pathOf(url));
    await send(hosted, made.filter(isNamespace));
    await send(
      hosted,
      made.filter((call) => !isNamespace(call)),
    );
    await until('the workers', async () => (await hosted.list('/api/v1/nodes')).filter(isNodeReady).length === workers);
    await send(
      hosted,
      toTenant.filter(({ method }) => method === 'DELETE'),
    );
  };
  const started = (async () => {
    await send(seed, namespaces);
    await send(seed, firstOfEach(services));
    await until('an address', async () =>
      (await seed.list(`${namespace}/services`)).some((s) => at(s, 'status', 'loadBalancer', 'ingress') !== undefined),
    );
    cloud.addressKnown();
    const again = services.filter((call) => !firstOfEach(services).includes(call));
    await Promise.all([send(seed, again), send(seed, early)]);
    await until('the API', () => hosted.isReady());
    await Promise.all([send(seed, late), startTenant()]);
    await until('the control plane', async () =>
      (await workloads(seed, namespace)).every((w) => at(w, 'status', 'readyReplicas') === at(w, 'spec', 'replicas')),
    );
  })();
  await Promise.all([started, cloud.done]);
  const ms = performance.now() - began;
  seed.close();
  hosted.close();
  return { ms, calls: toCloud.length + toSeed.length + toTenant.length + 1 };
};

/**
 * The certificates name an address, so the load balancer's earlier ones, which the seed's probe had, are given to somebody else first.
 * @throws OtherAddresses
 */
const passAddresses = async (seed: Api, wanted: string): Promise<void> => {
  const earlier = Number(wanted.split('.').at(-1)) - 1;
  const url = '/api/v1/namespaces/default/services';
  for (let i = 1; i <= earlier; i += 1) {
    const spec = { type: 'LoadBalancer', selector: { app: 'none' }, ports: [{ port: 80 }] };
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: `earlier-${i}`, namespace: 'default' }, spec });
    await seed.send({ method: 'POST', url, headers: { 'content-type': 'application/json' }, body });
  }
  let given: string[] = [];
  await until('addresses', async () => {
    const ingresses = (await seed.list(url)).flatMap(
      (service) => (at(service, 'status', 'loadBalancer', 'ingress') ?? []) as { ip: string }[],
    );
    given = ingresses.map(({ ip }) => ip);
    return given.length === earlier;
  });
  const range = (ip: string) => ip.split('.').slice(0, 2).join('.');
  if (given.some((ip) => range(ip) !== range(wanted))) throw new OtherAddresses();
};

export const accessOf = ({ seeds }: Handover): KubernetesAccess => parseKubeconfig(readFileSync(seeds[0]?.kubeconfigFile ?? '', 'utf8'));
const pathOf = (url: string): string => url.split('?')[0] ?? '';
const isReview = ({ url }: RecordedCall): boolean => /reviews(\?|$)/.test(url);
const firstOfEach = (calls: RecordedCall[]): RecordedCall[] =>
  calls.filter((call, i) => calls.findIndex(({ url }) => url === call.url) === i);

const until = async (what: string, look: () => Promise<boolean>): Promise<void> => {
  const end = performance.now() + 60_000;
  let last: unknown;
  const looked = () =>
    look().catch((error: unknown) => {
      last = error;
      return false;
    });
  while (!(await looked())) {
    if (performance.now() > end) throw new Error(`The script waited in vain for ${what}.`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
};

const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((inner, name) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, name) : undefined), value);

const isNodeReady = (node: unknown): boolean =>
  ((at(node, 'status', 'conditions') ?? []) as { type: string; status: string }[]).some((c) => c.type === 'Ready' && c.status === 'True');

const workloads = async (seed: Api, namespace: string): Promise<unknown[]> => {
  const apps = namespace.replace('/api/v1', '/apis/apps/v1');
  return (await Promise.all([seed.list(`${apps}/deployments`), seed.list(`${apps}/statefulsets`)])).flat();
};

type Sent = Pick<RecordedCall, 'method' | 'url' | 'headers' | 'body'>;

interface Api {
  /** Rejects when it is refused. */
  send(call: Sent): Promise<void>;
  list(path: string): Promise<unknown[]>;
  isReady(): Promise<boolean>;
  close(): void;
}

const openApi = (access: KubernetesAccess): Api => {
  const { hostname: host, port } = new URL(access.server);
  const agent = new Agent({ keepAlive: true, ca: access.caPem, cert: access.clientCertPem, key: access.clientKeyPem });
  const headers = access.token === undefined ? {} : { authorization: `Bearer ${access.token}` };
  const ask = (method: string, path: string, type?: string, body = ''): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const options = {
        agent,
        host,
        port,
        method,
        path,
        headers: { ...headers, ...(type !== undefined && { 'content-type': type }), 'content-length': Buffer.byteLength(body) },
      };
      const asked = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(body);
    });
  return {
    send: async ({ method, url, headers: recorded, body }) => {
      const answer = await ask(method, url, recorded['content-type'], method === 'DELETE' ? ofAnyUid(body) : body);
      // What was deleted in the recording may have been there then and not now: a finished task goes by itself.
      if (method === 'DELETE' && answer.status === 404) return;
      if (answer.status >= 300) throw new Error(`${method} ${url}: ${answer.status} ${answer.text}`);
    },
    list: async (path) => (JSON.parse((await ask('GET', path)).text) as { items: unknown[] }).items,
    isReady: async () => (await ask('GET', '/readyz')).status === 200,
    close: () => agent.destroy(),
  };
};

/** The recording's object had another uid than the one that has its name now. */
const ofAnyUid = (body: string | undefined): string | undefined =>
  body === undefined ? undefined : JSON.stringify({ ...(JSON.parse(body) as object), preconditions: undefined });

const ID = /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/g;

/** Sends the OpenStack calls; one that names an id of an earlier answer waits for that answer, and a server for the API's address. */
const replayCloud = (calls: RecordedCall[], before: Handover, now: Handover): { addressKnown(): void; done: Promise<unknown> } => {
  const origin = new URL(now.authUrl).origin;
  const { member } = now.users;
  const ids = new Map<string, string>([
    [before.users.member.projectId, member.projectId],
    [before.users.member.userId, member.userId],
  ]);
  const token = login(now.authUrl, member);
  let addressKnown = () => {};
  const address = new Promise<void>((resolve) => {
    addressKnown = resolve;
  });
  const answered: Promise<void>[] = [];
  const send = async (call: RecordedCall, needs: Promise<unknown>[]): Promise<void> => {
    await Promise.all(needs);
    const named = (text: string) => text.replace(ID, (id) => ids.get(id) ?? id);
    const { 'content-type': type, 'openstack-api-version': version } = call.headers;
    const answer = await fetch(`${origin}${named(call.url)}`, {
      method: call.method,
      headers: {
        'x-auth-token': await token,
        ...(type !== undefined && { 'content-type': type }),
        ...(typeof version === 'string' && { 'openstack-api-version': version }),
      },
      ...(call.body !== '' && { body: named(call.body) }),
    });
    const text = await answer.text();
    if (answer.status >= 300 && call.status < 300) throw new Error(`${call.method} ${call.url}: ${answer.status} ${text}`);
    learn(ids, parsed(call.answer), parsed(text));
  };
  for (const call of calls) {
    const mine = new Set([...`${call.url} ${call.body}`.matchAll(ID)].map(([id]) => id));
    const needs: Promise<unknown>[] = answered.filter((_, j) => {
      const earlier = calls[j] as RecordedCall;
      const first = [...mine].some((id) => earlier.answer.includes(id) && calls.findIndex(({ answer }) => answer.includes(id)) === j);
      const same = earlier.url === call.url && earlier.method !== 'GET';
      return first || same;
    });
    if (call.method === 'POST' && call.url.endsWith('/servers')) needs.push(address);
    answered.push(send(call, needs));
  }
  return { addressKnown, done: Promise.all(answered) };
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

/** Walks two answers to the same question side by side and notes which id stands for which. */
const learn = (ids: Map<string, string>, before: unknown, now: unknown): void => {
  if (typeof before === 'string' && typeof now === 'string') {
    const [found] = before.match(ID) ?? [];
    if (found === before && !ids.has(before)) ids.set(before, now);
  } else if (typeof before === 'object' && before !== null) {
    for (const key of Object.keys(before)) learn(ids, Reflect.get(before, key), at(now, key));
  }
};
