/**
 * How often fields of a document meet: validation holds each field against every other that stands under the same name at the same place,
 * so that n of them cost n² (CVE-2023-26144 is of this family). Counted before anything is validated.
 */
import { type DocumentNode, type FragmentDefinitionNode, Kind, type SelectionSetNode } from 'graphql';

/** A view made of 30 parts that each ask for the same five fields of an object has 2,400; ten thousand are held against each other in 10 ms. */
export const MAX_MEETINGS = 10_000;

interface Count {
  fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  maxDepth: number;
  left: number;
}

/** True when there are more than MAX_MEETINGS. Looks no deeper than `maxDepth` levels, which also ends fragments in a ring. */
export const meetsTooOften = (
  document: DocumentNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  maxDepth: number,
): boolean => {
  const count: Count = { fragments, maxDepth, left: MAX_MEETINGS };
  for (const definition of document.definitions)
    if (definition.kind === Kind.OPERATION_DEFINITION || definition.kind === Kind.FRAGMENT_DEFINITION)
      countPlace(count, [definition.selectionSet], 1);
  return count.left < 0;
};

/** All sets that are merged into one when the document is run. */
const countPlace = (count: Count, sets: readonly SelectionSetNode[], depth: number): void => {
  if (depth > count.maxDepth) return;
  const met: Place = { times: new Map(), inner: new Map(), spread: new Set() };
  for (const set of sets) gather(count, met, set);
  for (const inner of met.inner.values()) {
    if (count.left < 0) return;
    countPlace(count, inner, depth + 1);
  }
};

interface Place {
  /** By the name in the answer. */
  times: Map<string, number>;
  inner: Map<string, SelectionSetNode[]>;
  /** Fragments count once at a place. */
  spread: Set<string>;
}

const gather = (count: Count, place: Place, set: SelectionSetNode): void => {
  for (const selection of set.selections) {
    if (count.left < 0) return;
    if (selection.kind === Kind.FIELD) {
      const name = selection.alias?.value ?? selection.name.value;
      const times = (place.times.get(name) ?? 0) + 1;
      place.times.set(name, times);
      count.left -= times;
      if (selection.selectionSet !== undefined) innerOf(place, name).push(selection.selectionSet);
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      gather(count, place, selection.selectionSet);
    } else if (!place.spread.has(selection.name.value)) {
      place.spread.add(selection.name.value);
      const fragment = count.fragments.get(selection.name.value);
      if (fragment !== undefined) gather(count, place, fragment.selectionSet);
    }
  }
};

const innerOf = ({ inner }: Place, name: string): SelectionSetNode[] => {
  const known = inner.get(name);
  if (known !== undefined) return known;
  const made: SelectionSetNode[] = [];
  inner.set(name, made);
  return made;
};
