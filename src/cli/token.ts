/** `seedbed token`: a Keystone token for GraphiQL, curl and the like. */
import type { Command } from 'commander';
import { logIn, readLogin } from './auth.ts';
import type { CommonOptions, Io } from './session.ts';

export const addTokenCommand = (program: Command, io: Io): void => {
  program
    .command('token')
    .description('log in and print a token')
    .option('--json', 'print JSON, with when it ends')
    .option('--os-cloud <name>', 'cloud of clouds.yaml to log in with; OS_CLOUD without it')
    .action(async (options: CommonOptions) => {
      const login = readLogin(io.environment, { cwd: io.cwd, home: io.home }, options.osCloud);
      const { token, expiresAt } = await logIn(login, io.signal);
      const ends = Number.isFinite(expiresAt) ? new Date(expiresAt).toISOString() : null;
      io.out(options.json === true ? `${JSON.stringify({ token, expiresAt: ends })}\n` : `${token}\n`);
    });
};
