/** Hostile documents, sent to a real server in production settings. SEEDBED_HARD_SEED draws the same ones again. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomFrom } from '../faults/random.ts';
import { openStory, type Story } from '../reconcilers/story.ts';
import { type Apart, serveApart } from './apart.ts';
import { provoke } from './assault.ts';
import { createDocumentMaker, SHAPES } from './documents.ts';

const DOCUMENTS = process.env['SEEDBED_HARD'] === 'all' ? 20_000 : 2_000;
const seed = Number(process.env['SEEDBED_HARD_SEED'] ?? Date.now() % 1_000_000);

let story: Story;
let server: Apart;
beforeAll(async () => {
  story = await openStory({
    serve: serveApart('documents', {
      started: (apart) => {
        server = apart;
      },
    }),
  });
  await story.change(story.member, 'createCluster', { name: 'web', clusterTemplate: 'small', nodeCount: 2 }, 'cluster { id }');
});
afterAll(() => story.close());

test('documents that have brought others down are answered, tell nothing of the inside and hold up nobody', async () => {
  const wrong: string[] = [];
  for (const [name, document] of SHAPES) for (const fault of await provoke(server, story.member, document)) wrong.push(`${name}: ${fault}`);
  expect(wrong).toEqual([]);
  expect(server.alive()).toBe(true);
});

test(`${DOCUMENTS} documents, made along the schema and spoiled: seed ${seed}`, async () => {
  const make = createDocumentMaker(randomFrom(seed));
  const wrong: string[] = [];
  for (let i = 0; i < DOCUMENTS && server.alive(); i += 1) {
    const document = make();
    const told = `document ${i} of SEEDBED_HARD_SEED=${seed}`;
    const faults = await provoke(server, story.member, document).catch((error: unknown) => [`it could not be sent: ${String(error)}`]);
    for (const fault of faults) wrong.push(`${told}: ${fault}\n${document.slice(0, 2_000)}`);
  }
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(server.alive(), `the server after the documents of SEEDBED_HARD_SEED=${seed}`).toBe(true);
});
