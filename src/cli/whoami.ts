/** `seedbed whoami`: who the API takes the caller for, and what it allows. */
import type { Command } from 'commander';
import { VIEWER } from '../client/documents.ts';
import type { Viewer } from '../client/types.ts';
import { action, define } from './options.ts';
import type { Io, Session } from './session.ts';

export const addWhoamiCommand = (program: Command, io: Io): void => {
  define(program, 'whoami', 'show who you are to Seedbed, and what you may do here').action(action(io, show));
};

const show = async (session: Session): Promise<void> => {
  const { viewer } = await session.client.request<{ viewer: Viewer }>(VIEWER, {});
  session.print(viewer, () => textOf(viewer));
};

const textOf = ({ userName, userDomainName, projectId, projectName, roles, tokenExpiresAt, can }: Viewer): string => {
  const [yes, no] = [true, false].map((allowed) => Object.keys(can).filter((name) => can[name] === allowed));
  return [
    `${userName}@${userDomainName}, ${projectId === null ? 'without a project' : `in project ${projectName ?? projectId} (${projectId})`}`,
    `roles: ${roles.join(', ') || 'none'}; the token ends ${tokenExpiresAt}`,
    `may: ${yes?.join(', ') || 'nothing'}`,
    `may not: ${no?.join(', ') || 'nothing is left'}`,
  ]
    .map((line) => `${line}\n`)
    .join('');
};
