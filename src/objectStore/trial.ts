/** A store is tried when Seedbed starts: what is wrong with it should be known before the first backup is due. */
import { SeedbedError, Unavailable } from '../domain/errors.ts';
import { newId } from '../lib/ids.ts';
import type { Log } from '../lib/log.ts';
import type { ObjectStore } from './objectStore.ts';

/** Never throws. `signal`: nobody wants to know any more. */
export const tryStore = async (objects: ObjectStore, { log, signal }: { log: Log; signal: AbortSignal }): Promise<void> => {
  try {
    await putAndTakeAway(objects);
    log.info({}, 'the object store for backups does what it is asked for');
  } catch (error) {
    if (signal.aborted) return;
    const known = error instanceof SeedbedError ? { problem: error.toProblem() } : { err: error };
    const then = error instanceof Unavailable ? 'It is tried again with each backup' : 'No backup is made until that is mended';
    log.error(
      known,
      `the object store for backups does not work: ${error instanceof SeedbedError ? error.message : 'see the error'} ${then}.`,
    );
  }
};

const putAndTakeAway = async (objects: ObjectStore): Promise<void> => {
  const name = `${newId()}/${newId()}.keys`;
  const body = Buffer.from(`This object was put here to see whether backups can be kept: it can be deleted. ${newId()}`);
  // Who may not list a bucket is told that he may not have what is not there.
  if ((await objects.get(name)) !== undefined) throw otherwise('has what nobody put there');
  try {
    await objects.put(name, body);
    if ((await objects.get(name))?.equals(body) !== true) throw otherwise('gives back something else than it was given');
    const found = await objects.stat(name);
    if (found?.sizeBytes !== body.length || !body.subarray(-found.tail.length).equals(found.tail))
      throw otherwise('tells another size or end of an object than it has');
  } catch (error) {
    // It may be there all the same.
    await objects.remove(name).catch(() => {});
    throw error;
  }
  await objects.remove(name);
};

const otherwise = (what: string): Unavailable =>
  new Unavailable('CLOUD_UNAVAILABLE', `The object store for backups ${what}.`, { whoMustAct: 'CLOUD_ADMIN' });
