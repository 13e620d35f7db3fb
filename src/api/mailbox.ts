/**
 * What waits for one subscriber: the last news of each object, bounded. Never shared between subscribers, never grows with what a
 * slow reader leaves unread.
 */

export interface Letter<News> {
  key: string;
  news: News;
  /** Earlier news that this one stands for: of the same object, or, when `resync`, of others, too. */
  missed: number;
  /** News of other objects were dropped: only listing again tells which. */
  resync: boolean;
}

export interface Mailbox<News> {
  /** Never throws, never blocks. */
  put(key: string, news: News): void;
  /** Oldest first; null when there is nothing. */
  take(): Letter<News> | null;
}

/** `merge` folds two news of one object into one. `wake` is called when there is something to take. */
export const createMailbox = <News>(options: {
  capacity: number;
  merge(earlier: News, later: News): News;
  wake(): void;
}): Mailbox<News> => {
  // Null while there is nothing: most mailboxes are empty most of the time, and an empty map has room for four.
  let letters: Map<string, Letter<News>> | null = null;
  let dropped = 0;
  return {
    put: (key, news) => {
      letters ??= new Map();
      const waiting = letters.get(key);
      if (waiting !== undefined) {
        letters.set(key, { key, news: options.merge(waiting.news, news), missed: waiting.missed + 1, resync: false });
      } else {
        const [oldest] = letters.size >= options.capacity ? letters.values() : [];
        if (oldest !== undefined) {
          letters.delete(oldest.key);
          dropped += oldest.missed + 1;
        }
        letters.set(key, { key, news, missed: 0, resync: false });
      }
      options.wake();
    },
    take: () => {
      const [first] = letters?.values() ?? [];
      if (first === undefined) return null;
      letters?.delete(first.key);
      if (letters?.size === 0) letters = null;
      const letter = { ...first, missed: first.missed + dropped, resync: dropped > 0 };
      dropped = 0;
      return letter;
    },
  };
};
