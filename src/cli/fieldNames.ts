/** The API names fields of its inputs; who typed a command wants to hear of options and of lines in a file. */
import type { Command } from 'commander';
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

/** The same error in the words of the command line; whatever is no ClientError comes back as it is. */
export const inOptions = (error: unknown, command: Command, file: SettingsFile | null): unknown => {
  if (!(error instanceof ClientError)) return error;
  const { field } = error;
  const raw = field?.join('.') ?? '';
  const name = raw === '' ? null : nameOf(raw, command, file);
  const others = withOptions(error.message, command, ownOf(raw));
  const message = name === null ? others : replaced(others, raw, name);
  const told = name === null || message !== others;
  return new ClientError(error.code, message, { requestId: error.requestId, field: told ? null : [name], cause: error.cause });
};

/** A --file of a cluster holds what stands below "overrides". */
const ownOf = (raw: string): string => raw.replace(/^overrides\./, '');

const nameOf = (raw: string, command: Command, file: SettingsFile | null): string => {
  const own = ownOf(raw);
  const option = optionOf(own, command);
  if (option?.given === true) return option.long;
  if (file !== null && leadsInto(file.settings, own)) return `${own} in ${file.path === '-' ? 'standard input' : file.path}`;
  if (option !== null) return option.long;
  const argument = ARGUMENTS[own] ?? own.replace(/Id$/, '');
  return command.registeredArguments.some((known) => known.name() === argument) ? `<${argument}>` : own;
};

/** The path is in the file, or leads into a list that is. */
const leadsInto = (settings: Record<string, unknown>, path: string): boolean =>
  valueAt(settings, path) !== undefined || leavesOf(settings).some(([leaf]) => path.startsWith(`${leaf}.`));

/** The option for a field, or for what the field is part of: labels.etcd_volume_size is said by --label. */
const optionOf = (path: string, command: Command): { long: string; given: boolean } | null => {
  for (let end = path.length; end > 0; end = path.lastIndexOf('.', end - 1)) {
    const field = path.slice(0, end);
    const long = OPTIONS[field] ?? `--${kebab(field)}`;
    const option = command.options.find((known) => known.long === long);
    if (option !== undefined) return { long, given: command.getOptionValueSource(option.attributeName()) === 'cli' };
  }
  return null;
};

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

/** Camel-cased fields that the command has options for, wherever a remedy names them: they are no English words. */
const withOptions = (message: string, command: Command, blamed: string): string =>
  message.replace(/(?<![\w.-])([a-z]+[A-Z]\w*)(?:: true)?(?![\w-]|\.\w)/g, (text, field: string) => {
    const long = OPTIONS[field] ?? `--${kebab(field)}`;
    return field !== blamed && command.options.some((known) => known.long === long) ? long : text;
  });
