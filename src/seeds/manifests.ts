/** Reads manifests as kubectl would, from YAML of many documents, and refuses what only a trick needs. */
import { MAX_MANIFEST_KIB, MAX_OBJECTS, type Manifest, nameOfObject } from '../domain/addonBundle.ts';
import { UserError } from '../domain/errors.ts';
import type { Json } from '../lib/json.ts';
import { readStrictYaml } from '../lib/strictYaml.ts';
import { findResource, groupOf } from './kinds.ts';

const refused = (message: string, line = 0): UserError =>
  new UserError('INVALID_INPUT', `The manifests ${message}${line > 0 ? ` (line ${line})` : ''}.`, { field: ['manifests'] });

/** Objects in the order of the text; lists are taken apart. @throws UserError INVALID_INPUT that says where, and what to do. */
export const parseManifests = (text: string): Manifest[] => {
  const objects = read(text).flatMap((value, i) => flatten(value, `Manifest ${i + 1}`));
  if (objects.length === 0) throw refused('hold no object; give at least one');
  if (objects.length > MAX_OBJECTS) throw refused(`hold ${objects.length} objects; at most ${MAX_OBJECTS} are allowed`);
  checkKinds(objects);
  return objects;
};

const read = (text: string): Json[] => {
  if (Buffer.byteLength(text, 'utf8') > MAX_MANIFEST_KIB * 1024)
    throw refused(`are larger than ${MAX_MANIFEST_KIB} KiB; make two bundles of them, or take comments and descriptions out`);
  return readStrictYaml(text, { refuse: refused, odd: 'take' });
};

const isObject = (value: unknown): value is { [key: string]: Json } => value !== null && typeof value === 'object' && !Array.isArray(value);

const flatten = (value: Json, where: string): Manifest[] => {
  const wrong = (message: string) => new UserError('INVALID_INPUT', `${where} ${message}.`, { field: ['manifests'] });
  if (!isObject(value)) throw wrong('is no object; it must have apiVersion, kind and metadata');
  const { apiVersion, kind, metadata, items } = value;
  if (typeof apiVersion !== 'string' || !/^(?:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?\/)?v\d[a-z0-9]{0,20}$/.test(apiVersion))
    throw wrong('has no apiVersion such as apps/v1');
  if (typeof kind !== 'string' || !/^[A-Z][A-Za-z0-9]{0,62}$/.test(kind)) throw wrong('has no kind such as Deployment');
  if (kind.endsWith('List') && Array.isArray(items)) return items.flatMap((item, i) => flatten(item, `${where}, item ${i + 1},`));
  if (!isObject(metadata) || typeof metadata.name !== 'string' || metadata.name === '')
    throw wrong(`(${kind}) has no metadata.name; generateName is not taken`);
  const { namespace, labels, annotations, creationTimestamp: _, ...rest } = metadata;
  if (namespace != null && (typeof namespace !== 'string' || namespace === '')) throw wrong(`(${kind}) has a namespace that is not text`);
  for (const map of [labels, annotations])
    if (map != null && (!isObject(map) || Object.values(map).some((one) => typeof one !== 'string')))
      throw wrong(`(${kind} ${metadata.name}) has labels or annotations that are not text; put them in quotes`);
  const { status: _status, ...body } = value;
  return [
    {
      ...body,
      apiVersion,
      kind,
      metadata: {
        ...rest,
        name: metadata.name,
        ...(namespace != null && { namespace }),
        ...(labels != null && { labels: labels as Record<string, string> }),
        ...(annotations != null && { annotations }),
      },
    },
  ];
};

/** Groups that every cluster serves, and whose kinds are all known. Others of k8s.io come by definitions, as gateway.networking.k8s.io does. */
const isOfKubernetes = (group: string): boolean =>
  !group.includes('.') || /^(?:[a-z]+|rbac\.authorization|(?:flowcontrol|internal)\.apiserver)\.k8s\.io$/.test(group);

const checkKinds = (objects: readonly Manifest[]): void => {
  const own = new Map(objects.flatMap(definedBy));
  for (const object of objects) {
    const { apiVersion, kind, metadata } = object;
    const wrong = (message: string) => new UserError('INVALID_INPUT', `${nameOfObject(object)}: ${message}.`, { field: ['manifests'] });
    const namespaced = findResource(object)?.namespaced ?? own.get(`${apiVersion}/${kind}`);
    if (namespaced === undefined && isOfKubernetes(groupOf(apiVersion)))
      throw wrong(
        `${apiVersion} has no kind ${kind} that Seedbed can keep; look at the spelling, and use a version that all offered releases serve`,
      );
    if (namespaced === true && metadata.namespace === undefined) throw wrong('It needs metadata.namespace');
    if (namespaced === false && metadata.namespace !== undefined) throw wrong('It is for the whole cluster; leave metadata.namespace out');
  }
};

/** Kinds that a CustomResourceDefinition brings, and whether they lie in namespaces. */
const definedBy = ({ kind, spec }: Manifest): [string, boolean][] => {
  if (kind !== 'CustomResourceDefinition' || !isObject(spec) || !isObject(spec.names) || !Array.isArray(spec.versions)) return [];
  const { group, names, scope, versions } = spec;
  return versions
    .filter(isObject)
    .filter(({ served }) => served === true)
    .map(({ name }): [string, boolean] => [`${String(group)}/${String(name)}/${String(names.kind)}`, scope === 'Namespaced']);
};
