/** The client as another package meets it: by the package's name, with its types, as `npm run build` leaves it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = new URL('../..', import.meta.url).pathname;

const openPackage = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'seedbed-consumer-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/seedbed'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
};
const write = (folder: string, name: string, lines: string[]): string => {
  const path = join(folder, name);
  writeFileSync(path, lines.join('\n'));
  return path;
};

const USE = [
  "import { type Client, createClient } from 'seedbed/client';",
  "import { CLUSTERS } from 'seedbed/client/documents';",
  "import { ClientError } from 'seedbed/client/errors';",
  "import { followCluster } from 'seedbed/client/stream';",
  "import type { ClusterSummary, Page } from 'seedbed/client/types';",
];

test("its modules are found by the package's name", async () => {
  const path = write(openPackage(), 'index.js', [
    "export { createClient } from 'seedbed/client';",
    "export { CLUSTERS } from 'seedbed/client/documents';",
    "export { followCluster } from 'seedbed/client/stream';",
    "export { followClusters } from 'seedbed/client/list';",
  ]);
  const found = (await import(/* @vite-ignore */ pathToFileURL(path).href)) as Record<string, unknown>;
  expect(
    Object.entries(found)
      .map(([name, value]) => `${name}: ${typeof value}`)
      .sort(),
  ).toEqual(['CLUSTERS: string', 'createClient: function', 'followCluster: function', 'followClusters: function']);
});

test('its types hold for another package, and refuse what does not fit', () => {
  const folder = openPackage();
  const good = write(folder, 'good.ts', [
    ...USE,
    "const client: Client = createClient({ url: 'https://seedbed.example.org/graphql', token: async () => 'token' });",
    'const page = await client.request<{ clusters: Page<ClusterSummary> }>(CLUSTERS, { first: 20 });',
    'const names: string[] = page.clusters.nodes.map(({ name }) => name);',
    "for await (const { message } of followCluster(client, names[0] ?? '', { after: 0 })) if (message === '') throw new ClientError('INTERNAL', message);",
  ]);
  const bad = write(folder, 'bad.ts', [...USE, 'createClient({ url: 7, token: async () => 1 });']);
  const words = ['--strict', '--noEmit', '--target', 'es2023', '--module', 'nodenext', '--lib', 'es2023,dom'];
  const complaints = (path: string) =>
    spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['--ignoreConfig', ...words, path], { cwd: folder, encoding: 'utf8' }).stdout;
  expect(complaints(good)).toBe('');
  expect(complaints(bad)).toContain("Type 'number' is not assignable to type 'string'");
});
