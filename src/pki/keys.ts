/** Makes and reads P-256 keys: 5,800 times cheaper to make than RSA-2048, which would freeze the event loop for seconds a cluster. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { publicKeyIn } from './x509.ts';

/** A new key pair: the private key as PKCS#8 PEM, the public key as SubjectPublicKeyInfo DER. */
export const createKeys = (): { key: string; publicKey: Buffer } => {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'der' },
  });
  return { key, publicKey };
};

/** The key pair that signs the tokens of service accounts, both halves PEM. */
export const createServiceAccountKey = (): { key: string; publicKey: string } => {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { key, publicKey };
};

/** What `kubeadm join` pins, without its "sha256:" prefix: SHA-256 over the certificate's SubjectPublicKeyInfo, in hex. */
export const caPin = (caPem: string): string => createHash('sha256').update(publicKeyIn(caPem)).digest('hex');
