/** What a command's exit status says, for scripts. */
import { ClientError } from '../client/errors.ts';
import { plain } from './table.ts';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  denied: 3,
  notFound: 4,
  quota: 5,
  conflict: 6,
  timedOut: 7,
  /** 128 + SIGINT, as shells have it. */
  interrupted: 130,
} as const;

export const LOGIN_HELP = `
Login (to Keystone, as every OpenStack client) and address:
  OS_CLOUD              a cloud of clouds.yaml; OS_CLIENT_CONFIG_FILE names that file, else it is looked for
                        here, in ~/.config/openstack and in /etc/openstack
  OS_AUTH_URL and       OS_USERNAME, OS_PASSWORD, OS_USER_DOMAIN_NAME, OS_PROJECT_NAME, OS_PROJECT_DOMAIN_NAME,
                        or OS_APPLICATION_CREDENTIAL_ID and OS_APPLICATION_CREDENTIAL_SECRET; without OS_CLOUD
  OS_TOKEN              a ready token
  OS_CACERT             PEM of the authorities that sign Keystone's certificate, and the API's
  SEEDBED_URL           the API; http://127.0.0.1:4000/graphql without it, --url wins over it
  SEEDBED_CACERT        PEM of the authorities that sign the API's certificate`;

export const EXIT_HELP = `
Exit status:
  0    done
  1    failed
  2    wrong usage, or input that was refused
  3    denied: no valid login, or a role is missing
  4    not there, or not yours to see
  5    a quota is used up
  6    in conflict with the object's state: name taken, in use, protected, changed meanwhile
  7    timed out; what was asked for goes on
  130  interrupted; what was asked for goes on`;

const BY_CODE: Readonly<Record<string, number>> = {
  USAGE: EXIT.usage,
  BAD_USER_INPUT: EXIT.usage,
  GRAPHQL_PARSE_FAILED: EXIT.usage,
  GRAPHQL_VALIDATION_FAILED: EXIT.usage,
  INVALID_INPUT: EXIT.usage,
  UNSUPPORTED_VERSION: EXIT.usage,
  OVERLAPPING_CIDR: EXIT.usage,
  UNKNOWN_LABEL: EXIT.usage,
  KUBECONFIG_REFUSED: EXIT.usage,
  UNAUTHENTICATED: EXIT.denied,
  FORBIDDEN: EXIT.denied,
  NOT_FOUND: EXIT.notFound,
  QUOTA_EXCEEDED: EXIT.quota,
  CONFLICT: EXIT.conflict,
  NAME_TAKEN: EXIT.conflict,
  GENERATION_MISMATCH: EXIT.conflict,
  IDEMPOTENCY_MISMATCH: EXIT.conflict,
  IN_USE: EXIT.conflict,
  DELETION_PROTECTED: EXIT.conflict,
  TIMED_OUT: EXIT.timedOut,
  INTERRUPTED: EXIT.interrupted,
};

export const exitStatusOf = (error: unknown): number => (error instanceof ClientError ? (BY_CODE[error.code] ?? EXIT.failed) : EXIT.failed);

/** The one line that a failed command leaves on stderr. */
export const sentenceOf = (error: unknown): string => {
  if (!(error instanceof ClientError)) return plain(error instanceof Error ? error.message : String(error));
  const field = error.field === null || error.field.length === 0 ? '' : ` [${error.field.join('.')}]`;
  const request = error.requestId === null ? '' : ` (request ${error.requestId})`;
  return plain(`${error.message}${field}${request}`);
};
