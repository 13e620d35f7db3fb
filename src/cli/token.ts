/** `seedbed token`: a Keystone token for GraphiQL, curl and the like. */
import type { Command } from 'commander';
import { logIn, readLogin } from './auth.ts';
import type { CommonOptions, Io } from './session.ts';

export const addTokenCommand = (program: Command, io: Io): void => {
  program
    .command('token')
    .description('log in and print a token')
    .option('--json', 'print JSON, with when it ends')
    .option('--exec-credential', 'print it as kubectl asks a program of a kubeconfig for it')
    .option('--os-cloud <name>', 'cloud of clouds.yaml to log in with; OS_CLOUD without it')
    .action(async (options: CommonOptions & { execCredential?: boolean }) => {
      const login = readLogin(io.environment, { cwd: io.cwd, home: io.home }, options.osCloud);
      const { token, expiresAt } = await logIn(login, io.signal);
      const ends = Number.isFinite(expiresAt) ? new Date(expiresAt).toISOString() : null;
      if (options.execCredential === true) return io.out(`${JSON.stringify(credentialOf(token, ends))}\n`);
      io.out(options.json === true ? `${JSON.stringify({ token, expiresAt: ends })}\n` : `${token}\n`);
    });
};

/** https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins */
const credentialOf = (token: string, ends: string | null): object => ({
  apiVersion: 'client.authentication.k8s.io/v1',
  kind: 'ExecCredential',
  status: { token, ...(ends !== null && { expirationTimestamp: ends }) },
});
