/** Encryption of the cluster's Secrets in its etcd. https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/ */
import { stringify } from 'yaml';
import type { Encryption } from '../pki/encryption.ts';

/** The text of the file behind --encryption-provider-config; it holds the keys. */
export const buildEncryptionConfig = ({ keys, plain }: Encryption): string =>
  stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [
      {
        resources: ['secrets'],
        providers: [
          { secretbox: { keys: keys.map(({ number, secret }) => ({ name: `key${number}`, secret })) } },
          // Reads what was written before there was a key. Left there for ever, it would also read what somebody put into etcd in clear.
          ...(plain ? [{ identity: {} }] : []),
        ],
      },
    ],
  });
