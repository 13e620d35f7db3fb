/** Holds the import table and the fences of the house, and shows that the look would notice a breach. */
import { expect, test } from 'vitest';
import { findViolations } from './house/layers.ts';
import { readSources } from './house/sources.ts';

const root = new URL('..', import.meta.url).pathname;

test('src imports only downwards and keeps behind its fences', () => {
  const sources = readSources(root, ['src']);
  expect(sources.size).toBeGreaterThan(30);
  expect(findViolations(sources)).toEqual([]);
});

test.each([
  ['src/lib/a.ts', "import { b } from '../domain/b.ts';"],
  ['src/domain/a.ts', "import {\n  b,\n  c,\n} from '../store/b.ts';"],
  ['src/domain/a.ts', "export * from '../store/b.ts';"],
  ['src/domain/a.ts', "const b = await import('../api/b.ts');"],
  ['src/domain/a.ts', "import '../api/b.ts';"],
  ['src/engine/a.ts', "import type { B } from '../store/b.ts';"],
  ['src/engine/deep/a.ts', "import { b } from '../../store/b.ts';"],
  ['src/controlPlane/a.ts', "import { b } from '../pki/b.ts';"],
  ['src/controlPlane/a.ts', "import { type B, c } from '../pki/b.ts';"],
  ['src/api/a.ts', "import { main } from '../main.ts';"],
  ['src/api/a.ts', "import { b } from '../../test/b.ts';"],
  ['src/unheardOf/a.ts', "import { b } from '../lib/b.ts';"],
  ['src/lib/a.ts', "import { b } from './b';"],
  ['src/commands/a.ts', "import { eq } from 'drizzle-orm';"],
  ['src/main.ts', "import Database from 'better-sqlite3';"],
  ['src/commands/a.ts', "import { sql } from 'drizzle-orm/sqlite-core';"],
  ['src/seeds/a.ts', "import { fetch } from 'undici';"],
  ['src/addons/a.ts', "import { KubeConfig } from '@kubernetes/client-node';"],
  ['src/commands/a.ts', "import { GraphQLError } from 'graphql';"],
  ['src/store/a.ts', "import Builder from '@pothos/core';"],
  ['src/sandbox/a.ts', "import { WebSocketServer } from 'ws';"],
  ['src/reconcilers/a.ts', "import { Server } from '@grpc/grpc-js';"],
  ['src/autoscaler/a.ts', "import { b } from '../api/b.ts';"],
  ['src/main.ts', 'const port = process.env.PORT;'],
  ['src/cli/a.ts', "import { env } from 'node:process';"],
])('a planted violation is found: %s %s', (path, text) => {
  expect(findViolations(new Map([[path, text]]))).toHaveLength(1);
});

test.each([
  ['src/controlPlane/a.ts', "import type { B } from '../pki/b.ts';"],
  ['src/controlPlane/a.ts', "import { type B, type C } from '../pki/b.ts';"],
  ['src/addons/a.ts', "import type { V1Pod } from '@kubernetes/client-node';"],
  ['src/reconcilers/cluster/steps/a.ts', "import { b } from '../../../store/b.ts';"],
  ['src/client/a.ts', "import { createClient } from 'graphql-ws';"],
  ['src/config.ts', 'const port = process.env.PORT;'],
  ['src/main.ts', "import { b } from './api/b.ts';"],
])('what the table allows passes: %s %s', (path, text) => {
  expect(findViolations(new Map([[path, text]]))).toEqual([]);
});
