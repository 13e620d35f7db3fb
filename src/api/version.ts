/** The catalogue of Kubernetes versions. */
import { compareVersions, listReleases, mayUpgrade, parseVersion, type Release } from '../domain/version.ts';
import { builder } from './builder.ts';
import { ReleaseStatusEnum } from './enums.ts';

const KubernetesVersionType = builder.objectRef<Release>('KubernetesVersion').implement({
  description: 'A Kubernetes release of the catalogue.',
  fields: (t) => ({
    version: t.exposeString('version', { description: 'As upstream tags it, such as v1.36.3.' }),
    minor: t.exposeString('minor', { description: 'Its minor release, such as 1.36.' }),
    status: t.expose('status', { type: ReleaseStatusEnum, description: 'Whether it can be asked for.' }),
    endOfLifeAt: t.expose('endOfLifeAt', {
      type: 'DateTime',
      description: 'The day after which upstream mends nothing in it any more.',
    }),
    upgradeTargets: t.stringList({
      description: 'Versions that a cluster of this one may be upgraded to, newest first.',
      resolve: (release) => targetsOf(release),
    }),
  }),
});

const targetsOf = (release: Release): string[] => {
  const from = parseVersion(release.version);
  return listReleases()
    .filter((candidate) => {
      const to = parseVersion(candidate.version);
      return (
        from !== undefined && to !== undefined && candidate.status !== 'EXPIRED' && compareVersions(from, to) !== 0 && mayUpgrade(from, to)
      );
    })
    .map((candidate) => candidate.version);
};

builder.queryField('kubernetesVersions', (t) =>
  t.field({
    type: [KubernetesVersionType],
    description: 'Kubernetes versions, newest first; expired ones are listed so that old clusters can be judged.',
    resolve: () => [...listReleases()],
  }),
);
