/**
 * The short way of queries beside the long one through Yoga (a charset in `Accept` is for the long way to understand), byte by byte: whatever is made along
 * the schema and spoiled, and whatever can be asked near an object, by callers who may see different things. SEEDBED_HARD_SEED draws the same documents again.
 */
import { Agent, request } from 'node:http';
import { afterAll, expect, test } from 'vitest';
import { randomFrom } from '../faults/random.ts';
import { createDocumentMaker } from '../hostile/documents.ts';
import { furnishCloud, furnishProject } from './matrix/furniture.ts';
import { queriesNear } from './matrix/walks.ts';
import { openWorld, type World } from './world.ts';

const DOCUMENTS = 2_000;
const seed = Number(process.env['SEEDBED_HARD_SEED'] ?? Date.now() % 1_000_000);
/** A member, a reader, a member of another project, and an administrator of the cloud. */
const CALLERS = ['anna', 'rita', 'otto', 'ada'];
const SHORT = 'application/json';
const LONG = 'application/json; charset=utf-8';

const agent = new Agent({ keepAlive: true });
afterAll(() => agent.destroy());

const send = (world: World, token: string, accept: string, body: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'x-auth-token': token, 'x-request-id': 'same', accept };
    const asked = request(world.url, { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(`${response.statusCode} ${response.headers['content-type']} ${Buffer.concat(chunks)}`));
    });
    asked.on('error', reject);
    asked.end(body);
  });

test(`${DOCUMENTS} documents and all that can be asked near an object are answered alike by both ways: seed ${seed}`, async () => {
  const world = await openWorld();
  const house = {
    ...(await furnishProject(world, { token: 'anna', projectId: 'blue', word: 'own' })),
    ...(await furnishCloud(world, 'far')),
  };
  const make = createDocumentMaker(randomFrom(seed));
  const documents = [...Array.from({ length: DOCUMENTS }, make), ...queriesNear(Object.values(house).map(({ id }) => id))];
  // A mutation goes one way only, and would change what is read.
  const asked = documents.filter((document) => !/\b(?:mutation|subscription)\b/.test(document));
  expect(asked.length).toBeGreaterThan(DOCUMENTS / 2);
  const wrong: string[] = [];
  let good = 0;
  let refused = 0;
  for (const query of asked)
    for (const token of CALLERS) {
      const body = (word: number) => JSON.stringify({ query, extensions: { word } });
      const long = await send(world, token, LONG, body(0));
      if (long.includes('"errors"')) refused += 1;
      else good += 1;
      // By graphql-js or compiled by another caller's question, then compiled in any case, then from memory.
      for (const word of [0, 1, 1]) {
        const short = await send(world, token, SHORT, body(word));
        if (short !== long) wrong.push(`${token}: ${query}\n  long:  ${long.slice(0, 1_000)}\n  short: ${short.slice(0, 1_000)}`);
        if (long.startsWith('400')) break;
      }
      // Refused for itself, whoever asks.
      if (long.startsWith('400')) break;
    }
  expect(wrong.slice(0, 3)).toEqual([]);
  expect(Math.min(good, refused)).toBeGreaterThan(200);
}, 400_000);
