/** The application credential that a customer hands in, as input: sealed at once, and checked by the cluster's own pass. */
import { z } from 'zod';
import { type HandedCredential, sealedAt } from '../domain/cloudCredential.ts';
import type { CommandDeps } from './call.ts';

export const credentialInput = z.strictObject({
  applicationCredentialId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be the id of an application credential, not its name'),
  // It stands in a line of cloud.conf.
  applicationCredentialSecret: z.string().regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters'),
});

export const sealCredential = (deps: CommandDeps, clusterId: string, input: z.output<typeof credentialInput>): HandedCredential => ({
  kind: 'APPLICATION_CREDENTIAL',
  id: input.applicationCredentialId,
  sealed: deps.secrets.seal(input.applicationCredentialSecret, sealedAt(clusterId)),
});
