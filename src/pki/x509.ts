/** Writes X.509 certificates signed with ECDSA on P-256 (RFC 5280). */
import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { addressBytes, bits, contentOf, context, integer, octets, oid, partsOf, sequence, set, time, utf8, yes } from './der.ts';

export interface CertificateForm {
  /** Names as DER (`nameOf`). */
  issuer: Buffer;
  subject: Buffer;
  notBefore: Date;
  notAfter: Date;
  /** SubjectPublicKeyInfo as DER. */
  publicKey: Uint8Array;
  extensions: readonly Buffer[];
}

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const V3 = context(0, true, integer(Buffer.from([2])));
const NAME_PARTS = { organization: oid('2.5.4.10'), commonName: oid('2.5.4.3') };
const EXTENSION = {
  subjectKey: oid('2.5.29.14'),
  keyUsage: oid('2.5.29.15'),
  names: oid('2.5.29.17'),
  basicConstraints: oid('2.5.29.19'),
  authorityKey: oid('2.5.29.35'),
  extendedKeyUsage: oid('2.5.29.37'),
};
const PURPOSES = { server: oid('1.3.6.1.5.5.7.3.1'), client: oid('1.3.6.1.5.5.7.3.2') };
const IMPLICIT = { keyId: 0, dns: 2, ip: 7 };

/** PEM. `key`: the issuer's private key. */
export const signCertificate = (form: CertificateForm, key: KeyObject): string => {
  const { issuer, subject, notBefore, notAfter, publicKey, extensions } = form;
  const validity = sequence(time(notBefore), time(notAfter));
  const listed = context(3, true, sequence(...extensions));
  const content = sequence(V3, integer(createSerial()), ECDSA_WITH_SHA256, issuer, validity, subject, publicKey, listed);
  const whole = sequence(content, ECDSA_WITH_SHA256, bits(sign('sha256', content, key)));
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
};

/** Organizations, then the common name, each a part of its own: no character of a name can end it or begin another. */
export const nameOf = (commonName: string, organizations: readonly string[]): Buffer => {
  const part = (type: Buffer, text: string) => set(sequence(type, utf8(text)));
  return sequence(...organizations.map((o) => part(NAME_PARTS.organization, o)), part(NAME_PARTS.commonName, commonName));
};

/** The subject's name in a certificate, as it is written there: an issuer must be named in the very same bytes. */
export const subjectIn = (certificate: Uint8Array): Buffer => {
  const [content] = partsOf(certificate);
  const subject = content && partsOf(content)[5];
  if (subject === undefined) throw new RangeError('A certificate has no subject.');
  return subject;
};

/** SubjectPublicKeyInfo of the first certificate in a PEM text, as DER. */
export const publicKeyIn = (pem: string): Buffer => {
  const base64 = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(pem)?.[1];
  const [content] = base64 === undefined ? [] : partsOf(Buffer.from(base64, 'base64'));
  const publicKey = content && partsOf(content)[6];
  if (publicKey === undefined) throw new RangeError('A certificate has no public key.');
  return publicKey;
};

/** By which a key is known in certificates: SHA-1 over its bits (RFC 5280, 4.2.1.2), nothing that need be secret or unforgeable. */
export const keyIdOf = (publicKey: Uint8Array): Buffer => {
  const [, key] = partsOf(publicKey);
  if (key === undefined) throw new RangeError('A public key has no bits.');
  return createHash('sha1').update(contentOf(key).subarray(1)).digest();
};

/** 127 random bits: unique without a register (RFC 5280 wants it positive and at most 20 bytes). */
const createSerial = (): Buffer => {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes;
};

const extension = (id: Buffer, content: Buffer, critical = false): Buffer =>
  critical ? sequence(id, yes(), octets(content)) : sequence(id, octets(content));

export const basicConstraints = (isAuthority: boolean): Buffer =>
  extension(EXTENSION.basicConstraints, isAuthority ? sequence(yes()) : sequence(), true);

/** digitalSignature and keyEncipherment; an authority's also keyCertSign. */
export const keyUsage = (isAuthority: boolean): Buffer =>
  extension(EXTENSION.keyUsage, isAuthority ? bits(Buffer.from([0b1010_0100]), 2) : bits(Buffer.from([0b1010_0000]), 5), true);

export const extendedKeyUsage = (usages: readonly ('server' | 'client')[]): Buffer =>
  extension(EXTENSION.extendedKeyUsage, sequence(...usages.map((usage) => PURPOSES[usage])));

export const subjectKey = (keyId: Buffer): Buffer => extension(EXTENSION.subjectKey, octets(keyId));

export const authorityKey = (keyId: Buffer): Buffer => extension(EXTENSION.authorityKey, sequence(context(IMPLICIT.keyId, false, keyId)));

/** Throws on a DNS name beyond ASCII and on what is no IP address. */
export const alternativeNames = ({ dns, ips }: { dns: readonly string[]; ips: readonly string[] }): Buffer => {
  const names = dns.map((name) => {
    if (!/^[\x21-\x7e]+$/.test(name)) throw new Error(`"${name}" is no DNS name.`);
    return context(IMPLICIT.dns, false, Buffer.from(name, 'latin1'));
  });
  return extension(EXTENSION.names, sequence(...names, ...ips.map((ip) => context(IMPLICIT.ip, false, addressBytes(ip)))));
};
