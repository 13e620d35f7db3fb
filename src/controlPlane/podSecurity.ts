/** The fields that Pod Security "restricted" asks for, and a little more. */

const USER = 65532;

/** For every pod of a control plane: no root, no token of the seed, no environment from neighbouring Services. */
export const podSecurity = {
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  securityContext: {
    runAsNonRoot: true,
    runAsUser: USER,
    runAsGroup: USER,
    // Secrets are mounted 0440: readable through this group only.
    fsGroup: USER,
    // A volume whose top folder already has the group is not walked through again at each start.
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  },
} as const;

export const containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} as const;

/** 0440 as the decimal that JSON needs. */
export const SECRET_FILE_MODE = 0o440;
