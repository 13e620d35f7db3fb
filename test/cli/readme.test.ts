/** The README and the guides say what the code does: settings, rights, commands. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { buildSchema, parse as parseDocument, validate } from 'graphql';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { NEEDED_RIGHTS, PRIORITY_RIGHT } from '../../src/seeds/rights.ts';
import { run } from './run.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const readme = read('README.md');
const guides = ['README.md', ...readdirSync(new URL('../../docs', import.meta.url)).map((name) => `docs/${name}`)];
const texts = guides.map(read).join('\n');
const blocks = (language: string, text = texts) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1] ?? '');

test('the table of settings has every setting of the configuration, and no other', () => {
  const table = [...texts.matchAll(/^\| `(SEEDBED_\w+)` \|/gm)].map((match) => match[1]);
  const code = [...read('src/config.ts').matchAll(/'(SEEDBED_\w+)'/g)].map((match) => match[1]);
  expect([...table].sort()).toEqual([...new Set(code)].sort());
});

interface Manifest {
  kind: string;
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

test("the seed's role grants just what Seedbed needs", () => {
  const manifests = blocks('yaml').flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as Manifest));
  const granted = manifests
    .filter(({ kind }) => kind === 'ClusterRole')
    .flatMap(({ rules = [] }) => rules)
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) => resources.map((name) => `${group}/${name} ${[...verbs].sort()}`)),
    );
  const needed = [...NEEDED_RIGHTS, PRIORITY_RIGHT].map(
    ({ group, resource, subresource, verbs }) =>
      `${group}/${subresource === undefined ? resource : `${resource}/${subresource}`} ${[...verbs].sort()}`,
  );
  expect(granted.sort()).toEqual(needed.sort());
});

test('their GraphQL is valid', () => {
  const schema = buildSchema(read('schema/schema.graphql'));
  const documents = [...blocks('graphql'), ...[...texts.matchAll(/"query": "(\{.*\})"\}'/g)].map((match) => match[1] ?? '')];
  expect(documents).toHaveLength(3);
  for (const document of documents) expect(validate(schema, parseDocument(document))).toEqual([]);
});

const MOST_LINES = 30;

test.each(['urql', 'graphqlWs'])("the README's live list, no longer than it says, begins the example that is run with %s", (name) => {
  const example = read(`test/clients/${name}.ts`);
  const block = blocks('ts', readme).find((text) => example.startsWith(text)) ?? '';
  expect(block).toContain('liveClusters');
  expect(readme).toContain(`**A live list** in ${MOST_LINES} lines`);
  expect(block.split('\n').length - 1).toBeLessThanOrEqual(MOST_LINES);
  expect(example.slice(block.length)).toMatch(/^\nconst CREATE = /);
});

/** As GitHub names them. */
const anchorsOf = (path: string): string[] =>
  [...read(path).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );

test.each([...guides, 'SECURITY.md', 'test/README.md'])('each link of %s leads to what is there', (guide) => {
  const links = [...read(guide).matchAll(/\]\((?!https?:)([^)\s#]*)#?([^)\s]*)\)/g)];
  const dead = links.filter(([, path = '', anchor = '']) => {
    const to = path === '' ? guide : new URL(path, `file:///${guide}`).pathname.slice(1);
    return !existsSync(new URL(`../../${to}`, import.meta.url)) || (anchor !== '' && !anchorsOf(to).includes(anchor));
  });
  expect(dead.map(([link]) => link)).toEqual([]);
});

const commands = blocks('sh').flatMap((block) => block.split('\n').filter((line) => line.startsWith('seedbed ')));

test('they show a fair number of commands', () => expect(commands.length).toBeGreaterThan(15));

test.each(commands)('%s is a command with just such options', async (line) => {
  // Nobody logs in, so a command that is understood ends with that complaint, and any other with its own.
  const { err } = await run(line.split(' ').slice(1), {});
  expect(err).toContain('No login');
});
