/** The packages of Kubernetes for servers whose image has none: apt's description of where they are. */
import type { Release } from '../domain/version.ts';

export interface PackageRepository {
  /** `{minor}` in it stands for the minor release, such as 1.36. */
  url: string;
  /** The armoured public key that signs it. */
  key: string;
}

/** A key and the subkeys that sign need no more, and user data has to hold it. */
export const MAX_PACKAGE_KEY_BYTES = 4_096;

/**
 * In deb822 form, with the key inside (sources.list(5): since apt 2.3.10, so Debian 12 and Ubuntu 22.04). Kubernetes' own repositories are flat, one for each minor release.
 */
export const buildPackageSource = ({ url, key }: PackageRepository, { minor }: Pick<Release, 'minor'>): string =>
  [
    'Types: deb',
    `URIs: ${url.replaceAll('{minor}', minor)}`,
    'Suites: /',
    'Signed-By:',
    // An empty line would end the paragraph.
    ...key
      .trim()
      .split(/\r?\n/)
      .map((line) => ` ${line.trim() === '' ? '.' : line}`),
    '',
  ].join('\n');
