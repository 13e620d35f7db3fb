/** A customer's own cloud-init: a map of settings that is read strictly, and merged with what makes a server join. */
import { posix } from 'node:path';
import { UserError } from '../domain/errors.ts';
import type { Json } from '../lib/json.ts';
import { nearest } from '../lib/nearest.ts';
import { readStrictYaml } from '../lib/strictYaml.ts';
import { JOIN_CONFIG_PATH, JOIN_SCRIPT_PATH, SYSCTL_PATH } from './joinScript.ts';

export type CloudInit = Record<string, Json>;

interface OwnConfig {
  write_files: { path: string; permissions: string; content: string }[];
  runcmd: string[][];
}

/** Keys of cloud-config that touch nothing of ours; all but the last three are taken over as they are. */
const TAKEN: ReadonlySet<string> = new Set([
  ...['apt', 'yum_repos', 'yum_repo_dir', 'zypper', 'snap', 'packages', 'package_update', 'package_upgrade', 'ca_certs'],
  ...['users', 'user', 'groups', 'chpasswd', 'password', 'ssh_pwauth', 'disable_root', 'disable_root_opts', 'ssh_authorized_keys'],
  ...['ssh_import_id', 'ssh', 'ssh_keys', 'ssh_deletekeys', 'ssh_genkeytypes', 'allow_public_ssh_keys', 'no_ssh_fingerprints'],
  ...['timezone', 'locale', 'keyboard', 'ntp', 'rsyslog', 'manage_resolv_conf', 'resolv_conf', 'random_seed'],
  ...['disk_setup', 'fs_setup', 'mounts', 'mount_default_fields', 'growpart', 'resize_rootfs'],
  ...['bootcmd', 'write_files', 'runcmd'],
]);

/** Why a key that cloud-init knows is not taken. */
const REFUSED: Readonly<Record<string, string>> = {
  hostname: "a worker's name is its server's",
  fqdn: "a worker's name is its server's",
  preserve_hostname: "a worker's name is its server's",
  prefer_fqdn_over_hostname: "a worker's name is its server's",
  create_hostname_file: "a worker's name is its server's",
  manage_etc_hosts: "a worker's name is its server's",
  swap: 'a kubelet does not start on a server with swap',
  power_state: 'it would stop the server once it has joined',
  package_reboot_if_required: 'it would restart the server while it joins',
  merge_how: 'how your settings and ours are merged is fixed',
  merge_type: 'how your settings and ours are merged is fixed',
  cloud_init_modules: 'the join needs the modules as they are',
  cloud_config_modules: 'the join needs the modules as they are',
  cloud_final_modules: 'the join needs the modules as they are',
  unverified_modules: 'the join needs the modules as they are',
  output: 'the join tells its stages on the console',
  datasource: 'the cloud says where a server finds its data',
  datasource_list: 'the cloud says where a server finds its data',
  network: 'the cloud says which addresses a server has',
};

/** With one of these on its disk, `kubeadm join` refuses. */
const OF_KUBEADM = [
  '/etc/kubernetes/kubelet.conf',
  '/etc/kubernetes/bootstrap-kubelet.conf',
  '/etc/kubernetes/pki/ca.crt',
  '/etc/kubernetes/manifests/',
  '/var/lib/kubelet/config.yaml',
];
const OURS = ['/etc/seedbed/', '/etc/modules-load.d/seedbed.conf', JOIN_CONFIG_PATH, JOIN_SCRIPT_PATH, SYSCTL_PATH];

/** Half a character, and the end of text to many a reader. */
const NO_TEXT = /\p{Surrogate}|\0/u;

/** PyYAML takes no longer keys. */
const MAX_KEY = 1000;

