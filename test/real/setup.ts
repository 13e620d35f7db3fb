/** Before the suite: the product is built and, when no other world is named, the lab is up. The lab is left up for the next run. */
import { spawnSync } from 'node:child_process';
import { labFolder, usesLab } from './support/world.ts';

const step = (command: string, args: string[]): number | null =>
  spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, LAB: labFolder } }).status;

export const setup = (): void => {
  if (step('npm', ['run', '--silent', 'build']) !== 0) throw new Error('The product does not build.');
  if (!usesLab) return;
  const lab = new URL('../lab/lab', import.meta.url).pathname;
  if (spawnSync(lab, ['status'], { stdio: 'ignore', env: { ...process.env, LAB: labFolder } }).status === 0) return;
  if (step(lab, ['up']) !== 0) throw new Error('The lab did not come up; test/lab/README.md says what it needs.');
};
