/** Plain objects in plain objects: merged, walked and read by path. Arrays and null are values like any other. */

export type DeepPartial<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T;

const isTree = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object' && !Array.isArray(value);

/** `base` with what `change` says otherwise; fields of `change` that are undefined say nothing. */
export const mergeTrees = <T extends object>(base: T, change: DeepPartial<NoInfer<T>> | undefined): T => merge(base, change ?? {}) as T;

const merge = (base: object, change: object): Record<string, unknown> => {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const under = merged[key];
    if (value !== undefined) merged[key] = isTree(value) && isTree(under) ? merge(under, value) : value;
  }
  return merged;
};

/** Each value with the path that leads to it, joined by dots; an empty object has no values. */
export const leavesOf = (tree: unknown, path = ''): [path: string, value: unknown][] =>
  isTree(tree)
    ? Object.entries(tree).flatMap(([key, value]) => leavesOf(value, path === '' ? key : `${path}.${key}`))
    : tree === undefined
      ? []
      : [[path, tree]];

/** The tree that has just these values at these paths: the opposite of `leavesOf`. */
export const treeOf = (leaves: readonly (readonly [path: string, value: unknown])[]): object => {
  const tree: Record<string, unknown> = {};
  for (const [path, value] of leaves) {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    let under = tree;
    for (const key of keys) {
      const next = isTree(under[key]) ? under[key] : {};
      under[key] = next;
      under = next;
    }
    under[last] = value;
  }
  return tree;
};

/** The value at a path of keys joined by dots; undefined where it leads nowhere. */
export const valueAt = (tree: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (isTree(value) && Object.hasOwn(value, key) ? value[key] : undefined), tree);
