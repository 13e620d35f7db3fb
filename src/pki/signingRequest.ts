/** Reads a PKCS#10 signing request for a client certificate and refuses what such a certificate must not be. */
import 'reflect-metadata';
import { createPublicKey, type KeyObject } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { UserError } from '../domain/errors.ts';

export interface SigningRequest {
  /** "" when the request names nobody. */
  commonName: string;
  /** SubjectPublicKeyInfo as DER. */
  publicKey: Uint8Array<ArrayBuffer>;
}

const MAX_CHARACTERS = 16_384;
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
const MIN_RSA_BITS = 2_048;
const MAX_RSA_BITS = 4_096;
const USAGES = x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment;
const EXTENSIONS = {
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectKeyIdentifier: '2.5.29.14',
};

/** @throws UserError INVALID_INPUT with the field "csr" and what to ask instead. */
export const readSigningRequest = async (pem: string): Promise<SigningRequest> => {
  if (pem.length > MAX_CHARACTERS) throw refuse(`is longer than ${MAX_CHARACTERS} characters; make one with nothing but a key and a name`);
  const request = await parse(pem);
  checkKey(createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' }));
  for (const extension of request.extensions) checkExtension(extension);
  return { commonName: readName(request), publicKey: new Uint8Array(request.publicKey.rawData) };
};

const parse = async (pem: string): Promise<x509.Pkcs10CertificateRequest> => {
  const broken = (cause?: unknown) => refuse('is not a PEM PKCS#10 request signed by its own key; make one with "openssl req -new"', cause);
  // The parser takes bare base64, too, and whatever stands around.
  if (!/^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----[\s\S]+-----END (NEW )?CERTIFICATE REQUEST-----\s*$/.test(pem)) throw broken();
  let request: x509.Pkcs10CertificateRequest;
  let verified: boolean;
  try {
    request = new x509.Pkcs10CertificateRequest(pem);
    verified = await request.verify();
  } catch (cause) {
    throw broken(cause);
  }
  if (!verified) throw broken();
  return request;
};

const checkKey = ({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): void => {
  const bits = details.modulusLength ?? 0;
  const fits = type === 'rsa' ? bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS : type === 'ec' && CURVES.includes(details.namedCurve ?? '');
  if (!fits)
    throw refuse(
      `has a key of a kind that is not taken; use ECDSA on P-256, P-384 or P-521, or RSA of ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits`,
    );
};

/** Groups are Kubernetes' way to give rights, and rights are given by the role alone. */
const readName = (request: x509.Pkcs10CertificateRequest): string => {
  const [group] = request.subjectName.getField('O');
  if (group === 'system:masters')
    throw refuse('asks for the group system:masters, which nobody may have; leave O out of the subject and ask for the role ADMIN');
  if (group !== undefined)
    throw refuse('asks for a group (O in its subject); leave it out and say by the role what the certificate is to allow');
  const names = request.subjectName.getField('CN');
  if (names.length > 1) throw refuse('has more than one CN in its subject; give one, or none');
  return names[0] ?? '';
};

const checkExtension = (extension: x509.Extension): void => {
  switch (extension.type) {
    case EXTENSIONS.subjectKeyIdentifier:
      return;
    case EXTENSIONS.basicConstraints:
      if (new x509.BasicConstraintsExtension(extension.rawData).ca)
        throw refuse('asks for a certificate authority; ask for CA:FALSE, or leave it out');
      return;
    case EXTENSIONS.keyUsage:
      if ((new x509.KeyUsagesExtension(extension.rawData).usages & ~USAGES) !== 0)
        throw refuse('asks for a key usage that a client does not need; ask for digitalSignature and keyEncipherment at most');
      return;
    case EXTENSIONS.extendedKeyUsage:
      if (new x509.ExtendedKeyUsageExtension(extension.rawData).usages.some((usage) => usage !== x509.ExtendedKeyUsage.clientAuth))
        throw refuse('asks for an extended key usage other than clientAuth; ask for clientAuth, or leave it out');
      return;
    default:
      throw refuse(`asks for the extension ${extension.type}, which a client certificate here does not have; leave it out`);
  }
};

const refuse = (what: string, cause?: unknown): UserError =>
  new UserError('INVALID_INPUT', `The certificate signing request ${what}.`, { field: ['csr'], cause });
