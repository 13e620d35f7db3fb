/**
 * Pods that carry snapshots: etcdctl, etcdutl and curl in containers that run one after the other. A snapshot has what the hosted cluster
 * has stored, and ends with its checksum as a real one does; curl makes real connections; an etcd beside the last containers is asked by them.
 */
import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { request as plainRequest } from 'node:http';
import { request } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Cluster } from '../cluster.ts';
import { PVC } from '../kinds.ts';
import { isConnectionAllowed } from '../networkPolicies.ts';
import { type Dict, dicts, type KubeObject, namespaceOf, spec, text, texts } from '../objects.ts';
import { dialEtcd, type EtcdRegistry, refusalOf } from './etcd.ts';
import { type ContainerFiles, containerFiles } from './podFiles.ts';
import { messageOf, type Process, type Verdict } from './process.ts';

/** What an etcd has: each key with its value, and how many writes there were. */
export interface EtcdContent {
  revision: number;
  rows: [string, unknown][];
}

export interface SnapshotDeps {
  seed: Cluster;
  registry: EtcdRegistry;
  contentOf: (dataId: string) => EtcdContent;
  fill: (dataId: string, content: EtcdContent) => void;
}

interface Pod {
  deps: SnapshotDeps;
  object: KubeObject;
  /** By volume and path, for as long as the pod is there. */
  files: Map<string, Buffer | EtcdContent>;
}

interface Container {
  name: string;
  words: string[];
  /** Runs beside the others until they have ended. */
  beside: boolean;
  files: ContainerFiles;
}

const PROGRAMS = /(^|\/)(etcdctl|etcdutl|curl)$/;
const CHECKSUM_BYTES = 32;

const containerOf = (seed: Cluster, pod: KubeObject, container: Dict): Container => ({
  name: text(container.name),
  words: [...texts(container.command), ...texts(container.args)],
  beside: container.restartPolicy === 'Always',
  files: containerFiles(seed, pod, container),
});

/** Undefined for a pod that runs something else. */
export const playSnapshotTask = (deps: SnapshotDeps, object: KubeObject): Process | undefined => {
  const [before, last] = (['initContainers', 'containers'] as const).map((list) =>
    dicts(spec(object)[list]).map((container) => containerOf(deps.seed, object, container)),
  );
  if (!before?.length || !last?.every(({ words }) => PROGRAMS.test(words[0] ?? ''))) return undefined;
  if (!before.some(({ words }) => PROGRAMS.test(words[0] ?? ''))) return undefined;
  const pod: Pod = { deps, object, files: new Map() };
  const containers: Extract<Verdict, { state: 'ended' }>['containers'] = {};
  let over = false;
  let stopped = false;
  const run = async (): Promise<void> => {
    for (const container of [...before, ...last]) {
      if (stopped) return;
      if (container.beside) continue;
      const ended = await runContainer(
        pod,
        container,
        before.find(({ beside }) => beside),
      );
      containers[container.name] = ended;
      // The next one of those that come first does not begin.
      if (ended.code !== 0 && before.includes(container)) return;
    }
  };
  void run().then(() => {
    over = true;
  });
  return {
    check: () => (over ? { state: 'ended', containers } : { state: 'waiting', log: 'its containers run' }),
    stop: () => {
      stopped = true;
    },
  };
};

const runContainer = async (pod: Pod, container: Container, etcd: Container | undefined): Promise<{ code: number; said: string }> => {
  try {
    const [program = '', ...words] = container.words;
    if (program.endsWith('curl')) return { code: 0, said: await curl(pod, container) };
    return { code: 0, said: program.endsWith('etcdutl') ? etcdutl(pod, container, words) : etcdctl(pod, container, words, etcd) };
  } catch (error) {
    return { code: 1, said: `Error: ${messageOf(error)}` };
  }
};

const placeOf = (files: ContainerFiles, path: string): string => {
  const volume = files.volumeAt(path);
  if (volume === undefined) throw new Error(`open ${path}: read-only file system`);
  return `${text(volume.name)}:${path}`;
};

const flagOf = (words: readonly string[], name: string): string | undefined =>
  words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);

const plainOf = (words: readonly string[]): string[] => words.filter((word) => !word.startsWith('--'));

