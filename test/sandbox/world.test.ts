import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createWorldFile } from '../../src/sandbox/world.ts';

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'seedbed-world-'));
  path = join(dir, 'world.jsonl');
});
afterEach(() => rmSync(dir, { recursive: true }));

test('what was set, changed and deleted is there again', () => {
  const world = createWorldFile(path);
  const rows = world.table<{ n: number }>('rows');
  rows.set('a', { n: 1 });
  rows.set('b', { n: 2 });
  const section = world.section('section', { count: 0 });
  section.data.count = 5;
  section.changed();
  world.flush();
  rows.delete('a');
  rows.set('b', { n: 3 });
  world.close();
  const again = createWorldFile(path);
  expect([...again.table<{ n: number }>('rows').values()]).toEqual([{ n: 3 }]);
  expect(again.section('section', { count: 0 }).data).toEqual({ count: 5 });
  again.close();
});

test('a change is on disk within a moment, without anybody asking', async () => {
  const world = createWorldFile(path);
  world.table('rows').set('a', 'x');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(readFileSync(path, 'utf8')).toContain('["rows","a","x"]');
  world.close();
});

test('a line cut short by a crash is forgotten, the rest is kept', () => {
  const world = createWorldFile(path);
  world.table('rows').set('a', 'x');
  world.close();
  appendFileSync(path, '["rows","b",{"half":');
  const again = createWorldFile(path);
  expect([...again.table('rows').keys()]).toEqual(['a']);
  again.close();
});

test('opening compacts the file', () => {
  const world = createWorldFile(path);
  for (let i = 0; i < 50; i += 1) {
    world.table('rows').set('a', i);
    world.flush();
  }
  world.close();
  expect(readFileSync(path, 'utf8').split('\n').length).toBe(51);
  createWorldFile(path).close();
  expect(readFileSync(path, 'utf8')).toBe('["rows","a",49]\n');
});
