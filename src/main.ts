#!/usr/bin/env node
/** The program: `serve`, `sandbox` and `start` run servers, all else is a client of the API. */
import { homedir } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import { auditNoun } from './cli/auditLog.ts';
import { readWhole } from './cli/options.ts';
import { runProgram } from './cli/program.ts';
import { isLive, type Screen } from './cli/progress.ts';
import { ConfigError, currentEnvironment, forgetSecrets, namesCloud, readAccess, readConfig, roleNamesOf } from './config.ts';
import type { AuditOptions } from './database.ts';
import type { FirstTryOptions } from './firstTry.ts';
import { printPolicy } from './policyFile.ts';

const GRACE_MS = 10_000;

const environment = currentEnvironment();
const live = isLive(process.stderr.isTTY === true, environment);
const screen: Screen = {
  write: (text) => void process.stderr.write(text),
  live,
  columns: () => process.stderr.columns ?? 80,
  rows: () => process.stderr.rows ?? 24,
  now: Date.now,
};

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

/**
 * What nobody caught ends the process, as it would without us; but Node would print all that hangs on the error, and on a library's there may
 * be a request with its token. Whoever runs Node with --report-uncaught-exception gets the report all the same.
 */
process.on('uncaughtException', (error: unknown) => {
  screen.write(`${lastWords(error)}\n`);
  if (process.report.reportOnUncaughtException) process.report.writeReport();
  process.exit(1);
});
const lastWords = (error: unknown): string => {
  if (!(error instanceof Error)) return 'Something was thrown that is no error.';
  const { stack = error.message, cause } = error;
  return cause instanceof Error && cause !== error ? `${stack}\nIt came of ${lastWords(cause)}` : stack;
};

/** The first SIGINT or SIGTERM asks everything to stop; a second one ends the process at once, as without us. */
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

// A client command loads no server: it would triple the time until its answer.
const serve = async (): Promise<void> => {
  // V8 lets a heap grow to several times of what lives in it before it collects. With 100 clusters asked for at once (`npm run bench 100
  // fleet`) this takes two fifths of the memory less; half as much takes no less, but a tenth more CPU, and a fifth more where long lists are
  // read. https://nodejs.org/api/v8.html#v8setflagsfromstringflags
  setFlagsFromString('--heap-growing-percent=30');
  const { startServer } = await import('./server.ts');
  const config = readConfig(environment);
  forgetSecrets();
  const server = await startServer(config);
  screen.write(`Seedbed serves ${server.url}\n`);
  await aborted(stopping.signal);
  await server.close(GRACE_MS);
};

const start = async (options: FirstTryOptions, command: Command): Promise<void> => {
  if (namesCloud(environment)) {
    const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli');
    if (given.length > 0) {
      const names = given.map(({ long }) => long).join(', ');
      throw new ConfigError(
        `A cloud is configured, and ${names} ${given.length === 1 ? 'is' : 'are'} for a first try without one: SEEDBED_LISTEN says where to listen, and SEEDBED_DATA where everything is kept.`,
      );
    }
    screen.write('A cloud is configured: serving it.\n');
    return serve();
  }
  const { firstTry } = await import('./firstTry.ts');
  await firstTry(options, { environment, screen, signal: stopping.signal, stopped: () => aborted(stopping.signal) });
};

/** A mistake in the configuration is the operator's, like wrong usage; the text names each. */
const configured =
  <Args extends unknown[]>(work: (...args: Args) => Promise<void>) =>
  async (...args: Args): Promise<void> => {
    try {
      await work(...args);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      screen.write(`${error.message}\n`);
      process.exit(2);
    }
  };

const sandbox = async (options: { data: string; port?: number; latency?: string; volatile?: boolean }): Promise<void> => {
  // The sandbox is a program of its own and reads its own command line.
  const args = ['--data', options.data];
  if (options.port !== undefined) args.push('--port', String(options.port));
  if (options.latency !== undefined) args.push('--latency', options.latency);
  if (options.volatile === true) args.push('--volatile');
  process.argv.splice(2, process.argv.length, ...args);
  await import('./sandbox/main.ts');
  await aborted(stopping.signal);
};

