/** A set of keys to look at again: an event names a key, and each key is handled once however often it was named. */

export interface WorkQueue {
  add(key: string): void;
  /** Keeps the soonest of several delayed wishes for a key. */
  addAfter(key: string, delayMs: number): void;
  close(): void;
}

/** `handle` must not throw for what is wrong in an object; what it throws is told to `failed` and the queue goes on. */
export const createWorkQueue = (handle: (key: string) => void, failed: (error: unknown, key: string) => void): WorkQueue => {
  const waiting = new Set<string>();
  const timers = new Map<string, { timer: NodeJS.Timeout; dueAt: number }>();
  let scheduled = false;
  let closed = false;
  const drain = (): void => {
    scheduled = false;
    const keys = [...waiting];
    waiting.clear();
    for (const key of keys) {
      if (closed) return;
      try {
        handle(key);
      } catch (error) {
        failed(error, key);
      }
    }
  };
  const add = (key: string): void => {
    if (closed) return;
    waiting.add(key);
    if (scheduled) return;
    scheduled = true;
    setImmediate(drain);
  };
  return {
    add,
    addAfter(key, delayMs) {
      if (closed) return;
      const dueAt = performance.now() + delayMs;
      const known = timers.get(key);
      if (known && known.dueAt <= dueAt) return;
      if (known) clearTimeout(known.timer);
      const timer = setTimeout(() => {
        timers.delete(key);
        add(key);
      }, delayMs);
      timers.set(key, { timer, dueAt });
    },
    close() {
      closed = true;
      for (const { timer } of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
};
