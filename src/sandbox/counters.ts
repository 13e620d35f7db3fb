/** How often each call was made, so that a test can hold "a second pass writes nothing". */
import type { Counters } from './contract.ts';

/** Logins and "may I?" questions are POSTs that change nothing. */
const NOT_WRITES = /(\/auth\/tokens|accessreviews|rulesreviews|selfsubjectreviews|tokenreviews)$/;

export interface CallCount {
  service: string;
  method: string;
  path: string;
  calls: number;
}

/** One call as it came: OpenStack's only. */
export interface RecordedCall extends Omit<CallCount, 'calls' | 'path'> {
  /** Milliseconds since the epoch. */
  at: number;
  template: string;
  /** With its query. */
  path: string;
  /** What the body calls the thing, where it does. */
  name: string;
  /** Tells whether two bodies are the same. */
  digest: string;
  write: boolean;
  /** The id of the request that it was made for, as its caller told it. */
  requestId: string | null;
  /** The kind of fault that it met. */
  fault: string | null;
}

export interface CounterBoard extends Counters {
  /** Begins a new record of calls, one after the other; false ends it. */
  record(on: boolean): void;
  recorded(): RecordedCall[];
  report(): { total: number; writes: number; byService: Record<string, { total: number; writes: number }>; calls: CallCount[] };
  reset(): void;
}

/** Whether such a call tries to change something. */
const isWrite = (method: string, template: string): boolean =>
  method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS' && !NOT_WRITES.test(template);

export const createCounterBoard = (now: () => number): CounterBoard => {
  const counts = new Map<string, CallCount>();
  let record: RecordedCall[] | null = null;
  const count: Counters['count'] = (service, method, template, call) => {
    if (call !== undefined) record?.push({ at: now(), service, method, template, ...call, write: isWrite(method, template) });
    const key = `${service} ${method} ${template}`;
    const entry = counts.get(key);
    if (entry === undefined) counts.set(key, { service, method, path: template, calls: 1 });
    else entry.calls += 1;
  };
  const report = (): ReturnType<CounterBoard['report']> => {
    const byService: Record<string, { total: number; writes: number }> = {};
    let total = 0;
    let writes = 0;
    for (const entry of counts.values()) {
      byService[entry.service] ??= { total: 0, writes: 0 };
      const sum = byService[entry.service] ?? { total: 0, writes: 0 };
      const written = isWrite(entry.method, entry.path) ? entry.calls : 0;
      sum.total += entry.calls;
      sum.writes += written;
      total += entry.calls;
      writes += written;
    }
    return { total, writes, byService, calls: [...counts.values()].sort((a, b) => b.calls - a.calls) };
  };
  return {
    count,
    report,
    reset: () => counts.clear(),
    record: (on) => {
      record = on ? [] : null;
    },
    recorded: () => record ?? [],
  };
};
