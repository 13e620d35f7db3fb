/** rotateCertificates: other authorities and another service account key, and everything that hangs on them. */
import { rotationCommand } from './rotation.ts';

export const rotateCertificates = rotationCommand({
  mutation: 'rotateCertificates',
  kind: 'ROTATE_CERTIFICATES',
  counter: 'certificates',
  what: 'The rotation of the certificates',
});
