/** What a command works with: a logged-in client, the screen, and how answers are printed. */

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type Client, createClient, type Variables } from '../client/client.ts';
import { ClientError } from '../client/errors.ts';
import type { Operation } from '../client/types.ts';
import { createTokenSource, type Environment, readLogin } from './auth.ts';
import type { SettingsFile } from './fieldNames.ts';
import { explained } from './inputFaults.ts';
import type { Screen } from './progress.ts';
import { waitForOperation } from './wait.ts';

/** The world outside, handed in so that commands can be tested. */
export interface Io {
  environment: Environment;
  cwd: string;
  home: string;
  out(text: string): void;
  /** Progress and messages, on stderr. */
  screen: Screen;
  signal: AbortSignal;
}

/** Options of every command. */
export interface CommonOptions {
  url?: string;
  osCloud?: string;
  json?: boolean;
}

/** Options of the commands that start an operation. */
export interface WaitFlags {
  wait?: boolean;
  timeout?: number;
  idempotencyKey?: string;
}

export interface Session {
  client: Client;
  io: Io;
  now(): number;
  /** The value as JSON with --json, else the text for people. */
  print(value: unknown, text: () => string): void;
  /** Settings by name, from a YAML file. Throws ClientError USAGE. */
  readSettings(path: string): Record<string, unknown>;
  /** What readSettings has read. */
  file(): SettingsFile | null;
  /** Waits, unless --no-wait, and says how to look on then. */
  finish(flags: WaitFlags, work: Work): Promise<void>;
}

export interface Work {
  operation: Operation;
  title: string;
  cluster?: { id: string; after: number };
}

const DEFAULT_URL = 'http://127.0.0.1:4000/graphql';

/** Throws ClientError USAGE when there is nothing to log in with. The login itself happens at the first request. */
export const openSession = (io: Io, options: CommonOptions): Session => {
  const login = readLogin(io.environment, { cwd: io.cwd, home: io.home }, options.osCloud);
  const now = io.screen.now;
  const client = createClient({
    url: addressOf(options.url ?? io.environment['SEEDBED_URL'] ?? DEFAULT_URL),
    token: createTokenSource(login, now, io.signal),
    ca: caOf(io.environment['SEEDBED_CACERT']) ?? login.ca,
    signal: io.signal,
    remedy: 'That is the API by --url or SEEDBED_URL; does Seedbed run there?',
    trustRemedy: 'Name a PEM of the authorities that sign its certificate by SEEDBED_CACERT.',
  });
  let file: SettingsFile | null = null;
  return {
    client: {
      ...client,
      request: <T>(document: string, variables: Variables = {}) => explaining(client.request<T>(document, variables), document, variables),
      mutate: <T>(document: string, variables: Variables) => explaining(client.mutate<T>(document, variables), document, variables),
    },
    io,
    now,
    readSettings: (path) => {
      file = { path, settings: readSettings(path) };
      return file.settings;
    },
    file: () => file,
    print: (value, text) => io.out(options.json === true ? `${JSON.stringify(value, null, 2)}\n` : text()),
    finish: async (flags, work) => {
      if (flags.wait === false) {
        io.screen.write(`Under way; watch it with: seedbed operation show ${work.operation.uuid} --wait\n`);
        return;
      }
      await waitForOperation({ client, screen: io.screen, signal: io.signal, timeoutMs: flags.timeout ?? null, ...work });
    },
  };
};

/** What is wrong with an input by the API's types is said with what would be right. */
const explaining = async <T>(answer: Promise<T>, document: string, variables: Variables): Promise<T> => {
  try {
    return await answer;
  } catch (error) {
    throw explained(error, document, variables);
  }
};

const addressOf = (text: string): string => {
  const url = parsed(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new ClientError('USAGE', `${text} is not an http or https address.`);
  if (url.pathname === '/') url.pathname = '/graphql';
  return url.href;
};

const parsed = (text: string): URL | null => {
  try {
    return new URL(text);
  } catch {
    return null;
  }
};

const caOf = (path: string | undefined): string | null => (path === undefined || path === '' ? null : readInput(path));

/** A file's text. Throws ClientError USAGE. */
export const readInput = (path: string): string => {
  try {
    // Descriptor 0: "-" is standard input, as everywhere.
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new ClientError('USAGE', `The file ${path} cannot be read.`, { cause: error });
  }
};

const readSettings = (path: string): Record<string, unknown> => {
  let value: unknown;
  try {
    value = parse(readInput(path));
  } catch (error) {
    if (error instanceof ClientError) throw error;
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '').replace(/:$/, '') : 'it cannot be read';
    throw new ClientError('USAGE', `${path} is not YAML: ${why}.`, { cause: error });
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new ClientError('USAGE', `${path} must hold settings by name.`);
  return value as Record<string, unknown>;
};
