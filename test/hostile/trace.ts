/** What a process asked of the kernel, told by strace. */
import { existsSync, readFileSync } from 'node:fs';

const STRACE = '/usr/bin/strace';

/** Runs a command and notes each program it starts, each file it opens and each address it goes to, with the time. */
export const traced = (file: string): string[] => {
  if (!existsSync(STRACE)) throw new Error('strace is needed for this test: apt-get install strace');
  return [
    STRACE,
    '-f',
    '-qq',
    '-ttt',
    '-s',
    '300',
    '--seccomp-bpf',
    '-e',
    'trace=execve,execveat,open,openat,openat2,creat,connect,sendto',
    '-o',
    file,
  ];
};

export interface Trace {
  programs: string[];
  files: string[];
  /** "address:port", or a socket's path. */
  addresses: string[];
}

/** What was asked after a moment (milliseconds since 1970), each thing once. */
export const readTrace = (file: string, since: number): Trace => {
  const trace = { programs: new Set<string>(), files: new Set<string>(), addresses: new Set<string>() };
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, at = '0', call = '', words = ''] = /^\d+ +([\d.]+) (\w+)\((.*)$/.exec(line) ?? [];
    if (Number(at) * 1000 < since) continue;
    const [, text = ''] = /"((?:[^"\\]|\\.)*)"/.exec(words) ?? [];
    if (call.startsWith('exec')) trace.programs.add(text);
    else if (call === 'connect' || call === 'sendto') {
      const address = addressIn(words);
      if (address !== null) trace.addresses.add(address);
    } else if (call !== '') trace.files.add(text);
  }
  return { programs: [...trace.programs], files: [...trace.files], addresses: [...trace.addresses] };
};

/** Null: a `sendto` of a socket that is connected already. */
const addressIn = (words: string): string | null => {
  const [, port] = /sin6?_port=htons\((\d+)\)/.exec(words) ?? [];
  const [, v4] = /inet_addr\("([^"]+)"\)/.exec(words) ?? [];
  const [, v6] = /inet_pton\(AF_INET6, "([^"]+)"/.exec(words) ?? [];
  if (v4 !== undefined || v6 !== undefined) return `${v4 ?? v6}:${port}`;
  const [, path] = /sun_path=@?"([^"]+)"/.exec(words) ?? [];
  return path ?? null;
};
