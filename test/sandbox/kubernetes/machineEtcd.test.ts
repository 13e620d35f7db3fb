/** etcd on machines: who has a vote, when it answers, and that nobody takes the place of a member that is on the list still. */
import { beforeEach, expect, test } from 'vitest';
import { buildSeedEtcdTask } from '../../../src/controlPlane/seedEtcdTask.ts';
import { defaultRelease } from '../../../src/domain/version.ts';
import type { ControlPlaneFiles, World } from '../../../src/sandbox/contract.ts';
import type { Cluster } from '../../../src/sandbox/kubernetes/cluster.ts';
import { createMachineEtcd, type MachineEtcd } from '../../../src/sandbox/kubernetes/machineEtcd.ts';
import type { KubeObject } from '../../../src/sandbox/kubernetes/objects.ts';
import { createWorldFile } from '../../../src/sandbox/world.ts';

const ID = 'cluster';
const addressOf = (index: number): string => `10.220.0.${10 + index}`;
const machine = (index: number, serverId = `server-${index}`) => ({ serverId, name: `machine-${index}`, floatingIps: () => [] });
const filesOf = (index: number) => ({ id: ID, address: addressOf(index) }) as ControlPlaneFiles;

let world: World;
let etcd: MachineEtcd;
beforeEach(() => {
  world = createWorldFile(null);
  etcd = createMachineEtcd({ world, now: () => Date.now() });
});

const join = (index: number, serverId?: string): void => etcd.join(ID, addressOf(index), machine(index, serverId));
const start = (index: number, serverId?: string): void => etcd.start(filesOf(index), machine(index, serverId));
const answering = (): number[] => [0, 1, 2].filter((index) => etcd.answers(ID, `server-${index}`));

/** Three of them. */
const makeThree = (): void => {
  start(0);
  for (const index of [1, 2]) {
    join(index);
    start(index);
  }
};

/** What the product's own errand says on a machine; `change`: in what it is to be different. */
const etcdctl = (node: number, words: string[], change: (spec: { volumes: unknown[] }) => object = (spec) => spec) => {
  const task = buildSeedEtcdTask({
    kind: 'look',
    nodeName: `machine-${node}`,
    words,
    release: defaultRelease,
    imageRegistry: null,
    imageDigests: new Map(),
  });
  const { spec } = (task.spec as { template: { spec: { volumes: unknown[] } } }).template;
  const pod = { metadata: { name: 'task', uid: 'task' }, spec: { ...change(spec), nodeName: `machine-${node}` } } as unknown as KubeObject;
  const verdict = etcd.playEtcdctl({} as Cluster, ID, pod, () => {})?.check();
  return verdict?.state === 'ended' ? verdict.containers.look : undefined;
};

const idOf = (index: number): string => {
  const said = etcdctl(index === 0 ? 1 : 0, ['member', 'list'])?.said.replace(/"ID":(\d+)/g, '"ID":"$1"') ?? '';
  const { members } = JSON.parse(said) as { members: { ID: string; peerURLs: string[] }[] };
  return BigInt(members.find(({ peerURLs }) => peerURLs.includes(`https://${addressOf(index)}:2380`))?.ID ?? 0).toString(16);
};

test('a newcomer is a learner until it starts, and two are not let in at once', () => {
  start(0);
  join(1);
  expect(answering()).toEqual([0]);
  expect(() => join(2)).toThrow('too many learner members');
  start(1);
  join(2);
  start(2);
  expect(answering()).toEqual([0, 1, 2]);
});

test('it answers while most of its members run', () => {
  makeThree();
  etcd.stop('server-0');
  expect(answering()).toEqual([1, 2]);
  etcd.stop('server-1');
  expect(answering()).toEqual([]);
  expect(() => join(1, 'new')).toThrow('context deadline exceeded');
  start(0);
  expect(answering()).toEqual([0, 2]);
});

test('who comes in the place of a lost member is refused until that one is off the list', () => {
  makeThree();
  etcd.stop('server-0');
  expect(() => join(0, 'new')).toThrow('Was the raft log corrupted, truncated, or lost?');
  expect(etcdctl(1, ['member', 'remove', idOf(0)])?.code).toBe(0);
  join(0, 'new');
  start(0, 'new');
  expect(etcd.answers(ID, 'new')).toBe(true);
  expect(() => start(0)).toThrow('permanently removed');
});

test('what members there are outlives the process', () => {
  makeThree();
  etcd = createMachineEtcd({ world, now: () => Date.now() });
  start(1);
  expect(answering()).toEqual([]);
  start(2);
  expect(answering()).toEqual([1, 2]);
});

test('etcdctl is let in with the files of a machine that runs a member, and there alone', () => {
  makeThree();
  expect(etcdctl(2, ['member', 'list'])?.code).toBe(0);
  expect(etcdctl(2, ['member', 'list'], (spec) => ({ ...spec, volumes: [{ name: 'files', emptyDir: {} }] }))).toMatchObject({ code: 1 });
  expect(etcdctl(3, ['member', 'list'])?.said).toContain('connection refused');
});
