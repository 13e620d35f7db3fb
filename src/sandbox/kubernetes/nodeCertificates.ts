/**
 * Certificate requests of kubelets and the certificates for them, in plain DER (RFC 2986, RFC 5280). The library used elsewhere takes 3 ms a
 * node for this; three thousand nodes that join at once are worth a page of our own, which takes a tenth of that.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import { memoize } from './memo.ts';

const tlv = (tag: number, ...contents: Buffer[]): Buffer => {
  const content = Buffer.concat(contents);
  if (content.length < 128) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.from(content.length.toString(16).padStart(content.length > 255 ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 + length.length]), length, content]);
};
const sequence = (...contents: Buffer[]): Buffer => tlv(0x30, ...contents);
const oid = (hex: string): Buffer => tlv(6, Buffer.from(hex, 'hex'));
const bits = (content: Buffer, unused = 0): Buffer => tlv(3, Buffer.from([unused]), content);
/** RFC 5280: two digits of the year until 2049, four from then on. */
const time = (ms: number): Buffer => {
  const digits = `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  return digits < '2050' ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits));
};

const COMMON_NAME = '550403';
const ORGANIZATION = '55040a';
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));
const RSA_SHA256 = sequence(oid('2a864886f70d01010b'), tlv(5));
const TRUE = tlv(1, Buffer.from([0xff]));

const nameOf = (organization: string, commonName: string): Buffer => {
  const part = (type: string, value: string): Buffer => tlv(0x31, sequence(oid(type), tlv(12, Buffer.from(value))));
  return sequence(part(ORGANIZATION, organization), part(COMMON_NAME, commonName));
};

const pemOf = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')}\n-----END ${label}-----\n`;
const derOf = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');

/** A new P-256 key and the request for its certificate, both in PEM. */
export const createNodeRequest = (organization: string, commonName: string): { keyPem: string; requestPem: string } => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const info = sequence(
    tlv(2, Buffer.from([0])),
    nameOf(organization, commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa0),
  );
  const request = sequence(info, ECDSA_SHA256, bits(sign('sha256', info, privateKey)));
  return { keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), requestPem: pemOf('CERTIFICATE REQUEST', request) };
};

interface Element {
  tag: number;
  content: Buffer;
  whole: Buffer;
}

/** The elements of a constructed value, one after the other. Throws when lengths do not add up. */
const elementsOf = (der: Buffer): Element[] => {
  const found: Element[] = [];
  for (let at = 0; at < der.length; ) {
    const first = der[at + 1] ?? 0;
    const extra = first < 128 ? 0 : first - 128;
    const length = extra === 0 ? first : der.readUIntBE(at + 2, extra);
    const start = at + 2 + extra;
    if (start + length > der.length) throw new Error('asn1: structure error: truncated');
    found.push({ tag: der[at] ?? 0, content: der.subarray(start, start + length), whole: der.subarray(at, start + length) });
    at = start + length;
  }
  return found;
};

const child = (elements: Element[], index: number): Element => {
  const found = elements[index];
  if (!found) throw new Error('asn1: structure error: too short');
  return found;
};

export interface NodeRequest {
  commonName: string;
  organizations: string[];
  subject: Buffer;
  publicKey: Buffer;
}

const valuesOf = (name: Element, type: string): string[] =>
  elementsOf(name.content)
    .flatMap((set) => elementsOf(set.content))
    .map((pair) => elementsOf(pair.content))
    .filter((pair) => pair[0]?.content.toString('hex') === type)
    .map((pair) => child(pair, 1).content.toString());

/** Reads a request and checks that its maker holds the key. Throws for what is no request. */
export const readNodeRequest = memoize(500, (requestPem: string): NodeRequest => {
  const [info, , signature] = elementsOf(child(elementsOf(derOf(requestPem)), 0).content);
  if (!info || !signature) throw new Error('asn1: structure error: not a certificate request');
  const parts = elementsOf(info.content);
  const [subject, publicKey] = [child(parts, 1), child(parts, 2)];
  const key = createPublicKey({ key: publicKey.whole, type: 'spki', format: 'der' });
  if (!verify('sha256', info.whole, key, signature.content.subarray(1)))
    throw new Error('x509: the signature of the request does not fit its key');
  const [commonName = ''] = valuesOf(subject, COMMON_NAME);
  return { commonName, organizations: valuesOf(subject, ORGANIZATION), subject: subject.whole, publicKey: publicKey.whole };
});

interface Signer {
  key: KeyObject;
  issuer: Buffer;
  notAfterMs: number;
}

const signers = memoize(2000, (pems: string): Signer => {
  const [certPem = '', keyPem = ''] = pems.split('\u0000');
  const certificate = new X509Certificate(certPem);
  const parts = elementsOf(child(elementsOf(child(elementsOf(certificate.raw), 0).content), 0).content);
  // After the version: serial number, algorithm, issuer, validity, subject.
  return { key: createPrivateKey(keyPem), issuer: child(parts, 5).whole, notAfterMs: Date.parse(certificate.validTo) };
});

const extensions = (forServers: boolean): Buffer => {
  const usage = (last: string): Buffer => oid(`2b060105050703${last}`);
  const extension = (id: string, critical: boolean, value: Buffer): Buffer => sequence(oid(id), ...(critical ? [TRUE] : []), tlv(4, value));
  const keyUsage = extension('551d0f', true, bits(Buffer.from([0x80]), 7));
  const extended = extension('551d25', false, sequence(...(forServers ? [usage('01'), usage('02')] : [usage('02')])));
  return tlv(0xa3, sequence(keyUsage, extended, extension('551d13', true, sequence())));
};

export interface Authority {
  certPem: string;
  keyPem: string;
}

/** The certificate for a request, in PEM; it never outlives its authority. */
export const signNodeRequest = (
  authority: Authority,
  request: NodeRequest,
  options: { notBeforeMs: number; notAfterMs: number; forServers: boolean },
): string => {
  const signer = signers(`${authority.certPem}\u0000${authority.keyPem}`);
  const algorithm = signer.key.asymmetricKeyType === 'rsa' ? RSA_SHA256 : ECDSA_SHA256;
  const serial = randomBytes(9);
  // Positive, and without a leading zero that DER forbids.
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f);
  const body = sequence(
    tlv(0xa0, tlv(2, Buffer.from([2]))),
    tlv(2, serial),
    algorithm,
    signer.issuer,
    sequence(time(options.notBeforeMs), time(Math.min(options.notAfterMs, signer.notAfterMs))),
    request.subject,
    request.publicKey,
    extensions(options.forServers),
  );
  return pemOf('CERTIFICATE', sequence(body, algorithm, bits(sign('sha256', body, signer.key))));
};
