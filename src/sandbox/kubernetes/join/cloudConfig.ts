/** What cloud-init would do with a server's user data: the files it writes, the commands it runs, and the `kubeadm join` among them. */
import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { array, type Dict, dicts, isDict, text, texts } from '../objects.ts';

export interface CloudConfig {
  files: ReadonlyMap<string, string>;
  /** Each command as text, with the scripts it runs in place of their names. */
  commands: readonly string[];
}

export interface JoinCommand {
  configPath: string;
  /** Whether the command stands in a loop that tries again. */
  retries: boolean;
  /** What the script says on the console before it runs kubeadm, and before each attempt; `$attempt` stands for its number. */
  says: readonly string[];
  /** What the script is called with to install where the image lacks it; null: it is told none. */
  version: string | null;
}

const decodeContent = (file: Dict): string => {
  const encoding = text(file.encoding).toLowerCase();
  const content = text(file.content);
  const raw = /^(b64|base64|gz\+b64|gz\+base64|gzip\+b64|gzip\+base64)$/.test(encoding)
    ? Buffer.from(content, 'base64')
    : Buffer.from(content, 'latin1');
  if (/^gz/.test(encoding)) return gunzipSync(raw).toString();
  return raw.length > 0 && encoding !== '' && encoding !== 'text/plain' ? raw.toString() : content;
};

const commandText = (files: ReadonlyMap<string, string>, command: unknown): string => {
  if (typeof command === 'string') return [command, ...command.split(/[\s;&|]+/).map((w) => files.get(w) ?? '')].join('\n');
  const words = texts(array(command).map((w) => (typeof w === 'number' ? String(w) : w)));
  return [words.join(' '), ...words.map((w) => files.get(w) ?? '')].join('\n');
};

/** JSON is YAML too, and reading it as JSON is fifty times cheaper. */
const readDocument = (document: string): unknown => {
  if (document.startsWith('{')) {
    try {
      return JSON.parse(document);
    } catch {
      // YAML in flow style, or broken: the YAML reader will say.
    }
  }
  return parse(document, { maxAliasCount: 100 });
};

/** Throws with the line that cloud-init writes to the console when it cannot use the data. */
export const parseCloudConfig = (userData: string): CloudConfig => {
  if (!/^#cloud-config\s*(\r?\n|$)/.test(userData))
    throw new Error(
      "__init__.py[WARNING]: Unhandled non-multipart (text/x-not-multipart) userdata: it does not start with '#cloud-config'",
    );
  let config: unknown;
  try {
    config = readDocument(userData.slice(userData.indexOf('\n') + 1));
  } catch (error) {
    throw new Error(`util.py[WARNING]: Failed loading yaml blob. ${error instanceof Error ? error.message.split('\n')[0] : ''}`);
  }
  if (!isDict(config)) throw new Error('cloud_config.py[WARNING]: Failed loading yaml blob: it is not a mapping');
  const written = [...dicts(config.write_files)].map((f): [string, string] => [text(f.path), decodeContent(f)]);
  const files = new Map(written);
  return { files, commands: [...array(config.bootcmd), ...array(config.runcmd)].map((c) => commandText(files, c)) };
};

/** kubeadm refuses to join a machine that does not forward. */
export const forwardsPackets = ({ files, commands }: CloudConfig): boolean => {
  const setting = /net\.ipv4\.ip_forward\s*=\s*1/;
  const inFile = [...files].some(
    ([path, content]) => (path.startsWith('/etc/sysctl.d/') || path === '/etc/sysctl.conf') && setting.test(content),
  );
  return (
    inFile || commands.some((c) => /sysctl/.test(c) && setting.test(c)) || commands.some((c) => c.includes('/proc/sys/net/ipv4/ip_forward'))
  );
};

/** What is said under a condition is about what an image lacks, and the one played here has all. */
const saidBefore = (command: string): string[] =>
  [
    ...command
      .slice(0, command.search(/kubeadm\s+(join|init)\b/))
      .replace(/^if [\s\S]*?^fi$/gm, '')
      .matchAll(/^\s*say "([^"]*)"$/gm),
  ].map(([, words]) => `seedbed: ${words}`);

/** The last argument of the call itself, which stands in the first line. */
const versionIn = (command: string): string | null => /\s(v\d+\.\d+\.\d+)$/.exec(command.split('\n')[0] ?? '')?.[1] ?? null;

/** Units that a command enables and no file describes: the command fails. */
export const missingUnits = ({ files, commands }: CloudConfig): string[] =>
  commands
    .flatMap((command) => [...command.matchAll(/systemctl (?:-q )?enable --now (\S+\.service)/g)].map(([, unit = '']) => unit))
    .filter((unit) => !files.has(`/etc/systemd/system/${unit}`));

export const findJoin = ({ commands }: CloudConfig, verb: 'join' | 'init' = 'join'): JoinCommand | undefined => {
  const call = new RegExp(`kubeadm\\s+${verb}\\b[^\\n]*?--config[= ]+["']?([^\\s"';&|]+)`);
  for (const command of commands) {
    const path = call.exec(command)?.[1];
    if (path)
      return { configPath: path, retries: /\b(while|until|for)\b/.test(command), says: saidBefore(command), version: versionIn(command) };
  }
  return undefined;
};
