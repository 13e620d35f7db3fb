/** `seedbed cluster rotate-credential`, and how an application credential is handed in: by a file, for arguments are read by all who list processes. */
import { ROTATE_CLOUD_CREDENTIAL } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { ClusterSummary, Operation } from '../client/types.ts';
import { getCluster } from './find.ts';
import { type ChangeOptions, given } from './options.ts';
import type { Session } from './session.ts';

export const CREDENTIAL_FILE =
  'YAML or JSON with the id and secret of an application credential, as "openstack application credential create -f json" prints it; - reads standard input';

/** As the API takes it. Throws ClientError USAGE. */
export const readCredential = (session: Session, path: string): Record<string, unknown> => {
  const { id, secret } = session.readSettings(path);
  if (typeof id !== 'string' || typeof secret !== 'string')
    throw new ClientError(
      'USAGE',
      `${path} must hold the id and secret of an application credential, as "openstack application credential create -f json" prints them.`,
    );
  return { applicationCredentialId: id, applicationCredentialSecret: secret };
};

interface RotateOptions extends ChangeOptions {
  credential?: string;
  trust?: boolean;
}

export const rotateCredential = async (session: Session, [nameOrId = '']: readonly string[], options: RotateOptions): Promise<void> => {
  const { credential: path, trust, idempotencyKey } = options;
  if ((path === undefined) === (trust !== true))
    throw new ClientError('USAGE', 'Give either --credential with a file, or --trust without one.');
  const credential = path === undefined ? undefined : readCredential(session, path);
  const { uuid, name } = await getCluster(session.client, nameOrId);
  const input = given({ clusterId: uuid, credential, idempotencyKey });
  const { cluster, operation } = await session.client.mutate<{
    cluster: ClusterSummary & { lastEventNumber: number };
    operation: Operation;
  }>(ROTATE_CLOUD_CREDENTIAL, { input });
  const progress = { id: uuid, after: Math.max(0, cluster.lastEventNumber - 1) };
  await session.finish(options, { operation, title: `Rotate the cloud credential of cluster ${name}`, cluster: progress });
  const what = path === undefined ? 'a new right of its own' : 'the credential that was handed in';
  session.print({ uuid, name, operation: operation.uuid }, () =>
    options.wait === false ? '' : `Seedbed acts for ${name} by ${what} from now on.\n`,
  );
};
