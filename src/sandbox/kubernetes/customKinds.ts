/** Kinds that CustomResourceDefinitions bring to one cluster. */
import { CUSTOM_RESOURCE_DEFINITION, type Kind } from './kinds.ts';
import { dict, dicts, type KubeObject, spec, text, texts } from './objects.ts';

/** Stores keep objects by kind, so that the same words must always give the same kind. */
const known = new Map<string, Kind>();

const interned = (kind: Kind): Kind => {
  const key = JSON.stringify(kind);
  const found = known.get(key);
  if (found === undefined) known.set(key, kind);
  return found ?? kind;
};

/** One for each version that is served. */
export const kindsOfDefinition = (definition: KubeObject): Kind[] => {
  const names = dict(spec(definition).names);
  return dicts(spec(definition).versions)
    .filter((version) => version.served === true)
    .map((version) =>
      interned({
        group: text(spec(definition).group),
        version: text(version.name),
        kind: text(names.kind),
        plural: text(names.plural),
        singular: text(names.singular) || text(names.kind).toLowerCase(),
        namespaced: spec(definition).scope === 'Namespaced',
        shortNames: texts(names.shortNames),
        subresources: Object.keys(dict(version.subresources)),
        categories: texts(names.categories),
        virtual: false,
      }),
    );
};

interface Definitions {
  list(kind: Kind): KubeObject[];
}

export const customKinds = (store: Definitions): Kind[] => store.list(CUSTOM_RESOURCE_DEFINITION).flatMap(kindsOfDefinition);
