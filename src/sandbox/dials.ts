/** What can be turned while the sandbox runs: latencies, token lifetime, and servers that come to grief. Remembered over a restart. */
import type { Latency, World } from './contract.ts';

/** How a server whose name fits comes to grief. */
export type ServerTrouble = 'noValidHost' | 'buildError' | 'neverActive' | 'slow' | 'diesAfterJoin' | 'neverBoots' | 'deleteError';

export interface ServerFault {
  id: string;
  /** A regular expression over the server's name. */
  name: string;
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
}

export interface DialBoard {
  readonly data: Dials;
  changed(): void;
  latency: Latency;
  /** The trouble that meets a new server of this name; uses one up. */
  troubleFor(name: string): ServerFault | undefined;
}

export const createDials = (world: World, initial: { latencyScale: number }): DialBoard => {
  const section = world.section<Dials>('dials', { latencyScale: initial.latencyScale, tokenLifetimeSeconds: 3600, serverFaults: [] });
  const troubleFor = (name: string): ServerFault | undefined => {
    const found = section.data.serverFaults.find((f) => f.times !== 0 && new RegExp(f.name).test(name));
    if (found !== undefined && found.times !== null) {
      found.times -= 1;
      section.changed();
    }
    return found;
  };
  return { data: section.data, changed: section.changed, latency: (usualMs) => usualMs * section.data.latencyScale, troubleFor };
};
