/** A simulated cluster-autoscaler: it starts and leads as the real one does, and scales nothing: tests are the autoscaler. */
import { parse } from 'yaml';
import { dict, text } from '../objects.ts';
import { type CommandLine, checkCommandLine, fileOf } from './commandLine.ts';
import { type ClientDeps, clientProcess } from './components.ts';
import { parseCertificates, parsePair, requireUsage } from './pkiChecks.ts';
import type { Process } from './process.ts';

/** What the provider's client reads at its start; it dials only when it is used, and an end that is away ends nothing. */
const checkProvider = (line: CommandLine): void => {
  const config = dict(parse(fileOf(line, 'cloud-config')));
  if (!/^\S+:\d+$/.test(text(config.address))) throw new Error(`failed to parse address: ${text(config.address)}`);
  const read = (name: 'cert' | 'key' | 'cacert'): string => {
    const content = line.files.read(text(config[name]));
    if (content === undefined)
      throw new Error(`could not open ${name} configuration file "${text(config[name])}": no such file or directory`);
    return content;
  };
  requireUsage(parsePair(read('cert'), read('key'), 'failed to parse cert key pair'), 'client', 'provider certificate');
  if (parseCertificates(read('cacert'), 'cacert').length === 0) throw new Error('failed to parse ca');
};

export const startClusterAutoscaler = (line: CommandLine, deps: Omit<ClientDeps, 'lead'>): Process => {
  checkCommandLine(line);
  if (line.flag('cloud-provider') !== 'externalgrpc') throw new Error(`Unknown cloud provider: ${line.flag('cloud-provider') ?? ''}`);
  checkProvider(line);
  return clientProcess({ ...deps, lead: () => undefined }, line, 'cluster-autoscaler', () => undefined);
};
