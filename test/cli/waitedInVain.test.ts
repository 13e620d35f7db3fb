/** Each command that begins an operation waits for as long as it goes on, and ends with its problem when it fails: nothing is printed as if it were done. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { ANYTHING, type Course, startAnyApi } from './anyApi.ts';
import { listChanges, run } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'seedbed-in-vain-'));
const FILE = join(folder, 'any.yaml');
writeFileSync(FILE, 'id: any\nsecret: any\n');
afterAll(() => rmSync(folder, { recursive: true }));

/** Without which there is nothing to do. */
const WANTED: Readonly<Record<string, string[]>> = {
  'cluster upgrade': ['v1.36.3'],
  'cluster update': ['--deletion-protection'],
  'cluster rotate-credential': ['--trust'],
  'seed update': ['--weight', '7'],
};

/** The least that a command takes. */
const lineOf = (words: string, command: Command): string[] => [
  ...words.split(' '),
  ...command.registeredArguments.filter(({ required }) => required).map(() => ANYTHING),
  ...command.options.flatMap(({ mandatory, long, flags }) => (mandatory && long !== undefined ? [long, valueFor(flags)] : [])),
  ...(WANTED[words] ?? []),
];
const valueFor = (flags: string): string => (flags.endsWith('<n>') ? '1' : flags.endsWith('<file>') ? FILE : ANYTHING);

const BEGIN = listChanges().filter(([, command]) => command.options.some(({ long }) => long === '--timeout'));

test('many commands begin an operation', () => expect(BEGIN.length).toBeGreaterThan(30));

const COURSES: [string, Course, number, string][] = [
  ['a problem', { state: 'FAILED', problem: { code: 'QUOTA_EXCEEDED', message: 'No room is left.' } }, 5, 'No room is left.'],
  ['no word', { state: 'FAILED', problem: null }, 1, 'The operation ended as FAILED.'],
  ['another in its place', { state: 'SUPERSEDED', problem: null }, 6, 'A later operation took its place.'],
];

test.each(BEGIN.flatMap(([words, command]) => COURSES.map((course) => [words, course[0], command, course] as const)))(
  '%s waits, and ends with %s',
  async (words, _how, command, [, course, status, told]) => {
    const api = await startAnyApi();
    onTestFinished(() => api.close());
    const ran = run([...lineOf(words, command), '--wait', '--json'], { SEEDBED_URL: api.url, OS_TOKEN: 'ready' });
    expect(await Promise.race([ran, api.followed])).toBeUndefined();
    api.end(course);
    expect(await ran).toEqual({ status, out: '', err: expect.stringMatching(new RegExp(`\nseedbed: ${told}.*\n$`)) });
  },
);
