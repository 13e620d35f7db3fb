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

/** Milliseconds until the workers are Ready, all that was made runs and every call is answered; and how many calls that were. */
export const runScript = async (recording: Recording, handover: Handover): Promise<{ ms: number; calls: number }> => {
  const { tenant, workers } = recording;
  const seed = openApi(accessOf(handover));
  const hosted = openApi(tenant);
  const { toCloud, toSeed, toTenant, apiAnsweredAt, usesTunnel } = callsOf(recording);
  // Nothing but the namespace and its Services is written before there is an address; the API server's clients come after it answers.
  const [first, afterAddress] = splitAt(toSeed, (call) => !isNamespace(call) && !call.url.includes('/services/'));
  const [forms, laterForms] = [roundsOf(first)[0] ?? [], roundsOf(first).slice(1).flat()];
  const [early, late] = splitAt(afterAddress, (call) => call.began > apiAnsweredAt);
  const namespace = pathOf(first.find(isNamespace)?.url ?? '');

  await passAddresses(seed, new URL(tenant.server).hostname);
  const began = performance.now();
  const cloud = replayCloud(toCloud, recording.handover, handover);
  const startTenant = async (): Promise<void> => {
    const [made, deleted] = [toTenant.filter(({ method }) => method !== 'DELETE'), toTenant.filter(({ method }) => method === 'DELETE')];
    await sendRounds(hosted, made);
    const readyNodes = async () => (await hosted.list('/api/v1/nodes')).filter(isNodeReady);
    await until('the workers', async () => (await readyNodes()).length === workers);
    const [node] = await readyNodes();
    await Promise.all([
      sendRounds(hosted, deleted),
      until('what runs in the cluster', () => isSettled(hosted, made)),
      usesTunnel && until('the tunnel', () => hosted.isOk(`/api/v1/nodes/${at(node, 'metadata', 'name')}/proxy/healthz`)),
    ]);
  };
  const started = (async () => {
    await sendRounds(seed, forms);
    await until('an address', async () =>
      (await seed.list(`${namespace}/services`)).some((s) => at(s, 'status', 'loadBalancer', 'ingress') !== undefined),
    );
    cloud.addressKnown();
    const startApi = async (): Promise<void> => {
      await until('the API', () => hosted.isOk('/readyz'));
      await Promise.all([sendRounds(seed, late, () => isSettled(seed, toSeed)), startTenant()]);
    };
    await Promise.all([sendRounds(seed, [...laterForms, ...early], () => isSettled(seed, toSeed)), startApi()]);
    await until('the control plane', () => isSettled(seed, toSeed));
  })();
  await Promise.all([started, cloud.done]);
  const ms = performance.now() - began;
  seed.close();
  hosted.close();
  return { ms, calls: toCloud.length + toSeed.length + toTenant.length + 1 };
};

/** What of the recording the script repeats: Seedbed's calls to the cloud, and those that change something in a Kubernetes API. */
const callsOf = ({ handover, calls, tenant, seedServer }: Recording) => {
  const to = (url: string) => calls.filter(({ host, headers }) => host === new URL(url).host && headers['user-agent'] === 'seedbed');
  const writes = (call: RecordedCall) => call.method !== 'GET' && call.status < 300 && !isReview(call);
  const asked = to(tenant.server);
  return {
    toCloud: to(handover.authUrl).filter(({ url }) => !url.startsWith('/identity')),
    toSeed: to(seedServer).filter(writes),
    toTenant: asked.filter(writes),
    apiAnsweredAt: asked.find(({ url, status }) => url === '/readyz' && status === 200)?.ended ?? Number.POSITIVE_INFINITY,
    usesTunnel: asked.some(({ url }) => url.endsWith('/proxy/healthz')),
  };
};

const splitAt = <T>(items: readonly T[], isSecond: (item: T) => boolean): [T[], T[]] => {
  const from = items.findIndex(isSecond);
  return from === -1 ? [[...items], []] : [items.slice(0, from), items.slice(from)];
};

