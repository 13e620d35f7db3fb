/** Objects as files below one folder: written beside their place and moved there whole, so that what is there is complete. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { CHECKSUM_BYTES, type StoredObject } from './objectStore.ts';

export interface Folder {
  write(name: string, body: Buffer): Promise<void>;
  /** `expectedBytes`: as the sender says. @throws TooLarge, NotWhole, NoRoom. */
  receive(name: string, body: Readable, limits: { maxBytes: number; expectedBytes: number }): Promise<void>;
  read(name: string): Promise<Buffer | undefined>;
  /** Undefined when it is not there. */
  send(name: string): Promise<{ sizeBytes: number; body: Readable } | undefined>;
  stat(name: string): Promise<StoredObject | undefined>;
  remove(name: string): Promise<void>;
}

export class TooLarge extends Error {}
/** The body broke off, or does not end with the checksum of what is before. */
export class NotWhole extends Error {}

/** The disk has no room for it beside what others need. */
export class NoRoom extends Error {}

/** Seedbed's own database may be on the same disk, and stops all of it when it cannot write. */
const RESERVE_BYTES = 1024 ** 3;

/** "cluster's id/backup's id.kind", and nothing that could lead out of the folder. */
export const isName = (name: string): boolean => /^[0-9a-f-]{36}\/[0-9a-f-]{36}\.(db|keys)$/.test(name);

/** The folder's owner is this process alone: what is half there was begun by one that died. */
export const openFolder = async (root: string): Promise<Folder> => {
  await dropParts(root);
  const pathOf = (name: string): string => {
    if (!isName(name)) throw new Error(`No object can have the name ${JSON.stringify(name.slice(0, 100))}.`);
    return join(root, name);
  };
  const place = async (name: string, fill: (file: FileHandle) => Promise<void>): Promise<void> => {
    const path = pathOf(name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const part = `${path}.${randomBytes(6).toString('hex')}.part`;
    try {
      const file = await open(part, 'wx', 0o600);
      try {
        await fill(file);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  };
  return {
    write: (name, body) => place(name, (file) => file.writeFile(body)),
    receive: (name, body, { maxBytes, expectedBytes }) =>
      place(name, async (file) => {
        const { bavail, bsize } = await statfs(root);
        if (bavail * bsize - expectedBytes < RESERVE_BYTES) throw new NoRoom(`There are ${bavail * bsize} bytes left.`);
        await copy(body, file, maxBytes);
      }),
    read: (name) => readFile(pathOf(name)).catch(absent),
    send: async (name) => {
      const path = pathOf(name);
      const found = await stat(path).catch(absent);
      return found && { sizeBytes: found.size, body: createReadStream(path) };
    },
    stat: async (name) => {
      const file = await open(pathOf(name), 'r').catch(absent);
      if (file === undefined) return undefined;
      try {
        const { size } = await file.stat();
        const length = Math.min(size, CHECKSUM_BYTES);
        const tail = Buffer.alloc(length);
        await file.read(tail, 0, length, size - length);
        return { sizeBytes: size, tail };
      } finally {
        await file.close();
      }
    },
    remove: async (name) => {
      const path = pathOf(name);
      await rm(path, { force: true });
      // The last of a cluster takes its folder along.
      await rmdir(dirname(path)).catch(() => {});
    },
  };
};

const copy = async (body: Readable, file: FileHandle, maxBytes: number): Promise<void> => {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  // What may be the checksum is held back from what it is over.
  let tail = Buffer.alloc(0);
  for await (const chunk of body as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw new TooLarge(`More than ${maxBytes} bytes.`);
    await file.write(chunk);
    const seen = Buffer.concat([tail, chunk]);
    const end = Math.max(0, seen.length - CHECKSUM_BYTES);
    hash.update(seen.subarray(0, end));
    tail = seen.subarray(end);
  }
  if (!hash.digest().equals(tail)) throw new NotWhole('It does not end with its checksum.');
};

const dropParts = async (root: string): Promise<void> => {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const parts = entries.filter((entry) => entry.isFile() && isPart(entry.name));
  await Promise.all(parts.map((entry) => rm(join(entry.parentPath, entry.name), { force: true })));
};

const isPart = (name: string): boolean => /\.(db|keys)\.[0-9a-f]{12}\.part$/.test(name);

/** A name is there after a loss of power only when its folder is written, too. */
const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

const absent = (error: NodeJS.ErrnoException): undefined => {
  if (error.code === 'ENOENT') return undefined;
  throw error;
};
