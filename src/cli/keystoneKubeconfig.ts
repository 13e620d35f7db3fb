/** `seedbed cluster kubeconfig keystone`: a kubeconfig without a secret in it, which logs in to Keystone each time it is used. */
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { KEYSTONE_ACCESS } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import { getCluster } from './find.ts';
import type { CommonOptions, Session } from './session.ts';

interface Access {
  name: string;
  endpoint: string | null;
  caCertificate: string | null;
  spec: { keystoneAuthEnabled: boolean };
}

/** Throws ClientError USAGE for a cluster that takes no such tokens, or has no address yet. */
export const keystoneKubeconfig = async (
  session: Session,
  [nameOrId = '']: readonly string[],
  options: CommonOptions & { file?: string },
): Promise<void> => {
  const { uuid } = await getCluster(session.client, nameOrId);
  const { cluster } = await session.client.request<{ cluster: Access }>(KEYSTONE_ACCESS, { id: uuid });
  if (!cluster.spec.keystoneAuthEnabled)
    throw new ClientError(
      'USAGE',
      `Cluster ${nameOrId} takes no Keystone tokens; set its keystoneAuthEnabled with: seedbed cluster update`,
    );
  if (cluster.endpoint === null || cluster.caCertificate === null)
    throw new ClientError('USAGE', `Cluster ${nameOrId} has no address yet; try again when it has.`);
  const text = textOf(cluster.name, cluster.endpoint, cluster.caCertificate, options.osCloud ?? session.io.environment['OS_CLOUD']);
  if (options.file === undefined) return session.print({ kubeconfig: text }, () => text);
  writeFileSync(options.file, text, { mode: 0o600 });
  session.print({ file: options.file }, () => `${options.file} logs in to Keystone, as this command line does.\n`);
};

const textOf = (name: string, server: string, caCertificate: string, cloud: string | undefined): string =>
  stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(caCertificate).toString('base64') } }],
      users: [
        {
          name: 'keystone',
          user: {
            exec: {
              apiVersion: 'client.authentication.k8s.io/v1',
              command: 'seedbed',
              args: ['token', '--exec-credential', ...(cloud === undefined ? [] : ['--os-cloud', cloud])],
              interactiveMode: 'Never',
            },
          },
        },
      ],
      contexts: [{ name, context: { cluster: name, user: 'keystone' } }],
      'current-context': name,
    },
    { lineWidth: 0 },
  );
