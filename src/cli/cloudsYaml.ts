/** clouds.yaml, found and read as OpenStack's own clients do (openstacksdk's configuration guide). */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { ClientError } from '../client/errors.ts';

export interface CloudEntry {
  auth: Record<string, unknown>;
  auth_type?: unknown;
  cacert?: unknown;
  verify?: unknown;
  system_scope?: unknown;
}

export interface Places {
  /** OS_CLIENT_CONFIG_FILE, when it is set: then no other place counts. */
  file: string | undefined;
  cwd: string;
  home: string;
}

/** The entry of this name, with the secrets of a secure.yaml beside it. Throws ClientError USAGE that says where it looked. */
export const readCloud = (name: string, places: Places): CloudEntry => {
  const candidates =
    places.file !== undefined
      ? [places.file]
      : [places.cwd, join(places.home, '.config', 'openstack'), '/etc/openstack'].flatMap((folder) => [
          join(folder, 'clouds.yaml'),
          join(folder, 'clouds.yml'),
        ]);
  const path = candidates.find((candidate) => readText(candidate) !== null);
  if (path === undefined)
    throw new ClientError('USAGE', `OS_CLOUD is ${name}, and there is no clouds.yaml: looked for ${candidates.join(', ')}.`);
  const clouds = cloudsOf(path);
  const entry = clouds[name];
  if (!isMap(entry)) {
    const known = Object.keys(clouds).join(', ') || 'none';
    throw new ClientError('USAGE', `${path} has no cloud named ${name}; it has: ${known}.`);
  }
  const securePath = join(dirname(path), 'secure.yaml');
  const secret = readText(securePath) === null ? undefined : cloudsOf(securePath)[name];
  const merged = isMap(secret) ? { ...entry, ...secret, auth: { ...mapOr(entry['auth']), ...mapOr(secret['auth']) } } : entry;
  return { ...merged, auth: mapOr(merged['auth']) };
};

const cloudsOf = (path: string): Record<string, unknown> => {
  let document: unknown;
  try {
    document = parse(readText(path) ?? '');
  } catch (error) {
    throw new ClientError('USAGE', `${path} is not YAML.`, { cause: error });
  }
  return isMap(document) ? mapOr(document['clouds']) : {};
};

const readText = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};

const isMap = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object' && !Array.isArray(value);
const mapOr = (value: unknown): Record<string, unknown> => (isMap(value) ? value : {});
