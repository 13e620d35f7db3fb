/** The audit log: which mutations were asked for, by whom, from where, and what came of them. */
import type { Actor } from '../domain/actor.ts';
import type { AuditRow } from '../store/auditChain.ts';
import { listAuditLog } from '../store/auditLog.ts';
import { sightOf } from '../store/sight.ts';
import { builder } from './builder.ts';
import { AuditOutcomeEnum, TokenKindEnum } from './enums.ts';
import { connectionOf, filterOf, listArgs, numberedPageOf, pageOf } from './paging.ts';

/** From where a cloud admin came into a project is not the project's to know. */
const seesOrigin = (row: AuditRow, actor: Actor): boolean =>
  actor.rights.readAuditLog.all || (row.callerProjectId !== null && row.callerProjectId === actor.projectId);

const AuditLogEntryRef = builder.objectRef<AuditRow>('AuditLogEntry').implement({
  description: 'A mutation that was asked for.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'Its place in the log; without gaps.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    userId: t.exposeString('userId', { description: "Keystone's id of who asked; `cluster-autoscaler`, or `seedbed` itself." }),
    userName: t.exposeString('userName', { description: 'The name of who asked, as it was then.' }),
    userDomainName: t.exposeString('userDomainName', { nullable: true, description: 'The domain of that name.' }),
    callerProjectId: t.exposeString('callerProjectId', {
      nullable: true,
      description: "The project of the caller's token; null: it was of none.",
    }),
    roles: t.stringList({
      description: "The token's roles.",
      resolve: ({ roles }) => (roles === null ? [] : (JSON.parse(roles) as string[])),
    }),
    tokenKind: t.expose('tokenKind', {
      type: TokenKindEnum,
      nullable: true,
      description: 'How the token came to be; null: there was none.',
    }),
    credentialId: t.exposeString('credentialId', {
      nullable: true,
      description: 'The id of the application credential or the trust that the token was by.',
    }),
    address: t.string({
      nullable: true,
      description:
        "Where the call came from: the other end of the connection; where that is a proxy that the server trusts (SEEDBED_TRUSTED_PROXIES), the last address in X-Forwarded-For that is no such proxy's, as for the limit of requests from one address. Over a WebSocket that of its handshake. Null where it is not known, and for who sees one project's rows alone where the caller came from another.",
      resolve: (row, _args, { actor }) => (seesOrigin(row, actor) ? row.address : null),
    }),
    forwardedFor: t.string({
      nullable: true,
      description: 'X-Forwarded-For as it came, cut short, and whoever sent it: what in it is believed is in address. Null as address is.',
      resolve: (row, _args, { actor }) => (seesOrigin(row, actor) ? row.forwardedFor : null),
    }),
    userAgent: t.string({
      nullable: true,
      description: 'What the client called itself, cut short. Null as address is.',
      resolve: (row, _args, { actor }) => (seesOrigin(row, actor) ? row.userAgent : null),
    }),
    projectId: t.exposeString('projectId', {
      nullable: true,
      description: "The target's project; of what was refused that of the caller's token. Null: no project's.",
    }),
    action: t.exposeString('action', {
      description: 'The mutation, as the schema calls it; or what the cluster-autoscaler, or Seedbed itself, did.',
    }),
    targetKind: t.exposeString('targetKind', { nullable: true, description: 'What kind of object it was asked of, such as CLUSTER.' }),
    targetId: t.exposeString('targetId', {
      nullable: true,
      description: "The object's plain id; of what was refused the id as the caller gave it.",
    }),
    input: t.exposeString('input', {
      nullable: true,
      description: 'The input as JSON, without texts that may be secret: in their place is "[redacted]".',
    }),
    outcome: t.expose('outcome', {
      type: AuditOutcomeEnum,
      nullable: true,
      description: 'What came of it; null in rows of releases that wrote accepted ones alone.',
    }),
    operationId: t.exposeString('operationId', { nullable: true, description: 'The plain id of the operation that carries it out.' }),
    errorCode: t.exposeString('errorCode', { nullable: true, description: 'Why it was refused.' }),
    requestId: t.exposeString('requestId', { nullable: true, description: "X-Request-Id of the call's answer." }),
    openstackRequestId: t.exposeString('openstackRequestId', {
      nullable: true,
      description: "The id under which OpenStack's services were asked for it.",
    }),
    hash: t.exposeString('hash', {
      nullable: true,
      description: 'SHA-256 over this row and the hash of the one before, in hex; null in rows of releases that had no chain.',
    }),
  }),
});

const AuditLogConnection = builder.connectionObject(
  { type: AuditLogEntryRef, name: 'AuditLogConnection', description: 'A page of the audit log.' },
  { name: 'AuditLogEdge', description: 'A row of the audit log and its place in the list.' },
);

const AuditLogFilterInput = builder.inputType('AuditLogFilter', {
  description: 'Which rows; without a field, all that you may see.',
  fields: (t) => ({
    projectId: t.string({ description: 'Of this project: for cloud admins and cloud readers, who see all.' }),
    userId: t.string({ description: 'By the user of this id.' }),
    action: t.string({ description: 'Of this mutation.' }),
    outcome: t.field({ type: AuditOutcomeEnum, description: 'With this outcome.' }),
    errorCode: t.string({ description: 'Refused for this.' }),
    targetId: t.string({ description: 'Of the object of this id, as the row shows it.' }),
    operationId: t.string({ description: 'Carried out by the operation of this plain id.' }),
    requestId: t.string({ description: 'Answered with this X-Request-Id.' }),
    openstackRequestId: t.string({ description: "For which OpenStack's services were asked under this id." }),
    from: t.field({ type: 'DateTime', description: 'Not before.' }),
    to: t.field({ type: 'DateTime', description: 'Before.' }),
  }),
});

builder.queryField('auditLog', (t) =>
  t.field({
    type: AuditLogConnection,
    description:
      "Who asked for which mutation, the newest first, those that were refused included: for cloud admins and cloud readers all of it, for a project's administrators what is the project's, for others nothing.",
    args: { ...listArgs(t.arg), filter: t.arg({ type: AuditLogFilterInput, description: 'Which ones.' }) },
    resolve: async (_root, args, { store, actor }) => {
      const page = pageOf(args);
      const slice = await listAuditLog(store.db, sightOf(actor, 'readAuditLog'), filterOf(args.filter), numberedPageOf(page));
      return connectionOf(slice, page, ({ number }) => String(number));
    },
  }),
);
