/** What to do about each kind of problem, where the message says what is wrong with this one. */
import type { ErrorCode, Problem, QuotaSource } from './errors.ts';
import { sourceOf } from './quota.ts';

const REMEDIES: Readonly<Record<ErrorCode, string>> = {
  INVALID_INPUT: 'Change the field that is named, and send it again.',
  UNSUPPORTED_VERSION: 'Choose a version that kubernetesVersions offers.',
  OVERLAPPING_CIDR: 'Choose address ranges that do not overlap.',
  UNKNOWN_LABEL: 'Leave the label out, or set the option that replaces it.',
  KUBECONFIG_REFUSED:
    'Hand in a kubeconfig with a server, its authority, and a token or a client certificate, all of them in the file itself.',
  NOT_FOUND: 'Check the id, and the project of the token.',
  CONFLICT: 'Read the object again, and decide anew.',
  NAME_TAKEN: 'Choose another name.',
  GENERATION_MISMATCH: 'Read the object again, and send the change with its present generation.',
  IDEMPOTENCY_MISMATCH: 'Use a new idempotency key for a new request.',
  IN_USE: 'Delete what uses it first.',
  DELETION_PROTECTED: 'Switch the deletion protection off first.',
  UNAUTHENTICATED: 'Ask Keystone for a new token.',
  RATE_LIMITED: 'Wait for as many seconds as Retry-After says, and ask less often; subscribe in place of asking again and again.',
  TOO_MANY_CONNECTIONS: 'End live connections that are not needed, or subscribe over one WebSocket: it carries many subscriptions.',
  FORBIDDEN: 'Ask for the role, or have it done by somebody who has it.',
  QUOTA_EXCEEDED: 'Delete what is not needed, or have the limit raised that the message names.',
  CLOUD_REFUSED: 'Change what OpenStack refused, as its message says, and retry.',
  CLOUD_UNAVAILABLE: 'Wait: it is tried again by itself.',
  CLOUD_CREDENTIAL: 'Rotate the credential that the cluster has for the cloud.',
  IMAGE_GONE: 'Choose another image, or have it brought back.',
  FLAVOR_GONE: 'Choose another flavor, or have it brought back.',
  KEYPAIR_GONE: 'Choose another keypair, or bring it back.',
  VOLUME_TYPE_GONE: 'Choose another volume type, or have it brought back.',
  PORT_GONE: 'Choose another port, or bring it back.',
  ADDRESSES_EXHAUSTED: 'Free addresses, or use a larger network.',
  NO_VALID_HOST: 'Choose another flavor or zone, or ask the cloud for room.',
  SERVER_BUILD_FAILED: 'Look at what Nova says; it is tried again elsewhere.',
  VOLUME_BUILD_FAILED: 'Look at what Cinder says; it is tried again.',
  SERVER_FAULT: 'Look at what Nova says; the machine is replaced where healing is on.',
  SEED_UNAVAILABLE: 'Wait: it is tried again by itself.',
  SEED_REFUSED: 'Have the seed changed so that it takes what the message names.',
  CLUSTER_UNAVAILABLE: 'Wait: it is tried again by itself.',
  QUORUM_LOST: 'Restore the cluster from a backup.',
  INTERNAL: 'Try again later, and tell whoever runs Seedbed the request id if it stays.',
};

/** Of quotas that somebody keeps for the project. */
const QUOTA_REMEDIES: Readonly<Record<QuotaSource, string>> = {
  OPENSTACK: "Delete what is not needed, or ask the cloud's administrator for a larger quota in OpenStack.",
  SEEDBED: 'Delete what is not needed, or ask an administrator of Seedbed for a larger quota in Seedbed (setQuota).',
};

/** One sentence, for whoever must act. */
export const remedyOf = ({ code, quota }: Pick<Problem, 'code'> & Partial<Pick<Problem, 'quota'>>): string =>
  code === 'QUOTA_EXCEEDED' && quota != null ? QUOTA_REMEDIES[sourceOf(quota)] : REMEDIES[code];
