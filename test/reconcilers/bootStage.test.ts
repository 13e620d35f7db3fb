/** What a server's console says of its way into the cluster, in words for a customer. */
import { expect, test } from 'vitest';
import { stageIn } from '../../src/reconcilers/node/bootStage.ts';

const line = (text: string) => `[   21.318802] cloud-init[614]: seedbed: ${text}\r`;

test.each([
  ['nothing yet', ['[    0.000000] Linux version 6.1.0'], null],
  ['its kernel', [line('stage kernel')], 'prepares its kernel'],
  ['packages', [line('stage kernel'), line('stage packages')], 'installs packages'],
  ['packages again', [line('stage packages, attempt 2')], 'installs packages, attempt 2'],
  ['what the image lacks', [line('failed: the image lacks kubeadm, and no more')], 'has given up: the image lacks kubeadm, and no more'],
  ['containerd', [line('stage kernel'), line('stage containerd')], 'starts containerd'],
  ['the first attempt', [line('stage join, attempt 1'), '[preflight] Running pre-flight checks'], 'joins the cluster'],
  [
    'a later attempt',
    [line('stage join, attempt 1'), 'error execution phase', line('stage join, attempt 12')],
    'joins the cluster, attempt 12',
  ],
  ['its end', [line('stage join, attempt 30'), line('failed to join')], 'has given up joining'],
  ['its success', [line('stage join, attempt 1'), line('joined'), 'login:'], 'has joined, and its kubelet is to say so'],
  ['a stage of another time', [line('stage elsewhere')], null],
  ['somebody else’s words', ['seedbed: stage kernel panics'], null],
])('%s', (_what, console, stage) => {
  expect(stageIn(console.join('\n'))).toBe(stage);
});
