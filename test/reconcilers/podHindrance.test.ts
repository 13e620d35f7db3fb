/** Why a pod does not start, from its status. */
import { expect, test } from 'vitest';
import { hasRun, hindranceOf } from '../../src/reconcilers/podHindrance.ts';
import type { KubernetesObject } from '../../src/seeds/kinds.ts';

const pod = (status: object): KubernetesObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, status }) as KubernetesObject;
const waiting = (reason: string, message?: string) => pod({ containerStatuses: [{ name: 'c', state: { waiting: { reason, message } } }] });

test('what the kubelet or the scheduler says is in its way is told', () => {
  expect(hindranceOf(waiting('ErrImagePull', 'not\n  found'))).toEqual({ reason: 'ErrImagePull', message: 'not found' });
  expect(hindranceOf(waiting('CreateContainerError'))).toEqual({ reason: 'CreateContainerError', message: '' });
  const unplaced = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' };
  expect(hindranceOf(pod({ conditions: [unplaced] }))).toEqual({ reason: 'Unschedulable', message: '0/1 nodes are available' });
  expect(hindranceOf(pod({ initContainerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff' } } }] }))?.reason).toBe(
    'ImagePullBackOff',
  );
});

test('what is on its way, runs or has ended is not hindered', () => {
  expect(hindranceOf(pod({}))).toBeUndefined();
  expect(hindranceOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } } as KubernetesObject)).toBeUndefined();
  expect(hindranceOf(waiting('ContainerCreating', 'network is not ready'))).toBeUndefined();
  expect(hindranceOf(pod({ conditions: [{ type: 'PodScheduled', status: 'True' }] }))).toBeUndefined();
  expect(hindranceOf(pod({ containerStatuses: [{ state: { running: { startedAt: '' } } }] }))).toBeUndefined();
});

test('a message is one short line without credentials', () => {
  const said = hindranceOf(waiting('ErrImagePull', 'Get "https://robot:hunter2@mirror.example.org/v2/?token=hunter2": denied'))?.message;
  expect(said).toBe('Get "https://mirror.example.org/v2/": denied');
  expect(hindranceOf(waiting('ErrImagePull', 'x'.repeat(5_000)))?.message.length).toBeLessThan(310);
});

test('it has run if a container ever did, and may have if nobody can read that', () => {
  expect(hasRun(pod({}))).toBe(false);
  expect(hasRun(waiting('ImagePullBackOff'))).toBe(false);
  expect(hasRun(pod({ containerStatuses: [{ state: { running: {} } }] }))).toBe(true);
  expect(hasRun(pod({ containerStatuses: [{ state: { terminated: { exitCode: 1 } } }] }))).toBe(true);
  expect(hasRun(pod({ containerStatuses: [{ restartCount: 1, state: { waiting: { reason: 'CrashLoopBackOff' } } }] }))).toBe(true);
  expect(hasRun(pod({ containerStatuses: 'none' }))).toBe(true);
});
