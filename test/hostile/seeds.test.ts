/**
 * Hostile kubeconfigs handed to a real server, with strace beside it: it runs nothing, opens nothing outside its folder, and goes nowhere but
 * where it may. With the settings of production, so that its own host is not a place for seeds. SEEDBED_HARD_SEED draws the same ones again.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomFrom } from '../faults/random.ts';
import { openStory, type Story, until } from '../reconcilers/story.ts';
import { type Apart, serveApart } from './apart.ts';
import { faultOf, send } from './assault.ts';
import { badServers, hostileKubeconfigs, kubeconfigTo, MARK, NAMES } from './kubeconfigs.ts';
import { readTrace, traced } from './trace.ts';

const COUNT = process.env['SEEDBED_HARD'] === 'all' ? 500 : 200;
const seed = Number(process.env['SEEDBED_HARD_SEED'] ?? Date.now() % 1_000_000);

const folder = mkdtempSync(join(tmpdir(), 'seedbed-hostile-'));
const traceFile = join(folder, 'strace');
const ran = join(folder, 'ran');
let visits = 0;
const bait = createServer((socket) => {
  visits += 1;
  socket.destroy();
});

let story: Story;
let server: Apart;
let since: number;
beforeAll(async () => {
  await new Promise<void>((resolve) => bait.listen(0, '::', resolve));
  story = await openStory({
    settings: { seedsOnLoopback: false, logLevel: 'debug' },
    serve: serveApart('hostileSeeds', {
      before: traced(traceFile),
      environment: { NAMES: JSON.stringify(NAMES) },
      started: (apart) => {
        server = apart;
        since = Date.now();
      },
    }),
  });
});
afterAll(async () => {
  bait.close();
  rmSync(folder, { recursive: true, force: true });
});

const REGISTER = `mutation ($input: RegisterSeedInput!) { registerSeed(input: $input) { __typename ... on Problem { code message field } } }`;
const register = (name: string, kubeconfig: string) =>
  send(server, story.admin, JSON.stringify({ query: REGISTER, variables: { input: { name, kubeconfig } } }));

test(`${COUNT} hostile kubeconfigs are refused, and nothing of them is said again: seed ${seed}`, async () => {
  const { port } = bait.address() as AddressInfo;
  const wrong: string[] = [];
  for (const [i, { family, text: kubeconfig }] of hostileKubeconfigs(COUNT, randomFrom(seed), ran, port).entries()) {
    const { status, text } = await register(`hostile-${i}`, kubeconfig);
    const fault = faultOf(status, text, '');
    const tell = (what: string) => wrong.push(`${family} (${i} of SEEDBED_HARD_SEED=${seed}): ${what}`);
    if (fault !== null && status !== 413) tell(fault);
    if (text.includes(MARK)) tell(`said again: ${text}`);
    // Of a mixture the hostile half may have been cut away: what it is then is for the trace to judge.
    if (text.includes('RegisterSeedPayload') && !family.includes(',')) tell('taken');
  }
  expect(wrong).toEqual([]);
  expect(server.alive()).toBe(true);
});

test('seeds at addresses that are none for seeds are never called, however the address is written', async () => {
  const { port } = bait.address() as AddressInfo;
  const taken: string[] = [];
  for (const [i, address] of badServers(port).entries()) {
    const { text } = await register(`astray-${i}`, kubeconfigTo(address));
    expect(text).not.toContain(MARK);
    if (text.includes('RegisterSeedPayload')) taken.push(`astray-${i}`);
  }
  // Most are only known when the name is looked up, so the seed's own flow refuses them.
  expect(taken.length).toBeGreaterThan(30);
  const told = () =>
    story.rows<{ message: string }>(
      `select c.message from conditions c join seeds s on s.id = c.object_id where s.name like 'astray-%' and c.state in ('FAILED', 'WAITING')
         and c.name = 'Reachable'`,
    );
  await until(() => told().length >= taken.length);
  expect(
    told()
      .map(({ message }) => message)
      .join(),
  ).not.toContain(MARK);
  expect(visits).toBe(0);
});

test('it ran nothing, opened nothing of others, and went nowhere but to the cloud', async () => {
  const data = dirname(story.dbPath);
  const authPort = new URL(story.sandbox.authUrl).port;
  await story.close();
  expect(server.output()).not.toContain(MARK);
  const { programs, files, addresses } = readTrace(traceFile, since);
  expect(programs).toEqual([]);
  expect(existsSync(ran)).toBe(false);
  // What the C library reads to look a name up and to begin a thread, and what the watch itself reads.
  const usual =
    /^\/etc\/(?:hosts|resolv\.conf|nsswitch\.conf|host\.conf|gai\.conf|ld\.so\.cache|localtime)$|^\/(?:usr\/)?lib\/.+\.so(?:\.\d+)*$|^\/proc\/self\/|^\/proc\/sys\/vm\/overcommit_memory$|^\/sys\/devices\/system\/cpu\/online$|^\/dev\/urandom$/;
  expect(files.filter((file) => !usual.test(file) && !file.startsWith(`${data}/`))).toEqual([]);
  // The address for documentation is what a name led to first: it may be tried, and what the name leads to afterwards may not.
  const may = [`127.0.0.1:${authPort}`, '203.0.113.7:'];
  expect(addresses.filter((address) => !may.some((one) => address.startsWith(one)) && !/:53$|nscd/.test(address))).toEqual([]);
  expect(addresses).toContain(`127.0.0.1:${authPort}`);
});
