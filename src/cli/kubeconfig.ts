/** `seedbed cluster kubeconfig …`: access to a cluster, given and taken back. */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { ISSUE_KUBECONFIG, KUBECONFIG_BY_ID, KUBECONFIGS, REVOKE_KUBECONFIG } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Kubeconfig, Page } from '../client/types.ts';
import { getCluster } from './find.ts';
import { keystoneKubeconfig } from './keystoneKubeconfig.ts';
import { action, define, defineAtOnce, given, readDuration } from './options.ts';
import type { CommonOptions, Io, Session } from './session.ts';
import { ageOf, table } from './table.ts';

/** Giving and taking usually takes a second; a cluster that is busy or down is told later. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 250;

export const addKubeconfigCommands = (cluster: Command, io: Io): void => {
  const kubeconfig = cluster.command('kubeconfig').description('access to a cluster: issue (the default), keystone, list and revoke');
  const issuing = defineAtOnce(kubeconfig, 'issue <cluster>', 'issue a short-lived kubeconfig in your name, on standard output', {
    isDefault: true,
  })
    .option('--role <role>', 'ADMIN, EDITOR or VIEWER', readRole, 'ADMIN')
    .option('--ttl <duration>', 'how long it is valid, from 10m to 24h', readDuration)
    .option('--file <file>', 'write it here, for the owner only')
    .action(action(io, issue));
  kubeconfig.addHelpText('after', () => `\n"seedbed cluster kubeconfig <cluster>" is short for issue:\n\n${issuing.helpInformation()}`);
  define(
    kubeconfig,
    'keystone <cluster>',
    'a kubeconfig that logs in to Keystone as this command line does, for a cluster with keystoneAuthEnabled',
  )
    .option('--file <file>', 'write it here, for the owner only')
    .action(action(io, keystoneKubeconfig));
  define(kubeconfig, 'list <cluster>', 'list who was given access, and whether it still counts')
    .option('--all', 'also what is over or revoked')
    .action(action(io, list));
  defineAtOnce(kubeconfig, 'revoke <cluster> <kubeconfig...>', 'end access before its time, by id or by user name').action(
    action(io, revoke),
  );
};

interface IssueOptions extends CommonOptions {
  role: string;
  ttl?: number;
  file?: string;
}

const issue = async (session: Session, [nameOrId = '']: readonly string[], options: IssueOptions): Promise<void> => {
  const { uuid } = await getCluster(session.client, nameOrId);
  const ttlSeconds = options.ttl === undefined ? undefined : Math.floor(options.ttl / 1000);
  const input = given({ clusterId: uuid, role: options.role, ttlSeconds });
  const { record, ...issued } = await session.client.mutate<{ kubeconfig: string; expiresAt: string; record: Kubeconfig }>(
    ISSUE_KUBECONFIG,
    {
      input,
    },
  );
  const now = await inForce(session, record);
  if (options.file === undefined) return session.print({ ...issued, record: now }, () => issued.kubeconfig);
  writeFileSync(options.file, issued.kubeconfig, { mode: 0o600 });
  session.print(
    { file: options.file, expiresAt: issued.expiresAt, record: now },
    () => `${options.file} is valid until ${issued.expiresAt}.\n`,
  );
};

/** Waits until the cluster knows it; says so when that takes too long. */
export const inForce = async (session: Session, record: Kubeconfig): Promise<Kubeconfig> => {
  const now = await leaves(session, record, 'PENDING');
  if (now.state === 'PENDING') session.io.screen.write('The cluster does not know it yet: it counts as soon as the cluster can be told.\n');
  return now;
};

export const readRole = (text: string): string => {
  const role = text.toUpperCase();
  if (!['ADMIN', 'EDITOR', 'VIEWER'].includes(role)) throw new InvalidArgumentError('It must be ADMIN, EDITOR or VIEWER.');
  return role;
};

/** What is known of it once it has left a state, or when patience is over. */
const leaves = async (session: Session, record: Kubeconfig, state: string): Promise<Kubeconfig> => {
  let last = record;
  for (const end = session.now() + PATIENCE_MS; last.state === state && session.now() < end; ) {
    await sleep(LOOK_MS, undefined, { signal: session.io.signal });
    const { node } = await session.client.request<{ node: Kubeconfig | null }>(KUBECONFIG_BY_ID, { id: record.id });
    if (node === null) break;
    last = node;
  }
  return last;
};

const listAll = async (session: Session, clusterId: string): Promise<Kubeconfig[]> => {
  const all: Kubeconfig[] = [];
  for (let after: string | null | undefined; after !== null; ) {
    const { cluster }: { cluster: { kubeconfigs: Page<Kubeconfig> } | null } = await session.client.request(KUBECONFIGS, {
      id: clusterId,
      after,
    });
    all.push(...(cluster?.kubeconfigs.nodes ?? []));
    after = cluster?.kubeconfigs.pageInfo.hasNextPage === true ? cluster.kubeconfigs.pageInfo.endCursor : null;
  }
  return all;
};

const isOver = ({ state }: Kubeconfig): boolean => state === 'REVOKED' || state === 'EXPIRED';

const list = async (session: Session, [nameOrId = '']: readonly string[], options: CommonOptions & { all?: boolean }): Promise<void> => {
  const { uuid } = await getCluster(session.client, nameOrId);
  const shown = (await listAll(session, uuid)).filter((kubeconfig) => options.all === true || !isOver(kubeconfig));
  session.print(shown, () => textOf(shown, session.now()));
};

const textOf = (kubeconfigs: readonly Kubeconfig[], now: number): string =>
  table(
    ['ID', 'OWNER', 'ROLE', 'KIND', 'STATE', 'AGE', 'EXPIRES', 'USER'],
    kubeconfigs.map((k) => [k.uuid, k.owner, k.role, k.kind, k.state, ageOf(k.createdAt, now), k.expiresAt, k.userName]),
    'Nobody has access that counts.',
  );

const revoke = async (session: Session, [nameOrId = '', ...wanted]: readonly string[]): Promise<void> => {
  const { uuid } = await getCluster(session.client, nameOrId);
  const all = await listAll(session, uuid);
  const chosen = wanted.map((text) => {
    const found = all.find((kubeconfig) => kubeconfig.uuid === text || kubeconfig.userName === text);
    if (found === undefined) throw new ClientError('NOT_FOUND', `Kubeconfig ${text} was not found in cluster ${nameOrId}.`);
    return found;
  });
  const revoked: Kubeconfig[] = [];
  for (const { uuid: kubeconfigId } of chosen) {
    const { record } = await session.client.mutate<{ record: Kubeconfig }>(REVOKE_KUBECONFIG, { input: { kubeconfigId } });
    revoked.push(await leaves(session, record, 'REVOKING'));
  }
  session.print(revoked, () => textOf(revoked, session.now()));
  if (revoked.some(({ state }) => state === 'REVOKING'))
    session.io.screen.write('The cluster has not been told yet: what is REVOKING ends as soon as it can be told.\n');
};
