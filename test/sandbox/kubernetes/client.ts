/** A plain HTTPS client for tests, with the credentials of a kubeconfig or a token; it shares no code with the product's clients. */
import { Agent, request } from 'node:https';
import { parse } from 'yaml';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  body: Fields;
}

/** JSON of unknown shape, read by path. */
export type Fields = { [key: string]: unknown };

export interface Access {
  server: string;
  ca: string;
  cert?: string;
  key?: string;
  token?: string;
}

export interface Client {
  server: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  apply(path: string, object: Fields, options?: { manager?: string; force?: boolean }): Promise<Answer>;
  /** Collects watch events until `stop`. */
  watch(path: string): Promise<Watch>;
  close(): void;
}

export interface Watch {
  status: number;
  events: { type: string; object: Fields }[];
  /** Resolves once an event fits; rejects after five seconds. */
  until(fits: (event: { type: string; object: Fields }) => boolean): Promise<{ type: string; object: Fields }>;
  ended: Promise<void>;
  stop(): void;
}

export const at = (value: unknown, ...path: (string | number)[]): unknown =>
  path.reduce<unknown>((here, step) => (here === null || here === undefined ? undefined : (here as Fields)[step]), value);

export const accessOf = (kubeconfig: string): Access => {
  const config = parse(kubeconfig) as Fields;
  const decode = (value: unknown): string => Buffer.from(String(value), 'base64').toString();
  const cluster = at(config, 'clusters', 0, 'cluster') as Fields;
  const user = at(config, 'users', 0, 'user') as Fields;
  return {
    server: String(cluster.server),
    ca: decode(cluster['certificate-authority-data']),
    cert: decode(user['client-certificate-data']),
    key: decode(user['client-key-data']),
  };
};

export const until = async <T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 30_000,
): Promise<T> => {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const got = await ask();
    if (got !== undefined && got !== false) return got;
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
};

const parseLines = (onEvent: (event: { type: string; object: Fields }) => void): ((chunk: Buffer) => void) => {
  let rest = '';
  return (chunk) => {
    rest += chunk.toString();
    for (let i = rest.indexOf('\n'); i >= 0; i = rest.indexOf('\n')) {
      onEvent(JSON.parse(rest.slice(0, i)));
      rest = rest.slice(i + 1);
    }
  };
};

export const createClient = (access: Access): Client => {
  const agent = new Agent({
    keepAlive: true,
    ca: access.ca,
    ...(access.cert ? { cert: access.cert } : {}),
    ...(access.key ? { key: access.key } : {}),
  });
  const auth = access.token ? { Authorization: `Bearer ${access.token}` } : {};
  const open = (method: string, path: string, headers: Record<string, string>) =>
    request(new URL(path, access.server), { agent, method, headers: { Accept: 'application/json', ...auth, ...headers } });
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = open(method, path, { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers });
      sent.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (c: Buffer) => chunks.push(c));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            body: text.startsWith('{') ? JSON.parse(text) : {},
          });
        });
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
    });
  const watch = (path: string): Promise<Watch> =>
    new Promise((resolve, reject) => {
      const sent = open('GET', `${path}${path.includes('?') ? '&' : '?'}watch=true`, {});
      const events: Watch['events'] = [];
      sent.on('error', reject);
      sent.on('response', (response) => {
        response.on(
          'data',
          parseLines((e) => events.push(e)),
        );
        response.on('error', () => undefined);
        const ended = new Promise<void>((done) => response.on('close', () => done()));
        resolve({
          status: response.statusCode ?? 0,
          events,
          ended,
          stop: () => sent.destroy(),
          until: (fits) => until('a watch event', () => events.find(fits), 5000),
        });
      });
      sent.end();
    });
  return {
    server: access.server,
    call,
    apply: (path, object, options = {}) =>
      call('PATCH', `${path}?fieldManager=${options.manager ?? 'tester'}${options.force ? '&force=true' : ''}`, object, {
        'Content-Type': 'application/apply-patch+yaml',
      }),
    watch,
    close: () => agent.destroy(),
  };
};
