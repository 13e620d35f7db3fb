/** Whoever builds Seedbed or runs its tests a year from now has the same packages: each is named in one version, what it needs itself included. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('..', import.meta.url).pathname;
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');
const FIND = [
  'package.json',
  'package-lock.json',
  'src',
  'test',
  'drizzle',
  '-name',
  'node_modules',
  '-prune',
  '-o',
  '-type',
  'f',
  '-print',
];
const files = execFileSync('find', FIND, { cwd: root, encoding: 'utf8' }).trim().split('\n').sort();
const named = (name: string): string[] => files.filter((path) => path === name || path.endsWith(`/${name}`));

type Versions = Record<string, string>;
interface Manifest {
  dependencies?: Versions;
  devDependencies?: Versions;
  optionalDependencies?: Versions;
  peerDependencies?: Versions;
  overrides?: Versions;
}
interface Lock {
  packages: Record<string, Manifest & { version?: string; integrity?: string }>;
}

const MANIFESTS = named('package.json');
const EXACT = /^\d+\.\d+\.\d+$/;

test('there is a manifest of the server, of the clients that are tried, and of what it is measured with, each with a lock file', () => {
  expect(MANIFESTS).toEqual(['package.json', 'test/clients/package.json', 'test/load/peers/package.json']);
  expect(named('package-lock.json')).toEqual(MANIFESTS.map((path) => path.replace('.json', '-lock.json')));
});

test.each(MANIFESTS)('%s names one version of each package, and its lock file the same', (path) => {
  const {
    dependencies = {},
    devDependencies = {},
    optionalDependencies,
    peerDependencies,
    overrides = {},
  } = JSON.parse(read(path)) as Manifest;
  const { packages } = JSON.parse(read(path.replace('.json', '-lock.json'))) as Lock;
  const wanted = { ...dependencies, ...devDependencies };
  expect(Object.keys(wanted).length).toBeGreaterThan(3);
  expect(Object.entries({ ...wanted, ...overrides }).filter(([, version]) => !EXACT.test(version))).toEqual([]);
  expect([optionalDependencies, peerDependencies]).toEqual([undefined, undefined]);
  expect(packages['']).toMatchObject({ dependencies, ...('devDependencies' in (packages[''] ?? {}) && { devDependencies }) });
  expect(Object.keys(wanted).map((name) => [name, packages[`node_modules/${name}`]?.version])).toEqual(Object.entries(wanted));
  // What came once comes again: a version by its content.
  const loose = Object.entries(packages).filter(
    ([at, { version = '', integrity }]) => at !== '' && (version === '' || !integrity?.startsWith('sha512-')),
  );
  expect(loose.map(([at]) => at)).toEqual([]);
});

test.each(named('requirements.txt'))('%s names one version of each package of Python', (path) => {
  const lines = read(path).trim().split('\n');
  expect(lines.length).toBeGreaterThan(3);
  expect(lines.filter((line) => !/^[\w.-]+==\d+(\.\d+)+(\.post\d+)?$/.test(line))).toEqual([]);
});

const INSTALLS = /['"/](?:pip3?|npm)['"].*['"](?:install|add)['"]/;

test('what a test installs, it installs by such a file', () => {
  const own = files.filter((path) => /\.(ts|mjs)$/.test(path) && path !== 'test/pinned.test.ts');
  expect(
    own.filter((path) =>
      read(path)
        .split('\n')
        .some((line) => INSTALLS.test(line)),
    ),
  ).toEqual(['test/house/python.ts']);
  expect(read('test/house/python.ts')).toContain("'--requirement', requirements]");
});
