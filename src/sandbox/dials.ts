/** What can be turned while the sandbox runs: latencies, token lifetime, and servers that come to grief. Remembered over a restart. */
import type { DiskMs, Latency, World } from './contract.ts';

/** How a server whose name fits comes to grief. */
export type ServerTrouble =
  | 'noValidHost'
  | 'buildError'
  | 'neverActive'
  | 'slow'
  | 'diesAfterJoin'
  | 'neverBoots'
  | 'deleteError'
  | 'volumeError';

export interface ServerFault {
  id: string;
  /** A regular expression over the server's name. */
  name: string;
  /** Only servers in this availability zone; null: in any. */
  zone: string | null;
  trouble: ServerTrouble;
  /** How many servers it still meets; null is every one. */
  times: number | null;
  /** For `slow`: milliseconds more until ACTIVE, not scaled. */
  slowMs: number;
}

export interface Dials {
  /** 1 is the plausible profile of a quick cloud; 0 does everything at once. */
  latencyScale: number;
  tokenLifetimeSeconds: number;
  serverFaults: ServerFault[];
  /** Nova's availability zones; the first is where a server goes that names none. */
  zones: string[];
  /** Disks of etcd's members that are not as fast as usual; the last one that fits counts. `name`: a regular expression over the pod's. */
  slowDisks: { name: string; fsyncMs: number }[];
  /** Images that no node can pull: regular expressions over their names. */
  lostImages: string[];
}

export interface DialBoard {
  readonly data: Dials;
  changed(): void;
  latency: Latency;
  diskMs: DiskMs;
  isLostImage(image: string): boolean;
  /** Whether a new volume of this name ends in error; uses one up. */
  volumeFails(name: string): boolean;
  /** The trouble that meets this new server; uses one up. */
  troubleFor(server: { name: string; zone: string }): ServerFault | undefined;
}

const USUAL_FSYNC_MS = 2;

export const createDials = (world: World, initial: { latencyScale: number }): DialBoard => {
  const section = world.section<Dials>('dials', {
    latencyScale: initial.latencyScale,
    tokenLifetimeSeconds: 3600,
    serverFaults: [],
    zones: ['nova'],
    slowDisks: [],
    lostImages: [],
  });
  // A world from before has none.
  section.data.slowDisks ??= [];
  section.data.lostImages ??= [];
  const take = (fits: (fault: ServerFault) => boolean, name: string): ServerFault | undefined => {
    const found = section.data.serverFaults.find((f) => f.times !== 0 && fits(f) && new RegExp(f.name).test(name));
    if (found !== undefined && found.times !== null) {
      found.times -= 1;
      section.changed();
    }
    return found;
  };
  return {
    data: section.data,
    changed: section.changed,
    latency: (usualMs) => usualMs * section.data.latencyScale,
    diskMs: (pod) => section.data.slowDisks.findLast(({ name }) => new RegExp(name).test(pod))?.fsyncMs ?? USUAL_FSYNC_MS,
    isLostImage: (image) => section.data.lostImages.some((name) => new RegExp(name).test(image)),
    volumeFails: (name) => take(({ trouble }) => trouble === 'volumeError', name) !== undefined,
    troubleFor: ({ name, zone }) => take((fault) => fault.trouble !== 'volumeError' && (fault.zone ?? zone) === zone, name),
  };
};
