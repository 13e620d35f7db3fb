/** `npm run check`: prints what is unused and fails when there is any. */
import { readFileSync } from 'node:fs';
import { readSources } from './house/sources.ts';
import { findUnused, type Manifest } from './house/unused.ts';

interface PackageJson extends Omit<Manifest, 'programs'> {
  name: string;
  bin?: string | Record<string, string>;
}

const root = new URL('..', import.meta.url).pathname;
const readPackage = (path: string): PackageJson => JSON.parse(readFileSync(`${root}${path}`, 'utf8')) as PackageJson;

const own = readPackage('package.json');
const names = Object.keys({ ...own.dependencies, ...own.devDependencies });
const programs = Object.fromEntries(
  names.map((name) => {
    const { bin = {} } = readPackage(`node_modules/${name}/package.json`);
    return [name, typeof bin === 'string' ? [name.replace(/^@.*\//, '')] : Object.keys(bin)];
  }),
);

const findings = findUnused(readSources(root, ['src', 'test', 'drizzle']), { ...own, programs });
for (const finding of findings) console.error(finding);
process.exitCode = findings.length === 0 ? 0 : 1;
