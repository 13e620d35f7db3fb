/** Kinds that Kubernetes does not serve for ever, and the metric in which an API server tells that it was asked for one. */
import { groupVersion, type Kind } from './kinds.ts';

/** The minor release from which on a kind is not served, by its group, version and plural; "" where none has been named. */
const REMOVED_IN: Readonly<Record<string, string>> = {
  'v1/endpoints': '',
  'storage.k8s.io/v1beta1/volumeattributesclasses': '1.37',
};

export interface Deprecations {
  /** It was asked for. */
  note(kind: Kind, subresource: string | undefined): void;
  /** In Prometheus' text form. */
  metrics(): string;
  /** The API server was started anew. */
  forget(): void;
}

export const createDeprecations = (): Deprecations => {
  const asked = new Set<string>();
  return {
    note(kind, subresource = '') {
      const removed = REMOVED_IN[`${groupVersion(kind)}/${kind.plural}`];
      if (removed === undefined) return;
      const labels = { group: kind.group, removed_release: removed, resource: kind.plural, subresource, version: kind.version };
      asked.add(
        Object.entries(labels)
          .map(([name, value]) => `${name}="${value}"`)
          .join(','),
      );
    },
    metrics: () =>
      asked.size === 0
        ? ''
        : [
            '# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested, broken out by API group, version, resource, subresource, and removed_release.',
            '# TYPE apiserver_requested_deprecated_apis gauge',
            ...[...asked].sort().map((labels) => `apiserver_requested_deprecated_apis{${labels}} 1`),
            '',
          ].join('\n'),
    forget: () => asked.clear(),
  };
};