/** Loaded only for these commands, with the driver of the database. */
const onDatabase = (work: (database: typeof import('./database.ts')) => void | Promise<void>): Promise<void> =>
  import('./database.ts').then(work);

const addDatabase = (program: Command): void => {
  const database = program
    .command('database')
    .description("copies of Seedbed's own database, on its own machine (docs/administrators.md: back up and restore)");
  const define = (name: string, description: string) =>
    database.command(name).description(description).option('--data <folder>', 'the folder of the database; as configured without it');
  define('backup <file>', 'make a copy, while the server runs or not').action(
    configured((file: string, options: { data?: string }) =>
      onDatabase(({ backupDatabase }) => backupDatabase(file, options, { environment, say: screen.write, now: Date.now })),
    ),
  );
  define('restore <file>', 'put a copy in the place of the database, which is kept aside; the server must not run').action(
    configured((file: string, options: { data?: string }) =>
      onDatabase(({ restoreFrom }) => restoreFrom(file, options, { environment, say: screen.write, now: Date.now })),
    ),
  );
  define('info <file>', 'look through a copy: from when it is, which keys it needs, and whether it is whole')
    .option('--json', 'print JSON')
    .action(
      configured((file: string, options: { data?: string; json?: boolean }) =>
        onDatabase(({ describeCopy }) =>
          describeCopy(file, options, { environment, say: (text) => void process.stdout.write(text), now: Date.now }),
        ),
      ),
    );
};

const addAuditCheck = (program: Command): void => {
  auditNoun(program)
    .command('verify')
    .description('walk the chain of hashes in the database file, and name the first row that does not fit; the server may run')
    .option('--data <folder>', 'the folder of the database; as configured without it')
    .option('--file <file>', 'a copy of the database in place of that')
    .option('--known <row>', 'NUMBER:HASH of a row as it was noted elsewhere: it must be there still, unchanged')
    .option('--json', 'print JSON')
    .action(
      configured((options: AuditOptions) =>
        onDatabase(({ verifyAudit }) =>
          verifyAudit(options, { environment, say: (text) => void process.stdout.write(text), now: Date.now }),
        ),
      ),
    );
};

const addServers = (program: Command): void => {
  addDatabase(program);
  addAuditCheck(program);
  program
    .command('start')
    .description('first try: with no cloud configured, bring a simulated one, and make the cluster "hello" in it')
    .option('--port <port>', 'port of the API', readWhole, 4000)
    .option('--data <folder>', 'where everything is kept', 'var')
    .option('--once', 'end as soon as the cluster is READY')
    .option('--bare', 'make no cluster')
    .action(configured(start));
  program
    .command('serve')
    .description('serve the API for the configured cloud (docs/administrators.md: configuration)')
    .action(configured(serve));
  program
    .command('policy')
    .description('print who may do what as a policy.yaml, as configured here (docs/administrators.md: who may do what)')
    .action(
      configured(async () => {
        const access = readAccess(environment);
        process.stdout.write(printPolicy(access.policyFile, roleNamesOf(access)));
      }),
    );
  program
    .command('sandbox')
    .description('run the simulated cloud and seed alone')
    .option('--data <folder>', 'where its world is kept', 'var/sandbox')
    .option('--port <port>', 'port of its OpenStack', readWhole)
    .option('--latency <scale>', '1 is plausible, 0 is at once')
    .option('--volatile', 'keep nothing on disk')
    .action(sandbox);
};

const io = {
  environment,
  cwd: process.cwd(),
  home: homedir(),
  out: (text: string) => void process.stdout.write(text),
  screen,
  signal: stopping.signal,
};
process.exitCode = await runProgram(process.argv.slice(2), io, addServers);
// Open handles of a failed start must not keep the process.
if (process.exitCode !== 0) process.exit();
