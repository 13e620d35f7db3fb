/** A hand-made cloud on loopback: Keystone's login with a catalog, and whatever a test answers for the rest. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Cloud, type CloudFactory, type CloudSettings, type Credential, createCloudFactory } from '../../src/openstack/session.ts';

export interface Seen {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Answer =
  | { status?: number; headers?: Record<string, string>; body?: unknown; text?: string }
  | 'reset'
  | 'stall'
  | 'stallInBody';

export interface FakeCloud {
  origin: string;
  /** Everything but the logins, in order. */
  seen: Seen[];
  logins: Seen[];
  /** Answers of calls by 'METHOD /path'; a function gets the call and how often it came before. */
  on(route: string, answer: Answer | ((call: Seen, nth: number) => Answer)): void;
  /** What Keystone answers from now on, instead of tokens token-1, token-2 …; null: the token. */
  login: ((call: Seen, nth: number) => Answer | null) | null;
  /** The catalog as [type, URL] pairs, or full entries. */
  catalog: object[];
  tokenLifetimeMs: number;
  now: number;
  factory: CloudFactory;
  open(credential?: Credential): Cloud;
  calls: { service: string; method: string; status: number; ms: number }[];
  close(): Promise<void>;
}

export const password: Credential = {
  kind: 'password',
  username: 'demo',
  password: 'hunter2-hunter2',
  userDomainName: 'Default',
  projectName: 'demo',
  projectDomainName: 'Default',
};

export const entry = (type: string, url: string, iface = 'public', region = 'R1'): object => ({
  type,
  endpoints: [{ interface: iface, region_id: region, region, url }],
});

export const startFakeCloud = async (settings: Partial<CloudSettings> = {}): Promise<FakeCloud> => {
  const routes = new Map<string, Answer | ((call: Seen, nth: number) => Answer)>();
  const counts = new Map<string, number>();
  const server = createServer((req, res) => void handle(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = { now: () => cloud.now };
  const calls: FakeCloud['calls'] = [];
  const factory = createCloudFactory({
    settings: { authUrl: `${origin}/identity`, region: null, interface: 'public', caPem: null, timeoutMs: 1_500, ...settings },
    clock,
    onCall: (call) => calls.push(call),
  });
  const cloud: FakeCloud = {
    origin,
    seen: [],
    logins: [],
    on: (route, answer) => void routes.set(route, answer),
    login: null,
    catalog: [
      entry('compute', `${origin}/compute/v2.1`),
      entry('network', `${origin}/network`),
      entry('image', `${origin}/image`),
      entry('volumev3', `${origin}/volume/v3/p1`),
      entry('load-balancer', `${origin}/lb`),
    ],
    tokenLifetimeMs: 3_600_000,
    now: Date.parse('2026-01-01T00:00:00Z'),
    factory,
    open: (credential = password) => factory.open(credential),
    calls,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await factory.close();
    },
  };
  cloud.on('GET /compute/v2.1/', { body: { version: { id: 'v2.1', version: '2.93', min_version: '2.1' } } });
  cloud.on('GET /volume/v3/', { body: { versions: [{ id: 'v3.0', version: '3.70', min_version: '3.0' }] } });

  const answerOf = (call: Seen): Answer => {
    const route = `${call.method} ${call.path}`;
    const nth = counts.get(route) ?? 0;
    counts.set(route, nth + 1);
    if (route === 'POST /identity/v3/auth/tokens') {
      cloud.logins.push(call);
      return cloud.login?.(call, nth) ?? tokenAnswer(cloud, `token-${nth + 1}`);
    }
    cloud.seen.push(call);
    const answer = routes.get(route) ?? { status: 404, body: { error: { message: `no route ${route}` } } };
    return typeof answer === 'function' ? answer(call, nth) : answer;
  };

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const url = new URL(req.url ?? '/', origin);
    const call = {
      method: req.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: req.headers,
      body: Buffer.concat(chunks).toString(),
    };
    const answer = answerOf(call);
    if (answer === 'reset') return void req.socket.resetAndDestroy();
    if (answer === 'stall') return;
    if (answer === 'stallInBody') return void res.writeHead(200, { 'content-length': '100' }).write('{');
    const text = answer.text ?? (answer.body === undefined ? '' : JSON.stringify(answer.body));
    res
      .writeHead(answer.status ?? 200, { 'content-type': 'application/json', 'x-openstack-request-id': 'req-1', ...answer.headers })
      .end(text);
  };
  return cloud;
};

export const tokenBody = (cloud: FakeCloud): object => ({
  token: {
    methods: ['password'],
    issued_at: new Date(cloud.now).toISOString(),
    expires_at: new Date(cloud.now + cloud.tokenLifetimeMs).toISOString(),
    user: { id: 'u1', name: 'demo', domain: { id: 'default', name: 'Default' } },
    project: { id: 'p1', name: 'demo', domain: { id: 'default', name: 'Default' } },
    roles: [{ id: 'r1', name: 'member' }],
    catalog: cloud.catalog,
  },
});

export const tokenAnswer = (cloud: FakeCloud, token: string): Answer => ({
  status: 201,
  headers: { 'x-subject-token': token },
  body: tokenBody(cloud),
});

/** The error a call ends with; fails when it ends well. */
export const failing = async (call: Promise<unknown>): Promise<unknown> => {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('The call should have failed');
};
