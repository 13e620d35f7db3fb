/** Which control plane program a container runs and with which flags; wrong ones end it as they would end the real program. */

import type { Cluster } from '../cluster.ts';
import { KNOWN_FLAGS } from '../knownFlags.ts';
import { at, type Dict, dict, dicts, type KubeObject, namespaceOf, spec, status, text, texts } from '../objects.ts';
import { type ContainerFiles, containerFiles, keyValue } from './podFiles.ts';

export type Program =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'proxy-server'
  | 'proxy-agent'
  | 'openstack-cloud-controller-manager'
  | 'k8s-keystone-auth'
  | 'cluster-autoscaler';

export interface CommandLine {
  program: Program;
  pod: KubeObject;
  container: string;
  files: ContainerFiles;
  /** A flag's value; undefined when it was not given. The last one counts. */
  flag(name: string): string | undefined;
  flags: ReadonlyMap<string, string>;
}

const environmentOf = (cluster: Cluster, pod: KubeObject, container: Dict): Map<string, string> => {
  const fields: Record<string, string> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': namespaceOf(pod),
    'status.podIP': text(status(pod).podIP),
    'spec.nodeName': text(spec(pod).nodeName),
    'metadata.uid': pod.metadata.uid,
  };
  const taken = (from: Dict): string | undefined => fields[text(at(from, 'fieldRef', 'fieldPath'))] ?? keyValue(cluster, pod, from);
  return new Map(dicts(container.env).map((e) => [text(e.name), text(e.value) || (taken(dict(e.valueFrom)) ?? '')]));
};

const parseFlags = (words: string[]): Map<string, string> => {
  const flags = new Map<string, string>();
  for (let i = 0; i < words.length; i += 1) {
    const [, name, , value] = /^--?([a-zA-Z0-9-]+)(=([\s\S]*))?$/.exec(words[i] ?? '') ?? [];
    if (name === undefined) continue;
    const next = words[i + 1];
    if (value === undefined && next !== undefined && !next.startsWith('-')) {
      flags.set(name, next);
      i += 1;
    } else flags.set(name, value ?? 'true');
  }
  return flags;
};

/** etcd takes what is no flag of the command line from the environment. */
const readFromEnvironment = (flags: Map<string, string>, environment: ReadonlyMap<string, string>): void => {
  for (const [variable, value] of environment) {
    const flag = variable
      .replace(/^ETCD_/, '')
      .toLowerCase()
      .replaceAll('_', '-');
    if (variable.startsWith('ETCD_') && KNOWN_FLAGS.etcd?.has(flag) && !flags.has(flag)) flags.set(flag, value);
  }
};

/** The first container of the pod that runs a control plane program, or the named one; undefined for every other pod. */
export const parseCommandLine = (cluster: Cluster, pod: KubeObject, program?: Program): CommandLine | undefined => {
  for (const container of dicts(spec(pod).containers)) {
    const words = [...texts(container.command), ...texts(container.args)];
    const name = words[0]?.slice((words[0]?.lastIndexOf('/') ?? -1) + 1) ?? '';
    if (program === undefined ? !(name in KNOWN_FLAGS) : name !== program) continue;
    const environment = environmentOf(cluster, pod, container);
    const expand = (word: string): string =>
      word.replace(/\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (all, variable: string) => environment.get(variable) ?? all);
    const flags = parseFlags(words.slice(1).map(expand));
    if (name === 'etcd') readFromEnvironment(flags, environment);
    return {
      program: name as Program,
      pod,
      container: text(container.name),
      files: containerFiles(cluster, pod, container),
      flags,
      flag: (f) => flags.get(f),
    };
  }
  return undefined;
};

/** By the tag of the image. */
export const versionOf = ({ pod, container }: CommandLine): string => {
  const own = dicts(dict(pod.spec).containers).find((c) => c.name === container);
  return /:(v\d+\.\d+\.\d+[^@]*)/.exec(text(own?.image))?.[1] ?? 'v1.36.0';
};

const isFileFlag = (name: string): boolean =>
  /(-file|-cafile|-certfile|-keyfile|kubeconfig|kubelet-client-certificate|kubelet-client-key|cluster-cert|cluster-key|-config|-config-file)$/.test(
    name,
  ) && name !== 'audit-webhook-config-file';

/** Throws what the program says about flags it does not know and files it cannot open. */
export const checkCommandLine = (line: CommandLine): void => {
  const unknown = [...line.flags.keys()].find((f) => !KNOWN_FLAGS[line.program]?.has(f));
  if (unknown)
    throw new Error(
      line.program === 'etcd'
        ? `error verifying flags, flag provided but not defined: -${unknown}. See 'etcd --help'.`
        : `Error: unknown flag: --${unknown}`,
    );
  for (const [name, value] of line.flags) {
    if (isFileFlag(name) && value.startsWith('/') && line.files.read(value) === undefined)
      throw new Error(`open ${value}: no such file or directory (--${name})`);
  }
};

/** The content behind a file flag. Throws when the flag is missing. */
export const fileOf = (line: CommandLine, flag: string): string => {
  const path = line.flag(flag);
  const content = path === undefined ? undefined : line.files.read(path);
  if (content === undefined)
    throw new Error(path === undefined ? `--${flag} must be specified` : `open ${path}: no such file or directory (--${flag})`);
  return content;
};
