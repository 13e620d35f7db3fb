/** `seedbed certificate …`: the certificates of a cluster's control plane. */
import type { Command } from 'commander';
import { CERTIFICATES } from '../client/documents.ts';
import type { Certificate } from '../client/types.ts';
import { getCluster } from './find.ts';
import { action, define } from './options.ts';
import type { Io, Session } from './session.ts';
import { table } from './table.ts';

export const addCertificateCommands = (program: Command, io: Io): void => {
  const certificate = program.command('certificate').description("certificates of a cluster's control plane");
  define(certificate, 'list <cluster>', 'list certificates with their ends and the days on which they renew themselves').action(
    action(io, list),
  );
};

const list = async (session: Session, [nameOrId = '']: readonly string[]): Promise<void> => {
  const { uuid } = await getCluster(session.client, nameOrId);
  const { cluster } = await session.client.request<{ cluster: { certificates: Certificate[] } | null }>(CERTIFICATES, { id: uuid });
  const certificates = cluster?.certificates ?? [];
  session.print(certificates, () =>
    table(
      ['NAME', 'KIND', 'SUBJECT', 'SIGNED BY', 'EXPIRES', 'RENEWS'],
      certificates.map((c) => [c.name, c.kind, c.subject, c.signedBy, day(c.expiresAt), c.renewsAt === null ? null : day(c.renewsAt)]),
      'No certificates yet.',
    ),
  );
};

const day = (iso: string): string => iso.slice(0, 10);