const etcdctl = (pod: Pod, { files }: Container, words: string[], etcd: Container | undefined): string => {
  const [noun, verb, path = ''] = plainOf(words);
  const endpoint = flagOf(words, 'endpoints') ?? 'http://127.0.0.1:2379';
  if (endpoint === 'http://127.0.0.1:2379') return askBeside(pod, etcd, words);
  if (noun !== 'snapshot' || verb !== 'save') throw new Error(`unknown command "${noun} ${verb}" for "etcdctl"`);
  const read = (flag: string): string => files.read(flagOf(words, flag) ?? '') ?? '';
  const access = { caPem: read('cacert'), certPem: read('cert'), keyPem: read('key') };
  const { seed, registry, contentOf } = pod.deps;
  const member = dialEtcd(seed, registry, pod.object, endpoint, access);
  const refusal = refusalOf(registry, member);
  if (refusal !== undefined) throw new Error(refusal);
  pod.files.set(placeOf(files, path), write(contentOf(member.cluster.dataId)));
  return `Snapshot saved at ${path}\nServer version 3.6.0`;
};

/** The etcd that the pod itself runs. */
const askBeside = (pod: Pod, etcd: Container | undefined, words: readonly string[]): string => {
  const [noun, verb] = plainOf(words);
  const content = etcd && pod.files.get(placeOf(etcd.files, flagOf(etcd.words, 'data-dir') ?? ''));
  if (content === undefined || Buffer.isBuffer(content)) throw new Error('context deadline exceeded');
  const header = { cluster_id: 1, member_id: 1, revision: content.revision, raft_term: 2 };
  if (noun === 'endpoint' && verb === 'status')
    return JSON.stringify([{ Endpoint: 'http://127.0.0.1:2379', Status: { header, version: '3.6.8', dbSize: 20_480, leader: 1 } }]);
  if (noun === 'get' && words.includes('--count-only')) {
    if (flagOf(words, 'write-out') !== 'fields') throw new Error('--count-only is only for `--write-out=fields`');
    const { cluster_id, member_id, revision, raft_term } = header;
    const fields = {
      ClusterID: cluster_id,
      MemberID: member_id,
      Revision: revision,
      RaftTerm: raft_term,
      More: false,
      Count: content.rows.length,
    };
    return Object.entries(fields)
      .map(([name, value]) => `"${name}" : ${value}`)
      .join('\n');
  }
  throw new Error(`unknown command "${noun}" for "etcdctl"`);
};

const etcdutl = (pod: Pod, { files }: Container, words: string[]): string => {
  const [noun, verb, path = ''] = plainOf(words);
  const file = pod.files.get(placeOf(files, path));
  if (!Buffer.isBuffer(file)) throw new Error(`open ${path}: no such file or directory`);
  const content = read(file);
  if (noun === 'snapshot' && verb === 'status') {
    const { revision, rows } = content;
    return JSON.stringify({ hash: 1, revision, totalKey: rows.length, totalSize: file.length, version: '3.6.0' });
  }
  if (noun !== 'snapshot' || verb !== 'restore') throw new Error(`unknown command "${noun} ${verb}" for "etcdutl"`);
  const dataDir = flagOf(words, 'data-dir') ?? '';
  if (files.claimAt(dataDir) !== undefined) return restoreMember(pod, files, words, content);
  const place = placeOf(files, dataDir);
  if (pod.files.has(place)) throw new Error(`data-dir "${flagOf(words, 'data-dir')}" not empty or could not be read`);
  pod.files.set(place, content);
  return JSON.stringify({ level: 'info', msg: 'restored snapshot', path });
};

/** The data of a member on the volume that it will have. */
const restoreMember = ({ deps, object }: Pod, files: ContainerFiles, words: string[], content: EtcdContent): string => {
  const { seed, registry, fill } = deps;
  const namespace = namespaceOf(object);
  const claim = seed.store.get(PVC, namespace, files.claimAt(flagOf(words, 'data-dir') ?? '') ?? '');
  if (claim === undefined) throw new Error('mkdir /var/lib/etcd/data: no such device');
  const volume = claim.metadata.uid;
  if (registry.clusters.holds(volume)) throw new Error('data-dir "/var/lib/etcd/data" not empty or could not be read');
  const token = flagOf(words, 'initial-cluster-token') ?? 'etcd-cluster';
  const list = (flagOf(words, 'initial-cluster') ?? '')
    .split(',')
    .map((entry) => ({ name: entry.slice(0, entry.indexOf('=')), url: entry.slice(entry.indexOf('=') + 1) }));
  const name = flagOf(words, 'name') ?? 'default';
  if (!list.some((m) => m.name === name)) throw new Error(`couldn't find local name "${name}" in the initial cluster configuration`);
  const floor = content.revision + Number(flagOf(words, 'bump-revision') ?? 0);
  const made = registry.clusters.restore({ namespace, token, name, volume, state: 'new', list }, floor);
  if (made !== undefined) fill(made, content);
  return JSON.stringify({ level: 'info', msg: 'restored snapshot' });
};

