/** The README says what the code does: settings, rights, commands. */
import { readFileSync } from 'node:fs';
import { buildSchema, parse as parseDocument, validate } from 'graphql';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { NEEDED_RIGHTS, PRIORITY_RIGHT } from '../../src/seeds/rights.ts';
import { run } from './run.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const readme = read('README.md');
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1] ?? '');

test('the table of settings has every setting of the configuration, and no other', () => {
  const table = [...readme.matchAll(/^\| `(SEEDBED_\w+)` \|/gm)].map((match) => match[1]);
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

test('its GraphQL is valid', () => {
  const schema = buildSchema(read('schema/schema.graphql'));
  const documents = [...blocks('graphql'), ...[...readme.matchAll(/"query": "(\{.*\})"\}'/g)].map((match) => match[1] ?? '')];
  expect(documents).toHaveLength(3);
  for (const document of documents) expect(validate(schema, parseDocument(document))).toEqual([]);
});

const MOST_LINES = 30;

test.each(['urql', 'graphqlWs'])('its live list, no longer than it says, begins the example that is run with %s', (name) => {
  const example = read(`test/clients/${name}.ts`);
  const block = blocks('ts').find((text) => example.startsWith(text)) ?? '';
  expect(block).toContain('liveClusters');
  expect(readme).toContain(`**A live list** in ${MOST_LINES} lines`);
  expect(block.split('\n').length - 1).toBeLessThanOrEqual(MOST_LINES);
  expect(example.slice(block.length)).toMatch(/^\nconst CREATE = /);
});

const commands = blocks('sh').flatMap((block) => block.split('\n').filter((line) => line.startsWith('seedbed ')));

test('it shows a fair number of commands', () => expect(commands.length).toBeGreaterThan(15));

test.each(commands)('%s is a command with just such options', async (line) => {
  // Nobody logs in, so a command that is understood ends with that complaint, and any other with its own.
  const { err } = await run(line.split(' ').slice(1), {});
  expect(err).toContain('No login');
});
