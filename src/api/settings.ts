/** What the API is told at its start, and what it needs from the rest of the program. */
import type { Registry } from 'prom-client';
import type { Commands } from '../commands/commands.ts';
import type { Actor } from '../domain/actor.ts';
import type { ProjectCatalogue } from '../domain/cloud.ts';
import type { Serves } from '../domain/notServed.ts';
import type { ProjectLimits } from '../domain/projectQuota.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/open.ts';
import type { RateSettings } from './rates.ts';
import type { NamedText } from './storedOperation.ts';

export interface ApiSettings {
  host: string;
  /** 0: any free one. */
  port: number;
  /** Lets clients read the schema, and hints at similar names. */
  introspection: boolean;
  graphiql: boolean;
  /** Where callers get their tokens, as they reach it. */
  keystoneUrl: string;
  /** Origins of pages on other hosts that may call, such as "https://dashboard.example.org". */
  allowedOrigins: readonly string[];
  /** A token needs one of these roles to be taken as a service's in X-Service-Token. */
  serviceTokenRoles: readonly string[];
  /** Documents that are served by name at /v1/ops. */
  operations: readonly NamedText[];
  /** Texts of documents that may be asked for by their hashes, beside those. */
  persisted: readonly string[];
  /** No other document is run. */
  onlyKnown: boolean;
  maxBodyBytes: number;
  /** Open at the same time. */
  maxOperationsPerSocket: number;
  /** WebSockets and SSE streams of one user in one project. */
  maxSocketsPerActor: number;
  /** A reader that takes nothing for this long loses its connection. */
  stallMs: number;
  /** Path before /graphql where a proxy does not take it off, such as "/kubernetes"; '': none. */
  pathPrefix: string;
  tls: { cert: string; key: string } | null;
  serves: Serves;
  /** What a project may have for which nobody set anything else. */
  projectLimits: ProjectLimits;
  rates: RateSettings;
  /** Addresses and ranges of proxies whose X-Forwarded-For is believed when requests are counted by address. */
  trustedProxies: readonly string[];
}

/** Where it listens and how often it may be asked must be told; limits of one request have their usual values. */
export type GivenSettings = Pick<
  ApiSettings,
  'host' | 'port' | 'introspection' | 'graphiql' | 'keystoneUrl' | 'allowedOrigins' | 'projectLimits' | 'rates'
> &
  Partial<ApiSettings>;

const USUAL = {
  operations: [],
  persisted: [],
  onlyKnown: false,
  serviceTokenRoles: ['service'],
  maxBodyBytes: 262_144,
  maxOperationsPerSocket: 100,
  maxSocketsPerActor: 50,
  stallMs: 60_000,
  pathPrefix: '',
  trustedProxies: [],
  tls: null,
  serves: { autoScaling: false },
};

export interface ApiDeps {
  store: Store;
  commands: Commands;
  clock: Clock;
  log: Log;
  newId?(): string;
  metrics: Registry;
  /**
   * Validates a Keystone token; null: not valid. Throws Unavailable when Keystone does not answer. `requestId`, here and below: the
   * OpenStack request id under which it is asked; null: no request is behind it. `allowExpired`: one that has expired may be good still.
   */
  authenticate(token: string, requestId: string | null, how: { allowExpired: boolean }): Promise<Actor | null>;
  loadCloud(actor: Actor, token: string, requestId: string): Promise<ProjectCatalogue>;
  peekCatalogue(projectId: string, userId: string): ProjectCatalogue | null;
  /** Called when a token is seen for the first time; must not throw. */
  warmCloud?(actor: Actor, token: string, requestId: string | null): void;
  /** Looks anew. */
  ready(): Promise<{ ok: boolean; reasons: string[] }>;
  settings: GivenSettings;
}

export const completeSettings = (given: GivenSettings): ApiSettings => ({ ...USUAL, ...given });
