/** cloud-init itself, as a reader of user data. Debian's own package is unpacked beside the system and not installed: it would run at the next start of the machine. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const IMPORTS = 'import cloudinit.config.schema, cloudinit.user_data, cloudinit.config.cc_write_files, jsonschema';
/** cloud-init, and what of Python it needs; nothing of it has a script to run. */
const PACKAGES = [
  ['cloud-init', 'python3-yaml', 'python3-jsonschema', 'python3-attr', 'python3-pyrsistent', 'python3-jinja2', 'python3-markupsafe'],
  ['python3-configobj', 'python3-six', 'python3-oauthlib', 'python3-serial', 'python3-jsonpatch', 'python3-json-pointer'],
  ['python3-requests', 'python3-urllib3', 'python3-idna', 'python3-chardet', 'python3-certifi', 'python3-netifaces'],
].flat();

const OWN = join(tmpdir(), 'seedbed-cloud-init');
const LIBRARY = join(OWN, 'root/usr/lib/python3/dist-packages');
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', PYTHONWARNINGS: 'ignore', PYTHONIOENCODING: 'utf-8', LANG: 'C.UTF-8' };

/** Where to import from; '' is the system's own. Unpacked once, and kept in the temporary directory. */
export const findLibrary = (): string => {
  const works = (library: string) =>
    spawnSync('/usr/bin/python3', ['-c', IMPORTS], { env: { ...ENVIRONMENT, PYTHONPATH: library } }).status === 0;
  const found = ['', LIBRARY].find(works);
  if (found !== undefined) return found;
  mkdirSync(OWN, { recursive: true, mode: 0o700 });
  const run = (command: string, ...args: string[]) => spawnSync(command, args, { cwd: OWN, encoding: 'utf8' });
  let got = run('apt-get', '-q', 'download', ...PACKAGES);
  if (got.status !== 0) {
    run('apt-get', '-q', 'update');
    got = run('apt-get', '-q', 'download', ...PACKAGES);
  }
  for (const file of readdirSync(OWN).filter((name) => name.endsWith('.deb'))) run('dpkg', '-x', file, 'root');
  if (!works(LIBRARY)) throw new Error(`cloud-init could not be had: this test needs Debian's packages and python3. ${got.stderr}`);
  return LIBRARY;
};

export interface Read {
  error?: string;
  types: string[];
  config: unknown;
  files: { path: string; permissions: string; content: string }[];
  commands: string[][];
  /** All commands, as a shell is given them. */
  script: string;
}

/** One answer for each text, in their order. */
export const readAll = async (library: string, texts: readonly string[], ...options: 'lenient'[]): Promise<Read[]> => {
  const child = spawn('/usr/bin/python3', [join(import.meta.dirname, 'read.py'), ...options], {
    env: { ...ENVIRONMENT, PYTHONPATH: library },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stdin.end(texts.map((text) => `${Buffer.from(text).toString('base64')}\n`).join(''));
  await ended;
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Read);
};
