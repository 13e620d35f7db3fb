/** The import table and the fences of the house, as data, and the look that holds them against sources. */
import { type ImportLine, packageOf, readImports, resolveRelative, type Sources } from './sources.ts';

/** Folder of src → folders of src it may import; 'pki:type' allows types alone. Files directly in src wire everything and may do all. */
const TABLE: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  domain: ['lib'],
  pki: ['domain', 'lib'],
  openstack: ['domain', 'lib'],
  seeds: ['domain', 'lib'],
  objectStore: ['domain', 'lib'],
  store: ['domain', 'lib'],
  engine: ['domain', 'lib'],
  controlPlane: ['domain', 'pki:type', 'lib'],
  addons: ['domain', 'controlPlane', 'lib'],
  reconcilers: ['lib', 'domain', 'pki', 'openstack', 'objectStore', 'seeds', 'store', 'engine', 'controlPlane', 'addons'],
  commands: ['domain', 'store', 'lib'],
  api: ['commands', 'store', 'domain', 'lib'],
  autoscaler: ['commands', 'store', 'domain', 'lib'],
  sandbox: ['domain', 'lib'],
  client: ['lib'],
  cli: ['client', 'lib'],
};

interface Fence {
  packages: RegExp;
  folders: readonly string[];
  typesAnywhere?: boolean;
}

/** Libraries that one layer hides from all others. */
const FENCES: readonly Fence[] = [
  { packages: /^(drizzle-orm|better-sqlite3)$/, folders: ['store'] },
  { packages: /^undici$/, folders: ['openstack', 'objectStore'] },
  { packages: /^aws4fetch$/, folders: ['objectStore'] },
  { packages: /^@kubernetes\/client-node$/, folders: ['seeds'], typesAnywhere: true },
  { packages: /^(graphql|graphql-yoga|@pothos\/.*|@escape\.tech\/.*|dataloader)$/, folders: ['api'] },
  { packages: /^(graphql-ws|ws)$/, folders: ['api', 'client'] },
  { packages: /^@grpc\/.*$/, folders: ['autoscaler'] },
];

const ENVIRONMENT = /\bprocess\s*\.\s*env\b|\bimport\s*\{[^}]*\benv\b[^}]*\}\s*from\s+'(?:node:)?process'/;
const ENVIRONMENT_READER = 'src/config.ts';

/** One sentence for each import of src/** that the house forbids; empty when all is well. */
export const findViolations = (sources: Sources): string[] =>
  [...sources]
    .filter(([path]) => path.startsWith('src/'))
    .flatMap(([path, text]) => [
      ...readImports(text).flatMap((line) => (line.from.startsWith('.') ? checkOwn(path, line) : checkFence(path, line))),
      ...(path !== ENVIRONMENT_READER && ENVIRONMENT.test(text) ? [`${path} reads the environment; only ${ENVIRONMENT_READER} may`] : []),
    ]);

const layerOf = (path: string): string | null => path.split('/').slice(1, -1)[0] ?? null;

const checkOwn = (path: string, line: ImportLine): string[] => {
  if (!line.from.endsWith('.ts') && !line.from.endsWith('.json')) return [`${path} imports ${line.from} without its extension`];
  const target = resolveRelative(path, line.from);
  if (!target.startsWith('src/')) return [`${path} imports ${line.from}, which is outside src`];
  const from = layerOf(path);
  const to = layerOf(target);
  if (from === null || from === to) return [];
  const allowed = TABLE[from];
  if (allowed === undefined) return [`${path} is in src/${from}, which the import table does not know`];
  if (to !== null && (allowed.includes(to) || (line.typeOnly && allowed.includes(`${to}:type`)))) return [];
  return [`${path} imports ${target}: ${from} may import ${allowed.join(', ') || 'nothing of ours'}`];
};

const checkFence = (path: string, line: ImportLine): string[] => {
  const name = packageOf(line.from);
  const fence = FENCES.find(({ packages }) => packages.test(name));
  const layer = layerOf(path);
  if (fence === undefined || (layer !== null && fence.folders.includes(layer)) || (fence.typesAnywhere && line.typeOnly)) return [];
  return [`${path} imports ${name}, which belongs to ${fence.folders.join(' and ')}`];
};
