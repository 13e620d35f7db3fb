/** The API's certificate and key as files that somebody renews: what is new in them is taken without a restart. */
import { readFile } from 'node:fs/promises';
import type { Log } from './lib/log.ts';

/** PEM. */
export interface TlsPair {
  cert: string;
  key: string;
}

const LOOK_MS = 10_000;

/**
 * Looks at both files each ten seconds, for a notice of the file system does not come for what Kubernetes mounts or a network disk has. `take` throws
 * while they do not fit each other, as between the writing of one and of the other: the pair before goes on, and it is tried again when they change.
 */
export const watchTlsFiles = (
  paths: TlsPair,
  first: TlsPair,
  { take, log, lookMs = LOOK_MS }: { take(pair: TlsPair): void; log: Log; lookMs?: number },
): { close(): void } => {
  let seen = first;
  const look = async () => {
    const [cert, key] = await Promise.all([readFile(paths.cert, 'utf8'), readFile(paths.key, 'utf8')]);
    if (cert === seen.cert && key === seen.key) return;
    seen = { cert, key };
    take(seen);
    log.info({ certificate: paths.cert }, 'the API has a new certificate');
  };
  // The error may quote what is in the key's file.
  const failed = () => log.warn({ certificate: paths.cert }, 'the new certificate or key cannot be used; the one before goes on');
  const timer = setInterval(() => void look().catch(failed), lookMs);
  timer.unref();
  return { close: () => clearInterval(timer) };
};
