/** cloud.conf: how the cloud's controllers reach the customer's project. It stays in the seed, in the Secret of each that reads it. */
import { namesOf, type ReachableCluster } from './hostedCluster.ts';
import type { Component, KubernetesObject } from './object.ts';
import { buildFilesSecret } from './secrets.ts';

export interface CloudAccess {
  /** Keystone's URL. */
  authUrl: string;
  region: string | null;
  /** PEM of the cloud's own authority; null: what every system trusts. */
  caPem: string | null;
  /** Which of the catalog's addresses are asked. */
  interface: 'public' | 'internal';
  /** TCP ports at which its services are. */
  ports: readonly number[];
  /** An application credential of this cluster's own. */
  credential: { id: string; secret: string };
  /** Where floating IPs come from. */
  externalNetworkId: string | null;
  /** Of the workers: load balancers get their addresses here. */
  subnetId: string | null;
}

export const CONFIG_FOLDER = '/etc/config';

type Value = string | number | boolean;
type Sections = Record<string, Record<string, Value | null>>;

/** Git's notation, which gcfg reads: values in quotes, so that none can end its line. */
const textOf = (sections: Sections): string =>
  Object.entries(sections)
    .map(([name, values]) => {
      const lines = Object.entries(values).filter((entry): entry is [string, Value] => entry[1] !== null);
      return `[${name}]\n${lines.map(([key, value]) => `${key} = ${typeof value === 'string' ? quoted(value) : value}\n`).join('')}`;
    })
    .join('\n');

const quoted = (text: string): string =>
  `"${text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replace(/[\r\n]/g, '')}"`;

/** Secret "<owner>-files" with cloud.conf, the kubeconfig, and the authority where there is one of the cloud's own. */
export const buildCloudFiles = (
  cluster: ReachableCluster,
  owner: 'cloudController' | 'cinderCsi',
  component: Component,
  cloud: CloudAccess,
  kubeconfig: string,
  sections: Sections,
): KubernetesObject =>
  buildFilesSecret(cluster, namesOf(cluster)[owner], component, {
    'cloud.conf': textOf({
      Global: {
        'auth-url': cloud.authUrl,
        region: cloud.region,
        'os-endpoint-type': cloud.interface,
        'application-credential-id': cloud.credential.id,
        'application-credential-secret': cloud.credential.secret,
        'ca-file': cloud.caPem === null ? null : `${CONFIG_FOLDER}/cloud-ca.crt`,
      },
      ...sections,
    }),
    kubeconfig,
    ...(cloud.caPem !== null && { 'cloud-ca.crt': cloud.caPem }),
  });
