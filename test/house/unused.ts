/** Dead code: files that nothing reaches, exports that nobody imports, dependencies that nobody uses or that nobody declared. */
import { packageOf, readExports, readImports, resolveRelative, type Sources } from './sources.ts';

export interface Manifest {
  dependencies: Readonly<Record<string, string>>;
  devDependencies: Readonly<Record<string, string>>;
  scripts: Readonly<Record<string, string>>;
  /** Programs that each installed package brings, as a script would call them. */
  programs: Readonly<Record<string, readonly string[]>>;
}

/** Where running begins in src; tests and tool configurations begin by themselves. */
const ENTRIES = ['src/main.ts', 'src/sandbox/main.ts'];
const OWN_ENTRY =
  /\.test\.ts$|\/bench\/|(^|\/)[\w.]*config\.ts$|\/setup\.ts$|^test\/unused\.ts$|^test\/(crash\/dying|hostile\/(watched|stream))Server\.ts$/;
/** Declared for another tool's sake; the value says whose. */
const KEPT: Readonly<Record<string, string>> = { esbuild: 'keeps the peer of vite satisfied beside the older copy of drizzle-kit' };

/** One sentence for each finding; empty when all is in use. */
export const findUnused = (sources: Sources, manifest: Manifest): string[] => [
  ...unreachedFiles(sources, entriesOf(manifest)),
  ...unusedExports(sources, entriesOf(manifest)),
  ...dependencies(sources, manifest),
];

/** Sources that an npm script runs are entries too. */
const entriesOf = ({ scripts }: Manifest): string[] => [
  ...ENTRIES,
  ...(Object.values(scripts)
    .join(' ')
    .match(/[\w./-]+\.ts(?=\s|$)/g) ?? []),
];

const unreachedFiles = (sources: Sources, entries: readonly string[]): string[] => {
  const fromEntries = reach(sources, entries);
  const fromAll = reach(sources, [...entries, ...[...sources.keys()].filter((path) => OWN_ENTRY.test(path))]);
  return [...sources.keys()]
    .filter((path) => !(path.startsWith('src/') ? fromEntries : fromAll).has(path))
    .map((path) => `${path}: nothing that runs reaches this file`);
};

const reach = (sources: Sources, entries: readonly string[]): Set<string> => {
  const seen = new Set<string>();
  const open = [...entries];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const text = sources.get(path);
    if (text === undefined || seen.has(path)) continue;
    seen.add(path);
    for (const { from } of readImports(text)) if (from.startsWith('.')) open.push(resolveRelative(path, from));
  }
  return seen;
};

const unusedExports = (sources: Sources, entries: readonly string[]): string[] => {
  const used = new Set<string>();
  for (const [path, text] of sources) {
    for (const { from, names } of readImports(text)) {
      if (from.startsWith('.')) for (const name of names) used.add(`${resolveRelative(path, from)} ${name}`);
    }
  }
  return [...sources].flatMap(([path, text]) =>
    entries.includes(path) || OWN_ENTRY.test(path) || used.has(`${path} *`)
      ? []
      : readExports(text)
          .filter((name) => !used.has(`${path} ${name}`) && !isTypeOfItsFile(text, name))
          .map((name) => `${path}: nobody imports ${name}`),
  );
};

// A type in the signature of an exported function is part of that signature, even when callers never name it.
const isTypeOfItsFile = (text: string, name: string): boolean =>
  new RegExp(`^export\\s+(?:interface|type)\\s+${name}\\b`, 'm').test(text) && text.split(new RegExp(`\\b${name}\\b`)).length > 2;

const dependencies = (sources: Sources, manifest: Manifest): string[] => {
  const inSource = packagesOf(sources, (path) => path.startsWith('src/'));
  const anywhere = packagesOf(sources, () => true);
  const scripts = Object.values(manifest.scripts).join('\n');
  const called = (name: string): boolean =>
    (manifest.programs[name] ?? []).some((program) => new RegExp(`(^|[\\s;&|])${program}(\\s|$)`, 'm').test(scripts)) ||
    scripts.includes(`--import ${name}`);
  const describes = (name: string): boolean =>
    name === '@types/node' || [...anywhere].some((other) => name === `@types/${other.replace(/^@/, '').replace('/', '__')}`);
  return [
    ...Object.keys(manifest.dependencies)
      .filter((name) => !inSource.has(name))
      .map((name) => `package.json: nothing in src imports ${name}`),
    ...Object.keys(manifest.devDependencies)
      .filter((name) => !anywhere.has(name) && !called(name) && !describes(name) && KEPT[name] === undefined)
      .map((name) => `package.json: no test, script or configuration uses ${name}`),
    ...[...inSource]
      .filter((name) => manifest.dependencies[name] === undefined)
      .map((name) => `package.json: src imports ${name} undeclared`),
    ...[...anywhere]
      .filter((name) => manifest.dependencies[name] === undefined && manifest.devDependencies[name] === undefined && !inSource.has(name))
      .map((name) => `package.json: tests import ${name} undeclared`),
  ];
};

const packagesOf = (sources: Sources, wanted: (path: string) => boolean): Set<string> =>
  new Set(
    [...sources]
      .filter(([path]) => wanted(path))
      .flatMap(([, text]) => readImports(text))
      .filter(({ from }) => !from.startsWith('.') && !from.startsWith('node:'))
      .map(({ from }) => packageOf(from)),
  );
