/** What this server is, and what one caller may ask of it. */
import { version } from '../lib/version.ts';
import { builder } from './builder.ts';
import { MAX_ALIASES, MAX_COST, MAX_DEPTH, MAX_TOKENS } from './limits.ts';
import { MAX_MEETINGS } from './meetings.ts';
import { DEFAULT_PAGE, MAX_PAGE } from './paging.ts';
import type { RateSettings } from './rates.ts';
import type { ApiSettings } from './settings.ts';

export interface ServerInfo {
  version: string;
  limits: Limits;
}

export type Limits = Pick<ApiSettings, 'maxBodyBytes' | 'maxOperationsPerSocket' | 'maxSocketsPerActor'> &
  Record<keyof RateSettings, number | null>;

export const serverInfoOf = ({ maxBodyBytes, maxOperationsPerSocket, maxSocketsPerActor, rates }: ApiSettings): ServerInfo => ({
  version: version(),
  limits: {
    maxBodyBytes,
    maxOperationsPerSocket,
    maxSocketsPerActor,
    addressRequestsPerMinute: rateOf(rates.addressRequestsPerMinute),
    projectRequestsPerMinute: rateOf(rates.projectRequestsPerMinute),
    projectMutationsPerMinute: rateOf(rates.projectMutationsPerMinute),
  },
});

const rateOf = (perMinute: number): number | null => (perMinute === -1 ? null : perMinute);
const EACH_RATE = 'So many at once, and as many a minute from then on; what is more is refused with RATE_LIMITED. Null: no limit.';

/** What is promised; housekeeping forgets a key an hour after it. */
const IDEMPOTENCY_HOURS = 24;

const LimitsType = builder.objectRef<Limits>('ServerLimits').implement({
  description: 'The most that one caller may ask; what asks for more is refused with a code that names the limit.',
  fields: (t) => ({
    bodyBytes: t.exposeInt('maxBodyBytes', { description: 'Bytes of a request, and of a message on a WebSocket.' }),
    tokens: t.int({ description: "Words and signs of a document, as GraphQL's lexer counts them.", resolve: () => MAX_TOKENS }),
    depth: t.int({ description: 'Levels of fields in fields.', resolve: () => MAX_DEPTH }),
    aliases: t.int({ description: 'Aliases in a document.', resolve: () => MAX_ALIASES }),
    repeats: t.int({
      description: 'Fields of a document that meet under one name at one place, counted in pairs: n of them are n(n + 1)/2.',
      resolve: () => MAX_MEETINGS,
    }),
    cost: t.int({
      description:
        'Estimated cost of a document: about one unit a field that may be answered. Each answer tells its own in extensions.cost.',
      resolve: () => MAX_COST,
    }),
    pageSize: t.int({ description: 'Objects of a page: the most that `first` may be.', resolve: () => MAX_PAGE }),
    defaultPageSize: t.int({ description: 'Objects of a page without `first`.', resolve: () => DEFAULT_PAGE }),
    liveConnections: t.exposeInt('maxSocketsPerActor', {
      description: 'WebSockets and event streams of one user in one project at the same time.',
    }),
    operationsPerConnection: t.exposeInt('maxOperationsPerSocket', { description: 'Operations on one WebSocket at the same time.' }),
    addressRequestsPerMinute: t.exposeInt('addressRequestsPerMinute', {
      nullable: true,
      description: `Requests from one address (of IPv6: from one /64), and operations on its WebSockets, whoever sends them. ${EACH_RATE}`,
    }),
    projectRequestsPerMinute: t.exposeInt('projectRequestsPerMinute', {
      nullable: true,
      description: `Requests with tokens of one project, and operations on its WebSockets. ${EACH_RATE}`,
    }),
    projectMutationsPerMinute: t.exposeInt('projectMutationsPerMinute', {
      nullable: true,
      description: `Mutations with tokens of one project, each of a document. ${EACH_RATE}`,
    }),
    idempotencyKeyHours: t.int({
      description: 'Hours for which an idempotency key gives the same answer, at least.',
      resolve: () => IDEMPOTENCY_HOURS,
    }),
  }),
});

const ServerInfoType = builder.objectRef<ServerInfo>('ServerInfo').implement({
  description: 'What this server is.',
  fields: (t) => ({
    version: t.exposeString('version', { description: "Seedbed's release, such as 1.4.0." }),
    limits: t.expose('limits', { type: LimitsType, description: 'What one caller may ask.' }),
  }),
});

builder.queryField('serverInfo', (t) =>
  t.field({
    type: ServerInfoType,
    description: 'What this server is, and its limits.',
    resolve: (_root, _args, { serverInfo }) => serverInfo,
  }),
);
