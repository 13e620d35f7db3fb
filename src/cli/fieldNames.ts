/** The API names fields of its inputs; who typed a command wants to hear of options and of lines in a file. */
import type { Command, Option } from 'commander';
import { ClientError } from '../client/errors.ts';
import { leavesOf, valueAt } from '../lib/tree.ts';

/** The settings of a --file, as they were read. */
export interface SettingsFile {
  path: string;
  settings: Record<string, unknown>;
}

/** Options that are not called as their field is; all others are the same word in kebab-case. */
const OPTIONS: Readonly<Record<string, string>> = {
  nodeCount: '--nodes',
  labels: '--label',
  dnsNameservers: '--dns-nameserver',
  clusterTemplate: '--template',
  nodesToRemove: '--remove',
  additionalNetworks: '--additional-network',
  subnets: '--subnet',
  existingPorts: '--port',
  securityGroups: '--security-group',
  availabilityZones: '--availability-zone',
  minCount: '--min',
  maxCount: '--max',
  ttlSeconds: '--ttl',
  'policy.loadBalancers': '--keep-load-balancers',
  'policy.deadlineSeconds': '--deadline',
  'controlPlane.etcd.volumeSizeGiB': '--etcd-volume-size',
};

/** Likewise for arguments, which are named by what their id is of. */
const ARGUMENTS: Readonly<Record<string, string>> = { clusterTemplateId: 'template', nodeGroupId: 'nodegroup' };

/** How the API asks for more than an id. */
const NO_CHANGE = /(?<=^Nothing is to change; )give at least one field beside the id(?=\.$)/;

/** The same error in the words of the command line; whatever is no ClientError comes back as it is. */
export const inOptions = (error: unknown, command: Command, file: SettingsFile | null): unknown => {
  if (!(error instanceof ClientError)) return error;
  const { field } = error;
  const raw = field?.join('.') ?? '';
  const own = ownOf(raw);
  const name = raw === '' ? null : nameOf(own, command, file);
  const others = withOptions(
    error.message.replace(NO_CHANGE, 'give any of the options that --help lists'),
    command,
    own,
    isOfFile(own, command, file),
  );
  const renamed = name === null ? others : replaced(others, raw, name);
  const message = takesDuration(own, command) ? inDurations(renamed) : renamed;
  const told = name === null || message !== others;
  return new ClientError(error.code, message, { requestId: error.requestId, field: told ? null : [name], cause: error.cause });
};

/** A --file of a cluster holds what stands below "overrides". */
const ownOf = (raw: string): string => raw.replace(/^overrides\./, '');

const nameOf = (own: string, command: Command, file: SettingsFile | null): string => {
  const option = optionOf(own, command);
  if (file !== null && isOfFile(own, command, file)) return `${own} in ${file.path === '-' ? 'standard input' : file.path}`;
  // Many labels may have been given: the key says which is meant.
  if (option?.long === '--label') return own.replace(/^labels\.?/, '--label ').trimEnd();
  if (option !== null) return option.long;
  const argument = ARGUMENTS[own] ?? own.replace(/Id$/, '');
  return command.registeredArguments.some((known) => known.name() === argument) ? `<${argument}>` : own;
};

/** A field of the file that no option wins over. */
const isOfFile = (own: string, command: Command, file: SettingsFile | null): boolean =>
  file !== null && optionOf(own, command)?.given !== true && leadsInto(file.settings, own);

/** The path is in the file, or leads into a list that is. */
const leadsInto = (settings: Record<string, unknown>, path: string): boolean =>
  valueAt(settings, path) !== undefined || leavesOf(settings).some(([leaf]) => path.startsWith(`${leaf}.`));

/** The option for a field, or for what the field is part of: labels.etcd_volume_size is said by --label. */
const optionOf = (path: string, command: Command): { long: string; flags: string; given: boolean } | null => {
  for (let end = path.length; end > 0; end = path.lastIndexOf('.', end - 1)) {
    const field = path.slice(0, end);
    const long = OPTIONS[field] ?? `--${kebab(field)}`;
    const option = command.options.find((known) => known.long === long);
    if (option !== undefined) return { long, flags: option.flags, given: isGiven(option, command) };
  }
  return null;
};

const isGiven = (option: Option, command: Command): boolean => command.getOptionValueSource(option.attributeName()) === 'cli';

const takesDuration = (own: string, command: Command): boolean =>
  own.endsWith('Seconds') && optionOf(own, command)?.flags.includes('<duration>') === true;

/** Bounds in seconds, as a duration is typed. */
const inDurations = (message: string): string =>
  message.replace(/(?<=\bmust be at (?:least|most) )\d+(?=\.$)/, (text) => {
    const seconds = Number(text);
    if (seconds % 3_600 === 0) return `${seconds / 3_600}h`;
    return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
  });

const kebab = (field: string): string => field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const replaced = (message: string, raw: string, name: string): string => {
  // A plain English word is only meant as a field where it begins the sentence.
  const sought = (text: string) => {
    const escaped = text.replaceAll('.', '\\.');
    return /[A-Z.]/.test(text) ? new RegExp(`(?<![\\w.-])${escaped}(?:: true)?(?![\\w-]|\\.\\w)`, 'g') : new RegExp(`^${escaped}(?=:)`);
  };
  const once = message.replace(sought(raw), () => name);
  return once !== message ? once : message.replace(sought(ownOf(raw)), () => name);
};

/**
 * Camel-cased fields that the command has options for, wherever a remedy names them: they are no English words. `onlyGiven`: who has a
 * file to mend reads of its fields, but for those that an option was given for.
 */
const withOptions = (message: string, command: Command, blamed: string, onlyGiven: boolean): string =>
  message.replace(/(?<![\w.-])([a-z]+[A-Z]\w*)(?:: true)?(?![\w-]|\.\w)/g, (text, field: string) => {
    const long = OPTIONS[field] ?? `--${kebab(field)}`;
    const option = command.options.find((known) => known.long === long);
    return field !== blamed && option !== undefined && (!onlyGiven || isGiven(option, command)) ? long : text;
  });
