/** Customers who read and write all the time through the public address, with a record of what they were told. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';

export interface LoopRecord {
  /** Writes that the API acknowledged. */
  written: string[];
  /** Requests that were refused, cut off or not answered, by the time since the start at which they were sent. */
  errors: { atMs: number; what: string }[];
  /** From the first of a row of requests that failed to the next that did not, by the times at which they were sent. */
  longestRefusalMs: number;
}

export interface Loop {
  /** Begins a new record; the keys stay. */
  reset(): Promise<void>;
  /** What became of all that was sent since the last reset. */
  record(): Promise<LoopRecord>;
  /** From now on with another kubeconfig. */
  use(kubeconfigPath: string): void;
  /** Ends the loop and gives the keys that the API acknowledged and does not have. */
  stop(): Promise<string[]>;
}

interface Access {
  server: string;
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
}

const accessOf = (kubeconfigPath: string): Access => {
  const { clusters, users } = parse(readFileSync(kubeconfigPath, 'utf8')) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const [cluster, user] = [clusters[0]?.cluster ?? {}, users[0]?.user ?? {}];
  const bytes = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');
  return {
    server: cluster.server ?? '',
    ca: bytes(cluster['certificate-authority-data']),
    cert: bytes(user['client-certificate-data']),
    key: bytes(user['client-key-data']),
  };
};

/** A connection for each request: whoever does not listen is met at once. */
const call = ({ server, ...tls }: Access, method: string, path: string, body?: object): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    const sent = request(
      new URL(path, server),
      { ...tls, method, agent: false, timeout: 15_000, headers: body === undefined ? {} : { 'content-type': 'application/json' } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer in 15 s')));
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const LABEL = 'read-write-loop';

const EVERY_MS = 150;

interface Sent {
  kind: 'read' | 'write';
  atMs: number;
  /** undefined: it went well. */
  fault: string | undefined;
}

/** The longest row of failures of a kind. One that nothing follows is still going on. */
const longestRefusal = (sent: readonly Sent[], nowMs: number): number => {
  let [longest, began] = [0, -1];
  for (const { atMs, fault } of sent) {
    if (fault !== undefined && began < 0) began = atMs;
    if (fault === undefined && began >= 0) [longest, began] = [Math.max(longest, atMs - began), -1];
  }
  return began < 0 ? longest : Math.max(longest, nowMs - began);
};

/** Sends a write, and a read of the key that was acknowledged last, every 150 ms, as many customers do that do not wait for each other. */
export const startLoop = (kubeconfigPath: string): Loop => {
  let access = accessOf(kubeconfigPath);
  const startedAt = Date.now();
  const written: string[] = [];
  const inFlight = new Set<Promise<void>>();
  let sent: Sent[] = [];
  let running = true;
  let number = 0;

  const send = (kind: Sent['kind'], good: number, work: Promise<{ status: number; body: string }>, onGood: () => void): void => {
    const entry: Sent = { kind, atMs: Date.now() - startedAt, fault: undefined };
    sent.push(entry);
    const end = work
      .then(({ status, body }) => {
        if (status === good) onGood();
        else entry.fault = `${status} ${body.slice(0, 300)}`;
      })
      .catch((error: unknown) => {
        entry.fault = error instanceof Error ? error.message : String(error);
      })
      .finally(() => inFlight.delete(end));
    inFlight.add(end);
  };
  const write = (): void => {
    const name = `${LABEL}-${number++}`;
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { [LABEL]: 'true' } }, data: { name } };
    send('write', 201, call(access, 'POST', CONFIG_MAPS, object), () => written.push(name));
  };
  const read = (): void => {
    const last = written.at(-1);
    if (last !== undefined) send('read', 200, call(access, 'GET', `${CONFIG_MAPS}/${last}`), () => {});
  };
  const loop = (async () => {
    while (running) {
      write();
      read();
      await sleep(EVERY_MS);
    }
  })();
  const answered = async (): Promise<void> => {
    await Promise.all([...inFlight]);
  };

  return {
    async reset() {
      await answered();
      sent = [];
    },
    async record() {
      const now = Date.now() - startedAt;
      const all = [...sent];
      await answered();
      const of = (kind: Sent['kind']): Sent[] => all.filter((entry) => entry.kind === kind);
      return {
        written: [...written],
        errors: all.flatMap(({ kind, atMs, fault }) => (fault === undefined ? [] : [{ atMs, what: `${kind}: ${fault}` }])),
        longestRefusalMs: Math.max(longestRefusal(of('read'), now), longestRefusal(of('write'), now)),
      };
    },
    use(path) {
      access = accessOf(path);
    },
    async stop() {
      running = false;
      await loop;
      await answered();
      const { body } = await call(access, 'GET', `${CONFIG_MAPS}?labelSelector=${LABEL}`);
      const there = new Set((JSON.parse(body) as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name));
      return written.filter((name) => !there.has(name));
    },
  };
};
