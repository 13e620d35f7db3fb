/** The keys that seal secrets: from a file of the operator's, or one made at the first start. */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from './config.ts';

/** One key a line, 32 bytes in base64; the first seals, all open. Throws ConfigError when the file is not such, or others may read it. */
export const loadEncryptionKeys = (path: string | null, dataDir: string): Buffer[] => {
  if (path === null && !existsSync(fileOf(path, dataDir))) makeKeyFile(fileOf(path, dataDir), dataDir);
  return readEncryptionKeys(path, dataDir);
};

/** Those that are there already. Throws ConfigError as above. */
export const readEncryptionKeys = (path: string | null, dataDir: string): Buffer[] => {
  const file = fileOf(path, dataDir);
  if (!existsSync(file)) throw new ConfigError(`The encryption key file ${file} is not there.`);
  if ((statSync(file).mode & 0o077) !== 0)
    throw new ConfigError(`The encryption key file ${file} can be read by others; chmod it to 0600.`);
  const keys = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => Buffer.from(line.trim(), 'base64'));
  if (keys.length === 0 || keys.some((key) => key.length !== 32)) {
    throw new ConfigError(`The encryption key file ${file} must hold one key a line: 32 random bytes in base64.`);
  }
  return keys;
};

const fileOf = (path: string | null, dataDir: string): string => path ?? join(dataDir, 'seedbed.key');

const makeKeyFile = (file: string, dataDir: string): void => {
  // A new key beside an old database would make all its secrets unreadable.
  if (existsSync(join(dataDir, 'seedbed.db')))
    throw new ConfigError(`${file} is missing, and the database beside it was sealed with it. Restore it.`);
  const fd = openSync(file, 'wx', 0o600);
  writeSync(fd, `${randomBytes(32).toString('base64')}\n`);
  fsyncSync(fd);
  closeSync(fd);
};
