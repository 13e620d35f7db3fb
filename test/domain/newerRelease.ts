/** As if this Seedbed came with one more release. The catalogue is shared with other test files: whoever adds to it takes it out after all. */
import { listReleases, type Release } from '../../src/domain/version.ts';

const added: Release[] = [];

export const addRelease = (version: string): void => {
  const releases = listReleases() as Release[];
  const minor = version.slice(1).split('.').slice(0, 2).join('.');
  const place = Math.max(
    0,
    releases.findIndex((release) => release.minor === minor),
  );
  const [like] = releases.slice(place);
  if (like === undefined) throw new Error('the catalogue is empty');
  const release = { ...like, version, minor };
  releases.splice(place, 0, release);
  added.push(release);
};

export const forgetReleases = (): void => {
  const releases = listReleases() as Release[];
  for (const release of added.splice(0)) releases.splice(releases.indexOf(release), 1);
};
