/** Kubeconfigs to take apart: good ones, and what a refusal is. */
import { UserError } from '../../src/domain/errors.ts';
import { parseKubeconfig } from '../../src/seeds/kubeconfig.ts';
import { makeCertificates } from './tlsServer.ts';

export const base64 = (text: string): string => Buffer.from(text).toString('base64');
/** Stands for whatever must not be repeated. */
export const SECRET = 'S3cretMarkerValue';

export const { caPem, client } = await makeCertificates();

export interface Parts {
  cluster?: Record<string, unknown>;
  user?: Record<string, unknown>;
  root?: Record<string, unknown>;
}

export const document = ({ cluster, user, root }: Parts = {}): Record<string, unknown> => ({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'main',
  clusters: [{ name: 'seed', cluster: cluster ?? clusterPart() }],
  users: [{ name: 'admin', user: user ?? certificatePart() }],
  contexts: [{ name: 'main', context: { cluster: 'seed', user: 'admin', namespace: 'default' } }],
  ...root,
});
export const clusterPart = (): Record<string, unknown> => ({
  server: 'https://seed.example:6443/',
  'certificate-authority-data': base64(caPem),
});
export const certificatePart = (): Record<string, unknown> => ({
  'client-certificate-data': base64(client.certPem),
  'client-key-data': base64(client.keyPem),
});

/** Throws unless the text is refused as a kubeconfig. */
export const refusalOf = (text: string): UserError => {
  try {
    parseKubeconfig(text);
  } catch (error) {
    if (error instanceof UserError && error.code === 'KUBECONFIG_REFUSED') return error;
    throw error;
  }
  throw new Error('the kubeconfig was taken');
};

export const USER_FIELDS = [
  'exec',
  'auth-provider',
  'tokenFile',
  'client-certificate',
  'client-key',
  'as',
  'as-uid',
  'as-groups',
  'as-user-extra',
  'username',
  'password',
];
