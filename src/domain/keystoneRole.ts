/** What Keystone's roles in a project allow in its clusters that take Keystone's tokens. */
import { UserError } from './errors.ts';
import type { KubeconfigRole } from './kubeconfig.ts';

export interface KeystoneRole {
  /** As Keystone names it. */
  role: string;
  access: KubeconfigRole;
}

/** Keystone's own roles; each implies those after it. */
export const DEFAULT_KEYSTONE_ROLES: KeystoneRole[] = [
  { role: 'admin', access: 'ADMIN' },
  { role: 'member', access: 'EDITOR' },
  { role: 'reader', access: 'VIEWER' },
];

/** @throws UserError INVALID_INPUT for a role that is there twice. */
export const checkKeystoneRoles = (roles: readonly KeystoneRole[], field: string[]): void => {
  for (const [i, { role }] of roles.entries())
    if (roles.findIndex((other) => other.role === role) !== i)
      throw new UserError('INVALID_INPUT', 'This role is there twice; leave one of them out.', { field: [...field, String(i), 'role'] });
};
