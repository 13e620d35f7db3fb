/** `seedbed certificate …`: the certificates of a cluster's control plane. */
import type { Command } from 'commander';
import { CERTIFICATES, SIGN_CERTIFICATE } from '../client/documents.ts';
import type { Certificate, Kubeconfig } from '../client/types.ts';
import { getCluster } from './find.ts';
import { inForce, readRole } from './kubeconfig.ts';
import { action, define, defineAtOnce, given, readDuration } from './options.ts';
import { type CommonOptions, type Io, readInput, type Session } from './session.ts';
import { table } from './table.ts';

export const addCertificateCommands = (program: Command, io: Io): void => {
  const certificate = program.command('certificate').description("certificates of a cluster's control plane");
  define(certificate, 'list <cluster>', 'list certificates with their ends and the days on which they renew themselves').action(
    action(io, list),
  );
  defineAtOnce(certificate, 'sign <cluster>', 'sign a client certificate in your name over a key of your own, on standard output')
    .requiredOption('--csr <file>', 'PKCS#10 signing request as PEM; - reads standard input')
    .option('--role <role>', 'ADMIN, EDITOR or VIEWER', readRole, 'ADMIN')
    .option('--ttl <duration>', 'how long it is valid, from 10m to 24h', readDuration)
    .action(action(io, sign));
};

interface SignOptions extends CommonOptions {
  csr: string;
  role: string;
  ttl?: number;
}

const sign = async (session: Session, [nameOrId = '']: readonly string[], { csr, role, ttl }: SignOptions): Promise<void> => {
  const { uuid } = await getCluster(session.client, nameOrId);
  const ttlSeconds = ttl === undefined ? undefined : Math.floor(ttl / 1000);
  const input = given({ clusterId: uuid, csr: readInput(csr), role, ttlSeconds });
  const signed = await session.client.mutate<Signed>(SIGN_CERTIFICATE, { input });
  const record = await inForce(session, signed.record);
  session.print({ ...signed, record }, () => signed.certificate);
};

interface Signed {
  certificate: string;
  caCertificate: string;
  expiresAt: string;
  record: Kubeconfig;
}

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
