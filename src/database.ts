/** What an operator does with the database as a whole, on the machine that has it: copy it, look at a copy, and put one back. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ClientError } from './client/errors.ts';
import { ConfigError, type Environment, readStorage } from './config.ts';
import { SeedbedError } from './domain/errors.ts';
import { readEncryptionKeys } from './keyFile.ts';
import { type AuditCheck, checkAuditLog, type KnownRow } from './store/auditCheck.ts';
import { type CopyFacts, makeCopy, readCopy } from './store/databaseCopy.ts';
import { restoreDatabase } from './store/databaseRestore.ts';
import { keyIdOf } from './store/sealing.ts';

/** In the data folder. */
export const DATABASE = 'seedbed.db';
export const MIGRATIONS = new URL('../drizzle/sqlite', import.meta.url).pathname;

export interface Around {
  environment: Environment;
  say(text: string): void;
  now(): number;
}

export interface DatabaseOptions {
  data?: string;
}

export const backupDatabase = (file: string, options: DatabaseOptions, around: Around): void =>
  told(() => {
    const { data } = storageOf(options, around);
    const facts = makeCopy({ from: join(data, DATABASE), to: resolve(file), migrations: MIGRATIONS, now: around.now() });
    around.say(`${file} is a copy of the database in ${data}, whole as of ${timeOf(facts.madeAt)}.\n${needs(facts)}`);
  });

export const restoreFrom = (file: string, options: DatabaseOptions, around: Around): Promise<void> =>
  told(async () => {
    const { data, keyIds } = storageOf(options, around);
    const path = join(data, DATABASE);
    const restored = await restoreDatabase({ file: resolve(file), path, keyIds, migrations: MIGRATIONS, clock: { now: around.now } });
    const aside = restored.aside === null ? '' : `The one before is kept as ${restored.aside}.\n`;
    around.say(
      `The database in ${data} is the copy ${file}${restored.madeAt === null ? '' : ` of ${timeOf(restored.madeAt)}`}.\n${aside}` +
        'Start the server: it takes over what clusters of the copy have more of, and lists the rest (seedbed orphans list).\n',
    );
  });

export const describeCopy = (file: string, options: DatabaseOptions & { json?: boolean }, around: Around): void =>
  told(() => {
    const { keyIds } = storageOf(options, around);
    const facts = readCopy(resolve(file), MIGRATIONS);
    const missingKeyIds = facts.keyIds.filter((id) => !keyIds.includes(id));
    if (options.json === true) return around.say(`${JSON.stringify({ ...facts, missingKeyIds }, null, 2)}\n`);
    const missing = missingKeyIds.length === 0 ? '' : `Not at hand: ${missingKeyIds.join(', ')}.\n`;
    around.say(`${file} is whole, of ${timeOf(facts.madeAt)}, schema ${facts.schema}.\n${needs(facts)}${missing}`);
  });

export interface AuditOptions extends DatabaseOptions {
  file?: string;
  known?: string;
  json?: boolean;
}

/** @throws ClientError AUDIT_BROKEN naming the first row that does not fit. */
export const verifyAudit = (options: AuditOptions, around: Around): void =>
  told(() => {
    const file = options.file === undefined ? join(storageOf(options, around).data, DATABASE) : resolve(options.file);
    const check = checkAuditLog(file, options.known === undefined ? null : readKnown(options.known));
    if (options.json === true) around.say(`${JSON.stringify(check, null, 2)}\n`);
    else around.say(auditText(check));
    const { broken } = check;
    if (broken !== null) throw new ClientError('AUDIT_BROKEN', `The audit log is broken at row ${broken.number}: ${broken.why}.`);
  });

const readKnown = (text: string): KnownRow => {
  const [, number, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (number === undefined || hash === undefined)
    throw new ClientError('USAGE', '--known must be a row as it was told before, such as 42:9f86d0…, with all 64 digits of its hash.');
  return { number: Number(number), hash };
};

const auditText = ({ rows, unchained, first, last, anchor, broken }: AuditCheck): string =>
  [
    broken !== null || last === null ? '' : `${rows} rows fit together, from ${first} to ${last.number}.\n`,
    broken !== null || last !== null ? '' : 'The audit log has no rows that can be checked.\n',
    anchor === null ? '' : `Those up to ${anchor} were forgotten for their age.\n`,
    unchained === 0 ? '' : `${unchained} rows are of releases that had no chain.\n`,
    broken !== null || last === null ? '' : `Note this elsewhere, and give it to --known one day: ${last.number}:${last.hash}\n`,
  ].join('');

const needs = ({ keyIds }: CopyFacts): string =>
  keyIds.length === 0
    ? 'It has no secrets, and needs no encryption key.\n'
    : `It needs the encryption keys ${keyIds.join(', ')}, which are not in it: keep the key file elsewhere.\n`;

const timeOf = (at: number | null): string => (at === null ? 'an unknown time' : new Date(at).toISOString());

/** Keys are read where there are any; none is made. */
const storageOf = (options: DatabaseOptions, { environment }: Around): { data: string; keyIds: string[] } => {
  const { data, encryptionKeyFile } = readStorage(environment, options.data === undefined ? {} : { data: options.data });
  const isThere = encryptionKeyFile !== null || existsSync(join(data, 'seedbed.key'));
  return { data, keyIds: isThere ? readEncryptionKeys(encryptionKeyFile, data).map(keyIdOf) : [] };
};

/** The command line knows its own errors, and gives each its exit status. */
const told = <T>(work: () => T): T => {
  const asClientError = (error: unknown): never => {
    if (!(error instanceof SeedbedError) || error instanceof ConfigError) throw error;
    throw new ClientError(error.code, error.message, { cause: error });
  };
  try {
    const result = work();
    return result instanceof Promise ? (result.catch(asClientError) as T) : result;
  } catch (error) {
    return asClientError(error);
  }
};
