/** What Nova says of servers that are on their way: one listing a project and turn, however many servers wait. */
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Server } from '../openstack/server.ts';
import type { Cloud } from '../openstack/session.ts';
import type { Store } from '../store/open.ts';
import { enqueue } from '../store/workItems.ts';

export interface ServerPolls {
  /** Asks to be hinted (NODE key) when the server's status is no longer `status`; undefined status: when it is gone. */
  follow(interest: { projectId: string; clusterId: string; cloud: Cloud; serverId: string; nodeId: string; status: string }): void;
  forget(serverId: string): void;
  /** What Nova last said of it, in a listing or to `note`; undefined when that is older than five seconds. */
  sight(serverId: string): Server | undefined;
  note(server: Server): void;
  close(): void;
}

interface Followed {
  clusterId: string;
  cloud: Cloud;
  nodeId: string;
  status: string;
}

interface Project {
  /** By the server's id. */
  servers: Map<string, Followed>;
  /** Clusters by whose credentials it could not be listed: another's is tried first. */
  refused: Set<string>;
}

const TURN_MS = 1_000;
/** A node is looked at whenever something of it moves, several times a second: its server need not be asked for each time. */
const SIGHT_MS = 5_000;
/** Nova's clock and ours may differ, and a change is stamped before it can be listed. */
const OVERLAP_MS = 30_000;

export const createServerPolls = (deps: { store: Store; clock: Clock; log: Log; turnMs?: number }): ServerPolls => {
  const projects = new Map<string, Project>();
  /** The oldest first. */
  const sights = new Map<string, { at: number; server: Server }>();
  const polling = new Set<string>();
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  const note = (server: Server) => {
    const now = deps.clock.now();
    for (const [id, { at }] of sights) {
      if (now - at <= SIGHT_MS) break;
      sights.delete(id);
    }
    sights.delete(server.id);
    sights.set(server.id, { at: now, server });
  };
  const sight = (serverId: string): Server | undefined => {
    const seen = sights.get(serverId);
    return seen !== undefined && deps.clock.now() - seen.at <= SIGHT_MS ? seen.server : undefined;
  };

  const hint = async ({ servers }: Project, server: Server) => {
    const entry = servers.get(server.id);
    if (entry === undefined) return;
    note(server);
    if (entry.status === server.status) return;
    servers.delete(server.id);
    await deps.store.transaction((tx) => enqueue(tx, 'NODE', entry.nodeId, deps.clock.now()));
  };

  const poll = async (projectId: string, project: Project) => {
    if (polling.has(projectId)) return;
    const all = [...project.servers.values()];
    const asker = all.find(({ clusterId }) => !project.refused.has(clusterId)) ?? all[0];
    if (asker === undefined) {
      projects.delete(projectId);
      return;
    }
    // Not one is left: all are tried again.
    if (project.refused.has(asker.clusterId)) project.refused.clear();
    polling.add(projectId);
    try {
      // Without a filter by tag: a deleted server has lost its tags, and its end is what is waited for.
      const changed = await asker.cloud.compute.listServers({ changesSince: deps.clock.now() - OVERLAP_MS });
      await Promise.all(changed.map((server) => hint(project, server)));
    } catch (error) {
      project.refused.add(asker.clusterId);
      deps.log.warn({ err: error, projectId }, 'looking at the servers of a project failed');
    } finally {
      polling.delete(projectId);
    }
  };

  const turn = () => {
    timer = null;
    for (const [projectId, project] of projects) void poll(projectId, project);
    arm();
  };
  const arm = () => {
    if (timer === null && !closed && projects.size > 0) timer = setTimeout(turn, deps.turnMs ?? TURN_MS);
  };

  return {
    follow: ({ projectId, serverId, ...followed }) => {
      const project = projects.get(projectId) ?? { servers: new Map(), refused: new Set() };
      project.servers.set(serverId, followed);
      projects.set(projectId, project);
      arm();
    },
    sight,
    note,
    forget: (serverId) => {
      for (const { servers } of projects.values()) servers.delete(serverId);
    },
    close: () => {
      closed = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
};
