/** The client commands as one program: runs one command line and answers its exit status. */
import { Command, CommanderError } from 'commander';
import { version } from '../lib/version.ts';
import { addAuditCommands } from './auditLog.ts';
import { addBackupCommands } from './backup.ts';
import { addBundleCommands } from './bundle.ts';
import { addCertificateCommands } from './certificate.ts';
import { addClusterCommands } from './cluster.ts';
import { EXIT, EXIT_HELP, exitStatusOf, LOGIN_HELP, sentenceOf } from './exit.ts';
import { addGqlCommand } from './gql.ts';
import { addNodeCommands } from './node.ts';
import { addNodeGroupCommands } from './nodegroup.ts';
import { addOperationCommands } from './operation.ts';
import { addOrphansCommands } from './orphans.ts';
import { addQuotaCommands } from './quota.ts';
import { addSeedCommands } from './seed.ts';
import type { Io } from './session.ts';
import { addTemplateCommands } from './template.ts';
import { addTokenCommand } from './token.ts';
import { addUsageCommand } from './usage.ts';
import { addWhoamiCommand } from './whoami.ts';

/** Commands that run a server, added by the composition root. */
export type AddCommands = (program: Command) => void;

/** All commands, and what they are told of how to fail. */
export const buildProgram = (io: Io, addCommands: AddCommands): Command => {
  const program = new Command('seedbed')
    .description('Managed Kubernetes on OpenStack: control planes in seed clusters, workers in your project.')
    .version(version(), '--version', 'print the version')
    .addHelpText('after', LOGIN_HELP)
    .addHelpText('after', EXIT_HELP)
    .configureOutput({ writeOut: io.out, writeErr: io.screen.write });
  addCommands(program);
  addClusterCommands(program, io);
  addNodeGroupCommands(program, io);
  addNodeCommands(program, io);
  addCertificateCommands(program, io);
  addBackupCommands(program, io);
  addOperationCommands(program, io);
  addTemplateCommands(program, io);
  addBundleCommands(program, io);
  addSeedCommands(program, io);
  addOrphansCommands(program, io);
  addAuditCommands(program, io);
  addUsageCommand(program, io);
  addQuotaCommands(program, io);
  addTokenCommand(program, io);
  addWhoamiCommand(program, io);
  addGqlCommand(program, io);
  throwInsteadOfExiting(program);
  return program;
};

/** Never throws: every error becomes one line on stderr and an exit status (see --help). `args`: without node and the file. */
export const runProgram = async (args: readonly string[], io: Io, addCommands: AddCommands = () => {}): Promise<number> => {
  const program = buildProgram(io, addCommands);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    // Commander has written its own message already; its status 0 is --help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    io.screen.write(`seedbed: ${sentenceOf(error)}\n`);
    return exitStatusOf(error);
  }
};

/** Settings do not reach commands that exist already, so each is told. */
const throwInsteadOfExiting = (command: Command): void => {
  command.exitOverride().showHelpAfterError('(--help says more)');
  for (const child of command.commands) throwInsteadOfExiting(child.copyInheritedSettings(command));
};