/** Each form of an object is in the round after the one before it; namespaces go ahead of all, and Jobs find running what they are about. */
const roundsOf = (calls: readonly RecordedCall[]): RecordedCall[][] => {
  const rounds: RecordedCall[][] = [];
  const last = new Map<string, number>();
  for (const call of calls) {
    const key = objectOf(call);
    const round = (last.get(key) ?? (call.method === 'POST' && pathOf(call.url).endsWith('/jobs') ? 0 : -1)) + 1;
    last.set(key, round);
    rounds[round] = [...(rounds[round] ?? []), call];
  }
  return rounds.filter((round) => round !== undefined);
};

/** `settled`: between two rounds, what was sent must have come to rest. */
const sendRounds = async (api: Api, calls: readonly RecordedCall[], settled?: () => Promise<boolean>): Promise<void> => {
  const send = (some: RecordedCall[]) => Promise.all(some.map((call) => api.send(call)));
  for (const [number, round] of roundsOf(calls).entries()) {
    if (number > 0 && settled !== undefined) await until('what was written to run', settled);
    await send(round.filter(isNamespace));
    await send(round.filter((call) => !isNamespace(call)));
  }
};

/** Of all that was written and runs, every pod is ready and every Job has ended. */
const isSettled = async (api: Api, written: readonly RecordedCall[]): Promise<boolean> => {
  const collections = new Set(written.map(collectionOf).filter((path) => /\/(deployments|statefulsets|daemonsets|jobs)$/.test(path)));
  const found = (await Promise.all([...collections].map(api.list))).flat();
  return found.every((object) => {
    const [spec, status] = [at(object, 'spec'), at(object, 'status')];
    if (at(spec, 'backoffLimit') !== undefined) return at(status, 'conditions') !== undefined;
    const wanted = at(spec, 'replicas') ?? at(status, 'desiredNumberScheduled');
    return wanted !== undefined && wanted === (at(status, 'readyReplicas') ?? at(status, 'numberReady'));
  });
};

/** The certificates name an address, so the load balancer's earlier ones, which the seed's probe had, are given to somebody else first. */
const passAddresses = async (seed: Api, wanted: string): Promise<void> => {
  const earlier = Number(wanted.split('.').at(-1)) - 1;
  const url = '/api/v1/namespaces/default/services';
  for (let i = 1; i <= earlier; i += 1) {
    const spec = { type: 'LoadBalancer', selector: { app: 'none' }, ports: [{ port: 80 }] };
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: `earlier-${i}`, namespace: 'default' }, spec });
    await seed.send({ method: 'POST', url, headers: { 'content-type': 'application/json' }, body });
  }
  await until('addresses', async () => (await seed.list(url)).filter((s) => at(s, 'status', 'loadBalancer', 'ingress')).length === earlier);
};

export const accessOf = ({ seeds }: Handover): KubernetesAccess => parseKubeconfig(readFileSync(seeds[0]?.kubeconfigFile ?? '', 'utf8'));
const pathOf = (url: string): string => url.split('?')[0] ?? '';
const isReview = ({ url }: RecordedCall): boolean => /reviews(\?|$)/.test(url);
const isNamespace = ({ url }: RecordedCall): boolean => /^\/api\/v1\/namespaces\/[^/]+$/.test(pathOf(url));
const collectionOf = ({ method, url }: RecordedCall): string => (method === 'POST' ? pathOf(url) : pathOf(url).replace(/\/[^/]+$/, ''));
const objectOf = ({ method, url, body }: RecordedCall): string =>
  method === 'POST' ? `${pathOf(url)}/${at(parsed(body), 'metadata', 'name')}` : pathOf(url);

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

type Sent = Pick<RecordedCall, 'method' | 'url' | 'headers' | 'body'>;

interface Api {
  /** Rejects when it is refused. */
  send(call: Sent): Promise<void>;
  list(path: string): Promise<unknown[]>;
  isOk(path: string): Promise<boolean>;
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
    list: async (path) => {
      const { status, text } = await ask('GET', path);
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
      return (JSON.parse(text) as { items: unknown[] }).items;
    },
    isOk: async (path) => (await ask('GET', path)).status === 200,
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
