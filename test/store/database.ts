/** A real database file in a folder of its own, gone after the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/lib/clock.ts';
import { openStore, type Store } from '../../src/store/open.ts';

export const MIGRATIONS = new URL('../../drizzle/sqlite', import.meta.url).pathname;

export interface TestDatabase {
  store: Store;
  path: string;
  close(): Promise<void>;
}

export const openTestDatabase = (): TestDatabase => {
  const dir = mkdtempSync(join(tmpdir(), 'seedbed-test-'));
  const path = join(dir, 'seedbed.db');
  const store = openStore({ path, migrations: MIGRATIONS, clock: systemClock });
  return {
    store,
    path,
    close: async () => {
      await store.close();
      rmSync(dir, { recursive: true });
    },
  };
};
