/** What was asked of simulated servers, by which request, and how it went: Nova's instance actions. */
import { createHash } from 'node:crypto';
import type { World } from '../contract.ts';
import { type Collection, createCollection } from './collection.ts';
import { ApiError, type Call, ok, type Route } from './http.ts';
import { cinderTime as novaMicroTime } from './volumeState.ts';

/** Each has one event here, on the server's host or before it has one. */
export interface InstanceAction {
  /** `<server>/<request>`. */
  id: string;
  serverId: string;
  action: string;
  event: string;
  requestId: string;
  userId: string;
  projectId: string;
  startedAt: string;
  updatedAt: string;
  finishedAt: string | null;
  host: string | null;
  /** What went wrong; null when nothing did. */
  failure: string | null;
}

export interface InstanceActions {
  /** Newest first. */
  of(serverId: string): InstanceAction[];
  begin(serverId: string, action: string, call: Call): void;
  /** Of the server's newest action, unless it is over. `failure` null: it went well. */
  end(serverId: string, host: string | null, failure: string | null): void;
  forget(serverId: string): void;
}

const EVENTS: Readonly<Record<string, string>> = {
  create: 'compute__do_build_and_run_instance',
  delete: 'compute_terminate_instance',
  lock: 'api_lock',
  unlock: 'api_unlock',
};
/** Of a server for which no host was found. */
const UNPLACED = 'conductor_schedule_and_build_instances';

export const createInstanceActions = (world: World, now: () => number): InstanceActions => {
  const actions: Collection<InstanceAction> = createCollection<InstanceAction>(world.table('compute/actions'), {
    server: (a) => a.serverId,
  });
  const of = (serverId: string): InstanceAction[] => actions.by('server', serverId).reverse();
  return {
    of,
    begin: (serverId, action, { requestId, actor }) => {
      const at = novaMicroTime(now());
      const event = EVENTS[action] ?? `compute_${action}_instance`;
      const open = { startedAt: at, updatedAt: at, finishedAt: null, host: null, failure: null };
      const { userId, projectId } = actor;
      actions.put({ id: `${serverId}/${requestId}`, serverId, action, event, requestId, userId, projectId, ...open });
    },
    end: (serverId, host, failure) => {
      const [newest] = of(serverId);
      if (newest === undefined || newest.finishedAt !== null) return;
      const at = novaMicroTime(now());
      const event = newest.action === 'create' && host === null ? UNPLACED : newest.event;
      actions.put(Object.assign(newest, { event, host, failure, updatedAt: at, finishedAt: at }));
    },
    forget: (serverId) => {
      for (const { id } of actions.by('server', serverId)) actions.remove(id);
    },
  };
};

const describe = (a: InstanceAction, call: Call): object => ({
  action: a.action,
  instance_uuid: a.serverId,
  request_id: a.requestId,
  user_id: a.userId,
  project_id: a.projectId,
  start_time: a.startedAt,
  message: a.failure === null ? null : 'Error',
  ...(call.microversion >= 58 && { updated_at: a.updatedAt }),
});

/** A traceback and the host are for administrators; all others see events since 2.51. */
const describeEvents = (a: InstanceAction, call: Call): object => {
  const { isAdmin } = call.actor;
  if (!isAdmin && call.microversion < 51) return {};
  const traceback = a.failure === null ? null : `Traceback (most recent call last):\n  nova.exception: ${a.failure}\n`;
  const hostId = a.host === null ? '' : createHash('sha224').update(`${a.projectId}${a.host}`).digest('hex');
  const event = {
    event: a.event,
    start_time: a.startedAt,
    finish_time: a.finishedAt,
    result: a.finishedAt === null ? null : a.failure === null ? 'Success' : 'Error',
    ...(isAdmin && { traceback }),
    ...(call.microversion >= 62 && { hostId, ...(isAdmin && { host: a.host }) }),
  };
  return { events: [event] };
};

/** `idOf`: of the server that a call names, which may be deleted since 2.21; throws when there is none for the caller. */
export const instanceActionRoutes = (actions: InstanceActions, idOf: (call: Call) => string): Route[] => {
  const base = '/v2.1/servers/{id}/os-instance-actions';
  return [
    { method: 'GET', template: base, handle: (call) => ok({ instanceActions: actions.of(idOf(call)).map((a) => describe(a, call)) }) },
    {
      method: 'GET',
      template: `${base}/{request}`,
      handle: (call) => {
        const found = actions.of(idOf(call)).find((a) => a.requestId === call.params.request);
        if (found === undefined) throw new ApiError(404, `Action ${call.params.request} not found`);
        return ok({ instanceAction: { ...describe(found, call), ...describeEvents(found, call) } });
      },
    },
  ];
};
