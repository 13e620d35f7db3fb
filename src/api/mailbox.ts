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

interface MailboxOptions<News> {
  capacity: number;
  merge(earlier: News, later: News): News;
  wake(): void;
}

/** `merge` folds two news of one object into one. `wake` is called when there is something to take. */
export const createMailbox = <News>(options: MailboxOptions<News>): Mailbox<News> => new BoundedMailbox(options);

/** Most mailboxes are empty most of the time, and then hold one letter: a map is made for more of them. */
class BoundedMailbox<News> implements Mailbox<News> {
  private readonly options: MailboxOptions<News>;
  private only: Letter<News> | null = null;
  /** In place of `only`. */
  private letters: Map<string, Letter<News>> | null = null;
  private dropped = 0;

  constructor(options: MailboxOptions<News>) {
    this.options = options;
  }

  put(key: string, news: News): void {
    if (this.letters === null && (this.only === null || this.only.key === key)) this.only = this.merged(this.only, key, news);
    else this.add(key, news);
    this.options.wake();
  }

  take(): Letter<News> | null {
    const first = this.only ?? this.letters?.values().next().value ?? null;
    if (first === null) return null;
    this.only = null;
    this.letters?.delete(first.key);
    if (this.letters?.size === 0) this.letters = null;
    if (this.dropped === 0) return first;
    const letter = { ...first, missed: first.missed + this.dropped, resync: true };
    this.dropped = 0;
    return letter;
  }

  private merged(waiting: Letter<News> | null, key: string, news: News): Letter<News> {
    if (waiting === null) return { key, news, missed: 0, resync: false };
    return { key, news: this.options.merge(waiting.news, news), missed: waiting.missed + 1, resync: false };
  }

  private add(key: string, news: News): void {
    this.letters ??= new Map();
    if (this.only !== null) this.letters.set(this.only.key, this.only);
    this.only = null;
    const waiting = this.letters.get(key) ?? null;
    const oldest = waiting === null && this.letters.size >= this.options.capacity ? this.letters.values().next().value : undefined;
    if (oldest !== undefined) {
      this.letters.delete(oldest.key);
      this.dropped += oldest.missed + 1;
    }
    this.letters.set(key, this.merged(waiting, key, news));
  }
}
