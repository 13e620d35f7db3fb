/** --encryption-provider-config, read as strictly as an API server does. */
import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { dict, dicts, text, texts } from '../objects.ts';
import { type SealingKeys, UNSEALED } from '../sealing.ts';
import { type CommandLine, fileOf } from './commandLine.ts';

/** What the server reads Secrets with; nothing but UNSEALED without the flag. Throws what it would end with. */
export const readEncryption = (line: CommandLine): SealingKeys => {
  if (line.flag('encryption-provider-config') === undefined) return [UNSEALED];
  const config = dict(parse(fileOf(line, 'encryption-provider-config')));
  const fail = (what: string): Error => new Error(`error while parsing encryption provider configuration file: ${what}`);
  if (config.kind !== 'EncryptionConfiguration' || config.apiVersion !== 'apiserver.config.k8s.io/v1')
    throw fail(`no kind "${text(config.kind)}" is registered for version "${text(config.apiVersion)}"`);
  const resource = dicts(config.resources).find((r) => texts(r.resources).includes('secrets'));
  const providers = dicts(resource?.providers);
  if (providers.length === 0) throw fail('resources[0].providers: Required value');
  return providers.flatMap((provider): string[] => {
    if (provider.identity !== undefined) return [UNSEALED];
    const keys = dicts(dict(provider.secretbox).keys);
    if (keys.length === 0) throw fail('the sandbox knows secretbox and identity only, each secretbox with a key');
    return keys.map(({ name, secret }) => {
      const bytes = Buffer.from(text(secret), 'base64');
      if (text(name) === '' || bytes.length !== 32) throw fail('secret is not of the expected length, got 0, expected one of [32]');
      return `${text(name)}:${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}`;
    });
  });
};