/** @throws UserError INVALID_INPUT that names the key, below `field`. */
export const parseCloudInit = (text: string, field: readonly string[]): CloudInit => {
  const refuse = (message: string, line = 0): UserError =>
    invalid(`The settings in it ${message}${line > 0 ? ` (line ${line})` : ''}.`, field);
  if (NO_TEXT.test(text)) throw refuse('hold characters that no file can');
  // It ends a line in YAML, and not in every reader.
  if (/\r(?!\n)/.test(text)) throw refuse('hold a carriage return alone; end lines with a line feed');
  if (/^#!/.test(text)) throw invalid('It is a script; cloud-init takes settings here: give the script as a command in runcmd.', field);
  const [config, second] = readStrictYaml(text, { refuse, odd: 'refuse' });
  if (second !== undefined) throw refuse('are more than one document; give one');
  if (!isMap(config)) throw invalid('It must be a YAML map of cloud-init\'s settings, such as "packages: [nfs-common]".', field);
  refuseOddText(config, field);
  for (const key of Object.keys(config)) refuseKey(key, [...field, key]);
  checkFiles(config.write_files, [...field, 'write_files']);
  for (const key of ['bootcmd', 'runcmd']) checkCommands(config[key], [...field, key]);
  return config;
};

/**
 * Ours wins. Files of theirs are written after ours, and none in the place of ours. Their commands run before the join, in one shell of
 * their own: what they do there (exit, cd, an error of syntax) is not ours to end with.
 */
export const mergeCloudInit = (own: OwnConfig, { write_files: files, runcmd: commands, ...others }: CloudInit): object => ({
  ...others,
  write_files: [...own.write_files, ...listOf(files)],
  runcmd: [...(listOf(commands).length === 0 ? [] : [['sh', '-c', scriptOf(listOf(commands))]]), ...own.runcmd],
});

/** As cloud-init makes a script of runcmd: a text is a line of shell, a list is one command and its arguments. */
const scriptOf = (commands: readonly Json[]): string =>
  commands
    .map((command) => (Array.isArray(command) ? command.map((word) => `'${String(word).replaceAll("'", "'\\''")}'`).join(' ') : command))
    .map((line) => `${line}\n`)
    .join('');

const refuseKey = (key: string, field: readonly string[]): void => {
  if (TAKEN.has(key)) return;
  const shown = JSON.stringify(key.slice(0, 60));
  if (Object.hasOwn(REFUSED, key)) throw invalid(`${shown} is not taken here, for ${REFUSED[key]}; leave it out.`, field);
  const near = nearest(key.replaceAll('-', '_'), [...TAKEN]);
  throw invalid(
    `${shown} is not among the keys that are taken here; ${near === undefined ? 'leave it out, or do it with runcmd.' : `did you mean "${near}"?`}`,
    field,
  );
};

/** Escapes in the text may have made what the text itself cannot hold. */
const refuseOddText = (value: Json, field: readonly string[]): void => {
  if (typeof value === 'string' && NO_TEXT.test(value)) throw invalid('It holds characters that no file can.', field);
  if (Array.isArray(value)) for (const [i, item] of value.entries()) refuseOddText(item, [...field, String(i)]);
  if (!isMap(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key.length > MAX_KEY) throw invalid(`It has a key of more than ${MAX_KEY} characters.`, field);
    refuseOddText(key, field);
    refuseOddText(inner, [...field, key]);
  }
};

const checkFiles = (files: Json | undefined, field: readonly string[]): void => {
  if (files === undefined) return;
  if (!Array.isArray(files)) throw invalid('write_files must be a list of files.', field);
  for (const [i, file] of files.entries()) {
    const at = [...field, String(i)];
    if (!isMap(file)) throw invalid('A file must be a map with path and content.', at);
    const { path, content, permissions } = file;
    if (typeof path !== 'string' || !path.startsWith('/')) throw invalid('A file needs a path that begins with "/".', [...at, 'path']);
    if (content !== undefined && typeof content !== 'string')
      throw invalid("A file's content must be text; put it in quotes, or after a |.", [...at, 'content']);
    // YAML makes another number of 0644, and cloud-init's own schema wants text.
    if (permissions !== undefined && (typeof permissions !== 'string' || !/^0?[0-7]{3,4}$/.test(permissions)))
      throw invalid('Permissions must be octal digits in quotes, such as "0644".', [...at, 'permissions']);
    // POSIX may keep two slashes at the beginning; Linux does not.
    const place = posix.normalize(path).replace(/^\/+/, '/');
    const clash = [...OURS, ...OF_KUBEADM].find((taken) => (taken.endsWith('/') ? `${place}/`.startsWith(taken) : place === taken));
    if (clash !== undefined)
      throw invalid(`The file ${clash} is written when the worker joins, and cannot be another; choose another path.`, [...at, 'path']);
  }
};

const checkCommands = (commands: Json | undefined, field: readonly string[]): void => {
  if (commands === undefined) return;
  if (!Array.isArray(commands)) throw invalid('It must be a list of commands.', field);
  const isWord = (word: Json): boolean => typeof word === 'string' || typeof word === 'number';
  const odd = commands.findIndex((c) => !(Array.isArray(c) ? c.length > 0 && c.every(isWord) : typeof c === 'string'));
  if (odd >= 0) throw invalid('A command must be text, or a list of words; put in quotes what is not text.', [...field, String(odd)]);
};

const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

const isMap = (value: Json | undefined): value is CloudInit => value !== null && typeof value === 'object' && !Array.isArray(value);

const invalid = (message: string, field: readonly string[]): UserError => new UserError('INVALID_INPUT', message, { field: [...field] });
