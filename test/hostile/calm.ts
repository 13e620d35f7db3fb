/** Queries of a calm caller, one after the other, from a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { CalmOrder } from './calmCaller.ts';

export interface Calm {
  /** Milliseconds that each took while `during` ran, the least first; at least so many queries. */
  waits(during: Promise<unknown>, least?: number): Promise<number[]>;
  close(): void;
}

export const startCalm = async (url: string): Promise<Calm> => {
  const program = new URL('calmCaller.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', 'tsx', program, url], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  const order = (what: CalmOrder) => void child.send(what);
  return {
    waits: async (during, least = 100) => {
      const heard = once(child, 'message');
      order({ least });
      const end = () => order('end');
      during.then(end, end);
      const [waits] = (await heard) as [number[]];
      await during;
      return waits;
    },
    close: () => child.disconnect(),
  };
};
