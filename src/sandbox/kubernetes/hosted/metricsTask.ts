/** Pods in which curl alone reads the metrics of etcd members, as the real one does: over TLS with the client's certificate, and within policies. */
import type { Cluster } from '../cluster.ts';
import { type Dict, dicts, type KubeObject, spec, text, texts } from '../objects.ts';
import { dialEtcd, type EtcdRegistry } from './etcd.ts';
import { containerFiles } from './podFiles.ts';
import { messageOf, type Process } from './process.ts';

export interface MetricsDeps {
  seed: Cluster;
  registry: EtcdRegistry;
}

/** Of curl's options, those that are read here, and whether a word follows. */
const OPTIONS: Record<string, boolean> = {
  '--silent': false,
  '--show-error': false,
  '--fail': false,
  '--max-time': true,
  '--max-filesize': true,
  '--cacert': true,
  '--cert': true,
  '--key': true,
};

interface Words {
  url: string | undefined;
  options: Map<string, string>;
}

/** curl takes a long option's value as the next word, and not after a "=". */
const parseWords = (words: readonly string[]): Words => {
  const options = new Map<string, string>();
  let url: string | undefined;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? '';
    if (!word.startsWith('-')) url = word;
    else if (OPTIONS[word] === undefined) throw new Error(`curl: option ${word}: is unknown`);
    else {
      options.set(word, OPTIONS[word] ? (words[i + 1] ?? '') : '');
      i += OPTIONS[word] ? 1 : 0;
    }
  }
  return { url, options };
};

const curl = ({ seed, registry }: MetricsDeps, pod: KubeObject, container: Dict): string => {
  const { url, options } = parseWords([...texts(container.command), ...texts(container.args)].slice(1));
  const files = containerFiles(seed, pod, container);
  const read = (option: string): string => files.read(options.get(option) ?? '') ?? '';
  if (url === undefined || !URL.canParse(url)) throw new Error('curl: (2) no URL specified');
  const member = dialEtcd(seed, registry, pod, url, { caPem: read('--cacert'), certPem: read('--cert'), keyPem: read('--key') });
  if (new URL(url).pathname !== '/metrics') throw new Error('curl: (22) The requested URL returned error: 404');
  return member.disk.text();
};

/** Undefined for a pod that runs something else. */
export const playMetricsTask = (deps: MetricsDeps, pod: KubeObject): Process | undefined => {
  const containers = dicts(spec(pod).containers);
  const isCurl = (container: Dict): boolean => [...texts(container.command), ...texts(container.args)][0] === 'curl';
  if (dicts(spec(pod).initContainers).length > 0 || !containers.every(isCurl)) return undefined;
  const run = (container: Dict): { code: number; said: string } => {
    try {
      return { code: 0, said: curl(deps, pod, container) };
    } catch (error) {
      return { code: 1, said: messageOf(error) };
    }
  };
  return {
    check: () => ({ state: 'ended', containers: Object.fromEntries(containers.map((c) => [text(c.name), run(c)])) }),
    stop: () => undefined,
  };
};
