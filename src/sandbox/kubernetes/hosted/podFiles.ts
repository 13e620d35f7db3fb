/** What a pod's containers find in their files: Secrets and ConfigMaps behind volume mounts. */
import type { Cluster } from '../cluster.ts';
import { CONFIG_MAP, SECRET } from '../kinds.ts';
import { array, at, type Dict, dict, dicts, type KubeObject, namespaceOf, spec, text } from '../objects.ts';

type Content = Map<string, string>;

const dataOf = (cluster: Cluster, pod: KubeObject, source: Dict, kind: 'secret' | 'configMap'): Content | undefined => {
  const name = text(source.secretName) || text(source.name);
  const object = cluster.store.get(kind === 'secret' ? SECRET : CONFIG_MAP, namespaceOf(pod), name);
  if (!object) return undefined;
  const decode = (v: unknown): string => (kind === 'secret' ? Buffer.from(text(v), 'base64').toString() : text(v));
  return new Map(Object.entries(dict(object.data)).map(([k, v]) => [k, decode(v)]));
};

const withItems = (content: Content, items: unknown): Content => {
  if (array(items).length === 0) return content;
  return new Map(dicts(items).flatMap((i) => (content.has(text(i.key)) ? [[text(i.path), content.get(text(i.key)) ?? '']] : [])));
};

const sourcesOf = (volume: Dict): { kind: 'secret' | 'configMap'; source: Dict }[] => {
  const sources = [volume, ...dicts(at(volume, 'projected', 'sources'))];
  return sources.flatMap((s) =>
    (['secret', 'configMap'] as const).flatMap((kind) => (s[kind] === undefined ? [] : [{ kind, source: dict(s[kind]) }])),
  );
};

/** The kubelet's complaint about the first thing a pod mounts or reads that is not there; undefined when all is. */
export const missingMount = (cluster: Cluster, pod: KubeObject): string | undefined => {
  for (const volume of dicts(spec(pod).volumes)) {
    for (const { kind, source } of sourcesOf(volume)) {
      const name = text(source.secretName) || text(source.name);
      const content = dataOf(cluster, pod, source, kind);
      const failed = `MountVolume.SetUp failed for volume "${text(volume.name)}" : `;
      if (source.optional === true) continue;
      if (!content) return `${failed}${kind.toLowerCase()} "${name}" not found`;
      const absent = dicts(source.items).find((i) => !content.has(text(i.key)));
      if (absent) return `${failed}references non-existent ${kind === 'secret' ? 'secret' : 'config'} key: ${text(absent.key)}`;
    }
  }
  return undefined;
};

/** The value that an environment variable takes from a Secret's or ConfigMap's key; undefined when it takes none. */
export const keyValue = (cluster: Cluster, pod: KubeObject, from: Dict): string | undefined => {
  for (const kind of ['secret', 'configMap'] as const) {
    const ref = dict(from[`${kind}KeyRef`]);
    if (text(ref.name) !== '') return dataOf(cluster, pod, ref, kind)?.get(text(ref.key));
  }
  return undefined;
};

/** The same for environment variables; the pod then waits in CreateContainerConfigError. */
export const missingEnvironment = (cluster: Cluster, pod: KubeObject): string | undefined => {
  const containers = [...dicts(spec(pod).containers), ...dicts(spec(pod).initContainers)];
  const refs = containers.flatMap((c) => [
    ...dicts(c.env).flatMap((e) => [
      ['secret', dict(at(e, 'valueFrom', 'secretKeyRef'))] as const,
      ['configMap', dict(at(e, 'valueFrom', 'configMapKeyRef'))] as const,
    ]),
    ...dicts(c.envFrom).flatMap((e) => [['secret', dict(e.secretRef)] as const, ['configMap', dict(e.configMapRef)] as const]),
  ]);
  for (const [kind, ref] of refs) {
    if (text(ref.name) === '' || ref.optional === true) continue;
    const content = dataOf(cluster, pod, ref, kind);
    if (!content) return `${kind.toLowerCase()} "${text(ref.name)}" not found`;
    if (text(ref.key) && !content.has(text(ref.key)))
      return `couldn't find key ${text(ref.key)} in ${kind === 'secret' ? 'Secret' : 'ConfigMap'} ${namespaceOf(pod)}/${text(ref.name)}`;
  }
  return undefined;
};

export interface ContainerFiles {
  /** The content of a file that a Secret or ConfigMap puts there; undefined when there is none. */
  read(path: string): string | undefined;
  /** The volume that is mounted over a path. */
  volumeAt(path: string): Dict | undefined;
  /** The name of the claim whose volume holds a path; undefined when no claim does. */
  claimAt(path: string): string | undefined;
}

const isUnder = (path: string, folder: string): boolean => path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);

/** Reads lazily, so that a restarted container sees what the Secret holds by then. */
export const containerFiles = (cluster: Cluster, pod: KubeObject, container: Dict): ContainerFiles => {
  const volumes = new Map(dicts(spec(pod).volumes).map((v) => [text(v.name), v]));
  const mounts = dicts(container.volumeMounts).toSorted((a, b) => text(b.mountPath).length - text(a.mountPath).length);
  const mountAt = (path: string): { volume: Dict; rest: string } | undefined => {
    const mount = mounts.find((m) => isUnder(path, text(m.mountPath)));
    const volume = mount && volumes.get(text(mount.name));
    if (!mount || !volume) return undefined;
    const below = path.slice(text(mount.mountPath).length).replace(/^\//, '');
    const subPath = text(mount.subPath);
    return { volume, rest: subPath ? (below ? `${subPath}/${below}` : subPath) : below };
  };
  return {
    read(path) {
      const found = mountAt(path);
      if (!found) return undefined;
      for (const { kind, source } of sourcesOf(found.volume)) {
        const content = dataOf(cluster, pod, source, kind);
        const value = content && withItems(content, source.items).get(found.rest);
        if (value !== undefined) return value;
      }
      return undefined;
    },
    volumeAt: (path) => mountAt(path)?.volume,
    claimAt: (path) => text(at(mountAt(path)?.volume, 'persistentVolumeClaim', 'claimName')) || undefined,
  };
};
