/** rotateEncryptionKey: another key for the Secrets at rest; every Secret is written anew under it. */
import { rotationCommand } from './rotation.ts';

export const rotateEncryptionKey = rotationCommand({
  mutation: 'rotateEncryptionKey',
  kind: 'ROTATE_ENCRYPTION_KEY',
  counter: 'encryptionKey',
  what: 'The rotation of the encryption key',
});