const write = (content: EtcdContent): Buffer => {
  const body = Buffer.from(JSON.stringify(content));
  return Buffer.concat([body, createHash('sha256').update(body).digest()]);
};

const read = (file: Buffer): EtcdContent => {
  const body = file.subarray(0, -CHECKSUM_BYTES);
  const right = createHash('sha256').update(body).digest();
  if (!right.equals(file.subarray(-CHECKSUM_BYTES)))
    throw new Error(`expected sha256 [${[...file.subarray(-CHECKSUM_BYTES)].join(' ')}], got [${[...right].join(' ')}]`);
  return JSON.parse(body.toString()) as EtcdContent;
};

/** Of curl's configuration, what is read here: `name = "value"`, or a name alone. */
const readConfig = (config: string): { options: Map<string, string>; headers: [string, string][] } => {
  const options = new Map<string, string>();
  const headers: [string, string][] = [];
  for (const line of config.split('\n')) {
    const [, name, , quoted, bare] = /^([a-z-]+)(?:\s*=\s*("((?:[^"\\]|\\.)*)"|(\S+)))?$/.exec(line.trim()) ?? [];
    if (name === undefined) continue;
    const value = quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '';
    if (name === 'header') headers.push([value.slice(0, value.indexOf(':')), value.slice(value.indexOf(':') + 1).trim()]);
    else options.set(name, value);
  }
  return { options, headers };
};

const curl = async (pod: Pod, { files, words }: Container): Promise<string> => {
  const config = files.read(words[words.indexOf('--config') + 1] ?? '');
  if (config === undefined) throw new Error("curl: (26) cannot read config from 'curl.conf'");
  const { options, headers } = readConfig(config);
  const url = new URL(options.get('url') ?? '');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const address = await dialled(url, port, options.get('resolve'));
  if (!isConnectionAllowed(pod.deps.seed, { from: { pod: pod.object }, to: { address }, port }))
    throw new Error(`curl: (28) Failed to connect to ${url.hostname} port ${port}: Connection timed out`);
  const upload = options.get('upload-file');
  const body = upload === undefined ? undefined : pod.files.get(placeOf(files, upload));
  if (upload !== undefined && !Buffer.isBuffer(body)) throw new Error(`curl: (26) Failed to open ${upload}`);
  const answer = await send(url, {
    address,
    method: upload === undefined ? 'GET' : 'PUT',
    headers: Object.fromEntries(headers),
    ca: files.read(options.get('cacert') ?? ''),
    body: body as Buffer | undefined,
  });
  if (answer.status >= 400) throw new Error(`curl: (22) The requested URL returned error: ${answer.status}`);
  const output = options.get('output');
  if (output !== undefined) pod.files.set(placeOf(files, output), answer.body);
  return '';
};

/** The first address that `resolve = "host:port:address,…"` gives for it, else what its name stands for. */
const dialled = async (url: URL, port: number, pin: string | undefined): Promise<string> => {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0) return host;
  const start = `${host}:${port}:`;
  if (pin?.startsWith(start)) return (pin.slice(start.length).split(',')[0] ?? '').replace(/^\[(.*)\]$/, '$1');
  const found = await lookup(host).catch(() => undefined);
  if (found === undefined) throw new Error(`curl: (6) Could not resolve host: ${host}`);
  return found.address;
};

interface Sent {
  address: string;
  method: string;
  headers: Record<string, string>;
  ca: string | undefined;
  body: Buffer | undefined;
}

const send = (url: URL, { address, method, headers, ca, body }: Sent): Promise<{ status: number; body: Buffer }> =>
  new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const family = isIP(address);
    const pinned = (_host: string, { all }: { all?: boolean }, done: (error: null, found: unknown, family?: number) => void) =>
      all ? done(null, [{ address, family }]) : done(null, address, family);
    const open = url.protocol === 'https:' ? request : plainRequest;
    const call = open(
      url,
      { method, headers: { ...headers, ...length }, ca, agent: false, lookup: pinned as LookupFunction },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }));
        response.on('error', reject);
      },
    );
    call.on('error', (error) => reject(new Error(`curl: (7) ${error.message}`)));
    call.end(body);
  });
