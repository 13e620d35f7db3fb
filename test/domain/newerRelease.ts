/** As if this Seedbed came with one more release. The catalogue is each test file's own. */
import { listReleases, type Release } from '../../src/domain/version.ts';

export const addRelease = (version: string): void => {
  const releases = listReleases() as Release[];
  const minor = version.slice(1).split('.').slice(0, 2).join('.');
  const place = Math.max(
    0,
    releases.findIndex((release) => release.minor === minor),
  );
  const [like] = releases.slice(place);
  if (like === undefined) throw new Error('the catalogue is empty');
  releases.splice(place, 0, { ...like, version, minor });
};
