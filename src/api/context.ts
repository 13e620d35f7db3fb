/** What every resolver gets: who calls, what may be done, and where to look. */

import type { Call } from '../commands/call.ts';
import type { Commands } from '../commands/commands.ts';
import type { Actor } from '../domain/actor.ts';
import type { ProjectCatalogue } from '../domain/cloud.ts';
import type { Problem } from '../domain/errors.ts';
import type { Serves } from '../domain/notServed.ts';
import type { ProjectLimits } from '../domain/projectQuota.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Store } from '../store/open.ts';
import type { AskedBy } from './askedBy.ts';
import type { Feed } from './feed.ts';
import type { Loaders } from './loaders.ts';
import type { Origin } from './origin.ts';
import type { RequestIds } from './requestIds.ts';
import type { ServerInfo } from './serverInfo.ts';
import type { Session, Standing } from './session.ts';
import type { SharedReads } from './sharedReads.ts';

/** Parts that all requests share. */
export interface ApiParts {
  store: Store;
  commands: Commands;
  clock: Clock;
  log: Log;
  feed: Feed;
  /** Of live streams. */
  reads: SharedReads;
  serves: Serves;
  serverInfo: ServerInfo;
  /** What a project may have for which nobody set anything else. */
  projectLimits: ProjectLimits;
  loadCloud(actor: Actor, token: string, requestId: string): Promise<ProjectCatalogue>;
  /** What is known of a project's cloud without asking it; null when nothing is. */
  peekCatalogue(projectId: string, userId: string): ProjectCatalogue | null;
}

/** One request, or one operation on a socket. */
export interface Context extends ApiParts {
  actor: Actor;
  token: string;
  requestId: string;
  /** What OpenStack's services are told; see `RequestIds.passedOn`. */
  openstackRequestId: string;
  origin: Origin;
  /** Problems that mutations of this request were refused by. */
  refused: Problem[];
  /** What a live stream rests on, until `release`. Null: the token is not valid any more. Throws when Keystone does not answer. */
  stand(): Promise<{ standing: Standing; release(): void } | null>;
  /** Batches the reads of one request; a live stream has those that are good for now. */
  loaders: Loaders;
  /** Whether it is a live stream's. */
  isLive: boolean;
}

/** Who asks, and by which request. */
export interface Asking {
  actor: Actor;
  token: string;
  ids: RequestIds;
  /** Of the handshake, over a socket. */
  request: AskedBy;
  /** Of the socket that it comes over. */
  session?: Session;
}

/** `audited`: the input as the audit log keeps it. */
export const callOf = (
  context: Context,
  input: { idempotencyKey?: string | null | undefined; expectedGeneration?: number | null | undefined },
  audited: unknown = null,
): Call => ({
  actor: context.actor,
  requestId: context.requestId,
  openstackRequestId: context.openstackRequestId,
  token: context.token,
  idempotencyKey: input.idempotencyKey ?? null,
  expectedGeneration: input.expectedGeneration ?? null,
  trail: { ...context.origin, input: audited },
});
