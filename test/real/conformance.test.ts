/** Kubernetes' own conformance specs, those that may run side by side, against a cluster of two workers and a tunnel. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ProgressEvent } from './support/graphql.ts';
import { run } from './support/run.ts';
import { asMember, closeStory, followToRest, issueKubeconfig, openStory, prepareSeedAndTemplate, type Story } from './support/story.ts';
import { labFolder, usesLab } from './support/world.ts';

const NAME = 'lab-conformance';
const LAB = new URL('../lab/', import.meta.url).pathname;
const RUN_MS = 3.5 * 3_600_000;
const OUT = `${labFolder}/conformance`;
/** A part of the suite, for a first look: a regular expression over the specs' names. */
const FOCUS = process.env.CONFORMANCE_FOCUS;
const env = { LAB: labFolder, DEBIAN_FRONTEND: 'noninteractive' };

let story: Story;
let failed = false;
let clusterId: string | undefined;
const events: ProgressEvent[] = [];

beforeAll(async () => {
  if (usesLab) {
    await run(`${LAB}kubernetes/build`, ['e2e'], { env, timeoutMs: RUN_MS });
    await run(`${LAB}machine/machine`, ['image', '--image', `${labFolder}/kubernetes/images/e2e.tar`], { env, timeoutMs: 300_000 });
  }
  story = await openStory('conformance', 'info');
  await prepareSeedAndTemplate(story, NAME, { tunnel: 'KONNECTIVITY' });
}, RUN_MS);

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
});

afterAll(async () => {
  // The next story's machines need not carry the suite's images.
  if (usesLab) rmSync(`${labFolder}/images/oci/e2e.tar`, { force: true });
  if (story === undefined) return;
  if (clusterId !== undefined) {
    await asMember(story).change('deleteCluster', { clusterId }, 'cluster { id }');
    expect(await followToRest(story, clusterId, events)).toMatchObject({ state: 'DELETED' });
  }
  expect(await closeStory(story, failed)).toBe(0);
});

/** Each spec that ran, from ginkgo's report in JUnit's form. */
const readSpecs = (file: string): { name: string; passed: boolean; why: string }[] =>
  [...readFileSync(file, 'utf8').matchAll(/<testcase name="([^"]*)"[^>]*status="(\w+)"[^>]*>([\s\S]*?)<\/testcase>/g)]
    .map(([, name = '', status = '', body = '']) => ({ name, status, why: /<(?:failure|error) message="([^"]*)"/.exec(body)?.[1] ?? '' }))
    .filter(({ name, status }) => name.startsWith('[It]') && status !== 'skipped')
    .map(({ name, status, why }) => ({ name, passed: status === 'passed', why }));

test(
  'nine in ten of the specs pass that may run side by side',
  async () => {
    const created = await asMember(story).change<{ cluster: { id: string } }>(
      'createCluster',
      { name: NAME, clusterTemplate: NAME, nodeCount: 2 },
      'cluster { id }',
    );
    clusterId = created.cluster.id;
    expect(await followToRest(story, clusterId, events)).toMatchObject({ settled: true, state: 'READY' });
    const path = `${story.folder}/kubeconfig`;
    await issueKubeconfig(story, clusterId, path, 6 * 3600);
    mkdirSync(OUT, { recursive: true });
    await run(`${LAB}kubernetes/conformance`, [path, OUT, ...(FOCUS === undefined ? [] : [FOCUS])], { env, timeoutMs: RUN_MS });
    const specs = readSpecs(`${OUT}/junit.xml`);
    const bad = specs.filter(({ passed }) => !passed);
    console.log(`${specs.length - bad.length} of ${specs.length} passed`);
    for (const { name, why } of bad) console.log(`FAILED ${name}: ${why.slice(0, 300)}`);
    expect(specs.length).toBeGreaterThan(0);
    expect(bad.length / specs.length).toBeLessThanOrEqual(0.1);
  },
  RUN_MS,
);
