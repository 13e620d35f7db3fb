/** How far a server is on its way into the cluster, by the stages that its join script says on the console. */
import { SeedbedError } from '../../domain/errors.ts';
import type { NodeScope } from './scope.ts';

/** What kubeadm says of one attempt fits, so the stage before it is still seen. */
const LINES = 150;

/** Each goes on after "it". */
const WORDS: Readonly<Record<string, string>> = {
  kernel: 'prepares its kernel',
  packages: 'installs packages',
  containerd: 'starts containerd',
  join: 'joins the cluster',
};

/** Null: cloud-init has not come to the script yet, or the image keeps its console to itself. */
export const stageIn = (console: string): string | null => {
  const last = [
    ...console.matchAll(/^.*seedbed: (stage (\w+)(?:, attempt (\d+))?|failed to join|failed: [\w ,.-]{1,200}|joined)\s*$/gm),
  ].at(-1);
  if (last === undefined) return null;
  const [, said, stage, attempt] = last;
  if (said === 'joined') return 'has joined, and its kubelet is to say so';
  if (said === 'failed to join') return 'has given up joining';
  if (said?.startsWith('failed: ')) return `has given up: ${said.slice('failed: '.length)}`;
  const words = WORDS[stage ?? ''];
  return words === undefined ? null : attempt === undefined || attempt === '1' ? words : `${words}, attempt ${attempt}`;
};

/** Nothing waits for it: a console that cannot be read says nothing. */
export const readStage = async (scope: NodeScope): Promise<string | null> => {
  if (scope.row.serverId === null) return null;
  try {
    return stageIn(await scope.cloud().compute.consoleOutput(scope.row.serverId, LINES));
  } catch (error) {
    if (error instanceof SeedbedError) return null;
    throw error;
  }
};
