/** Kubeconfigs: one server, one user, everything inline. */
import { stringify } from 'yaml';
import type { KeyPair } from './authority.ts';

export interface KubeconfigInput {
  clusterName: string;
  /** "https://host:port" */
  server: string;
  caPem: string;
  userName: string;
  /** A client certificate with its key, or a bearer token. */
  credential: KeyPair | { token: string };
}

export interface Kubeconfig {
  apiVersion: 'v1';
  kind: 'Config';
  clusters: { name: string; cluster: Record<string, string> }[];
  users: { name: string; user: Record<string, string> }[];
  contexts: { name: string; context: { cluster: string; user: string } }[];
  'current-context': string;
}

/** The kubeconfig as a structure; PEM values are base64 of the PEM text, as kubectl wants them. */
export const buildKubeconfig = ({ clusterName, server, caPem, userName, credential }: KubeconfigInput): Kubeconfig => {
  const context = `${userName}@${clusterName}`;
  const user =
    'token' in credential
      ? { token: credential.token }
      : { 'client-certificate-data': base64(credential.cert), 'client-key-data': base64(credential.key) };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: clusterName, cluster: { server, 'certificate-authority-data': base64(caPem) } }],
    users: [{ name: userName, user }],
    contexts: [{ name: context, context: { cluster: clusterName, user: userName } }],
    'current-context': context,
  };
};

/** The same as YAML text; long base64 lines are not folded. */
export const buildKubeconfigText = (input: KubeconfigInput): string => stringify(buildKubeconfig(input), { lineWidth: 0 });

const base64 = (text: string): string => Buffer.from(text).toString('base64');
