/** Which release this is. */
import { readFileSync } from 'node:fs';

/** As in package.json, such as 1.4.0. */
export const version = (): string => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
};
