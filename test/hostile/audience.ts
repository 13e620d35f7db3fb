/** Subscribers to live lists of clusters, of many projects: those who read, those who do not, and what each was told. */
import { type Caller, dial, p99, type Streams } from './streams.ts';

const QUERY = 'subscription { clusters { cluster { name caCertificate } missed } }';

export interface Subscriber extends Caller {
  project: string;
  /** Number of the last change, by the cluster's name. */
  last: Map<string, number>;
  /** Of other projects. */
  strays: number;
  events: number;
  /** Milliseconds from each change until it was heard of. */
  waits: number[];
}

/** One who reads on, in the project and by the name given. */
const subscribe = async (streams: Streams, user: string, project: string): Promise<Subscriber> => {
  const told: Omit<Subscriber, keyof Caller> = { project, last: new Map(), strays: 0, events: 0, waits: [] };
  const caller = await dial(streams.url, `${user}@${project}`, ({ type, payload }) => {
    if (type !== 'next') return;
    const { cluster } = (payload as { data: { clusters: { cluster: { name: string; caCertificate: string } } } }).data.clusters;
    const [of = '', number, at] = cluster.caCertificate.trim().split(' ');
    told.events += 1;
    if (of !== project) told.strays += 1;
    told.last.set(cluster.name, Number(number));
    told.waits.push(Date.now() - Number(at));
  });
  caller.socket.send(JSON.stringify({ id: 'a', type: 'subscribe', payload: { query: QUERY } }));
  return Object.assign(told, caller);
};

/** As many as fifty of one user, which is what he may have. */
export const subscribeMany = (streams: Streams, kind: string, count: number, projects: number): Promise<Subscriber[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => subscribe(streams, `${kind}${Math.floor(i / projects / 50)}`, `p${i % projects}`)));

/** Of all that were told since, and forgets them. */
export const waitOf = (subscribers: readonly Subscriber[]): number => {
  const waits = subscribers.flatMap((subscriber) => subscriber.waits.splice(0)).sort((a, b) => a - b);
  return p99(waits);
};

/** What the API says of each cluster now, by its name. */
const stateOf = async (streams: Streams, project: string): Promise<Map<string, number>> => {
  const answer = await fetch(streams.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': `reader@${project}` },
    body: JSON.stringify({ query: '{ clusters { nodes { name caCertificate } } }' }),
  });
  const { data } = (await answer.json()) as { data: { clusters: { nodes: { name: string; caCertificate: string }[] } } };
  return new Map(data.clusters.nodes.map(({ name, caCertificate }) => [name, Number(caCertificate.split(' ')[1])]));
};

/**
 * Those whose last word is not the state, once they have had time to hear it. One who answered no ping meanwhile was cut off, and has to come back and
 * ask: his last word is not looked at.
 */
export const behind = async (streams: Streams, subscribers: readonly Subscriber[]): Promise<string[]> => {
  const wrong: string[] = [];
  const states = new Map<string, Map<string, number>>();
  for (const subscriber of subscribers) {
    const state = states.get(subscriber.project) ?? (await stateOf(streams, subscriber.project));
    states.set(subscriber.project, state);
    const isCurrent = () =>
      subscriber.socket.readyState !== subscriber.socket.OPEN || [...state].every(([name, number]) => subscriber.last.get(name) === number);
    for (let tries = 0; tries < 400 && !isCurrent(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 25));
    if (!isCurrent()) wrong.push(`${subscriber.project}: ${JSON.stringify([...subscriber.last])} and not ${JSON.stringify([...state])}`);
  }
  return wrong;
};
