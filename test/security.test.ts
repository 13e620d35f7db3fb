/** SECURITY.md and the guide to the tests say what is so: the tests that they name are there, and one command lists the dependencies. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = new URL('..', import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;

test.each(['SECURITY.md', 'test/README.md'])('each test that %s names is there, and tests something', (guide) => {
  const named = [...readFileSync(root + guide, 'utf8').matchAll(/`(test\/[\w./]+)`/g)].map((match) => match[1] ?? '');
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((path) => !existsSync(root + path))).toEqual([]);
  const files = named.filter((path) => path.endsWith('.test.ts'));
  expect(files.filter((path) => !/^\s*(?:for \(.*\) )?test(?:\.each)?\(/m.test(readFileSync(root + path, 'utf8')))).toEqual([]);
});

test('it names each test of test/hostile and test/hard', async () => {
  const { stdout } = await promisify(execFile)('find', ['test/hostile', 'test/hard', '-name', '*.test.ts'], { cwd: root });
  const text = readFileSync(`${root}SECURITY.md`, 'utf8');
  expect(
    stdout
      .trim()
      .split('\n')
      .filter((path) => !text.includes(`\`${path}\``)),
  ).toEqual([]);
});

interface Component {
  name: string;
  version: string;
  properties?: { name: string; value: string }[];
}

test('one command lists what it is made of, and says what is for tests alone', async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '-s', 'sbom'], { cwd: root, maxBuffer: 2 ** 26 });
  const { bomFormat, components } = JSON.parse(stdout) as { bomFormat: string; components: Component[] };
  expect(bomFormat).toBe('CycloneDX');
  const isForTests = ({ properties = [] }: Component) =>
    properties.some(({ name, value }) => name.endsWith(':development') && value === 'true');
  const named = (list: Component[]) => new Set(list.map(({ name, version }) => `${name}@${version}`));
  const released = named(components.filter((component) => !isForTests(component)));
  expect(Object.entries(manifest.dependencies).filter(([name, version]) => !released.has(`${name}@${version}`))).toEqual([]);
  expect(named(components.filter(isForTests)).has(`vitest@${manifest.devDependencies['vitest']}`)).toBe(true);
});
