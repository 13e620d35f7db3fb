/** Packages of Python for tests alone, in environments of their own. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const HAS_ALL = `
import sys
from importlib.metadata import version
for line in open(sys.argv[1]):
    name, wanted = line.strip().split('==')
    assert version(name) == wanted, name
`;

/**
 * A Python that has just the versions of a requirements file (lines `name==version`, what they need themselves included). Made once and kept in the
 * temporary directory, by the file's content. Throws what pip says when they cannot be installed.
 */
export const pythonWith = (requirements: string): string => {
  const own = join(tmpdir(), `seedbed-python-${createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12)}`);
  const python = join(own, 'bin/python');
  const lacks = () => spawnSync(python, ['-c', HAS_ALL, requirements]).status !== 0;
  if (!lacks()) return python;
  for (const [command, ...args] of [
    ['python3', '-m', 'venv', own],
    [join(own, 'bin/pip'), 'install', '--quiet', '--no-deps', '--requirement', requirements],
  ] as [string, ...string[]][]) {
    const run = spawnSync(command, args, { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${run.stderr}`);
  }
  return python;
};
