/** Which release this is. */
import { readFileSync } from 'node:fs';

/** As in package.json, such as 1.4.0. */
export const version = (): string => {
  // From src/lib and dist/lib; and from dist, where the whole server is one file in the tests that kill it.
  for (const path of ['../../package.json', '../package.json']) {
    const manifest = read(new URL(path, import.meta.url));
    if (manifest?.name === 'seedbed') return manifest.version;
  }
  throw new Error('package.json does not lie beside dist.');
};

const read = (url: URL): { name: string; version: string } | null => {
  try {
    return JSON.parse(readFileSync(url, 'utf8')) as { name: string; version: string };
  } catch {
    return null;
  }
};
