/** DER, as far as certificates need it: https://www.itu.int/rec/T-REC-X.690. The library that reads requests takes twenty times as long to write one. */
import { isIPv4, isIPv6 } from 'node:net';

const TAG = { boolean: 1, integer: 2, bits: 3, octets: 4, oid: 6, utf8: 12, utcTime: 23, generalizedTime: 24, sequence: 0x30, set: 0x31 };

/** One value: tag, length, content. */
const value = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const size = content.length;
  if (size < 0x80) return Buffer.concat([Buffer.from([tag, size]), content]);
  const bytes = Buffer.from(size.toString(16).padStart(size > 0xff ? 4 : 2, '0'), 'hex');
  if (size > 0xffff) throw new Error('A value of a certificate is longer than 65,535 bytes.');
  return Buffer.concat([Buffer.from([tag, 0x80 | bytes.length]), bytes, content]);
};

export const sequence = (...parts: readonly Uint8Array[]): Buffer => value(TAG.sequence, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => value(TAG.set, ...parts);
export const octets = (bytes: Uint8Array): Buffer => value(TAG.octets, bytes);
/** `unused`: how many bits at the end do not count. */
export const bits = (bytes: Uint8Array, unused = 0): Buffer => value(TAG.bits, Buffer.from([unused]), bytes);
export const yes = (): Buffer => value(TAG.boolean, Buffer.from([0xff]));
export const utf8 = (text: string): Buffer => value(TAG.utf8, Buffer.from(text, 'utf8'));
/** A positive number, most significant byte first, the first bit of which is 0. */
export const integer = (bytes: Uint8Array): Buffer => value(TAG.integer, bytes);
/** A tag that a type gives to its own part: `constructed` when values are in it. */
export const context = (number: number, constructed: boolean, ...parts: readonly Uint8Array[]): Buffer =>
  value(0x80 | (constructed ? 0x20 : 0) | number, ...parts);

export const oid = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift(0x80 | (left & 0x7f));
    bytes.push(...digits);
  }
  return value(TAG.oid, Buffer.from(bytes));
};

/** In whole seconds; years from 2050 on have another form (RFC 5280, 4.1.2.5). */
export const time = (date: Date): Buffer => {
  const digits = `${date.toISOString().slice(0, 19).replace(/\D/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? value(TAG.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : value(TAG.generalizedTime, Buffer.from(digits, 'latin1'));
};

/** Four or sixteen bytes. Throws on what is no address. */
export const addressBytes = (ip: string): Buffer => {
  if (isIPv4(ip)) return Buffer.from(ip.split('.').map(Number));
  if (!isIPv6(ip) || ip.includes('%')) throw new Error(`"${ip}" is no IP address.`);
  // The URL parser writes it in its shortest form, in hexadecimal throughout.
  const [head = '', tail] = new URL(`http://[${ip}]/`).hostname.slice(1, -1).split('::');
  const groups = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex');
};

/** The values inside a sequence (or another constructed value), whole. Throws when it is cut short. */
export const partsOf = (der: Uint8Array): Buffer[] => {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  const outer = extentOf(bytes, 0);
  const parts: Buffer[] = [];
  for (let at = outer.start; at < outer.end; ) {
    const { end } = extentOf(bytes, at);
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  return parts;
};

/** Tag and length taken off. */
export const contentOf = (der: Buffer): Buffer => {
  const { start, end } = extentOf(der, 0);
  return der.subarray(start, end);
};

const extentOf = (bytes: Buffer, at: number): { start: number; end: number } => {
  const short = bytes.readUInt8(at + 1);
  const more = short < 0x80 ? 0 : short & 0x7f;
  const start = at + 2 + more;
  const end = start + (more === 0 ? short : bytes.readUIntBE(at + 2, more));
  if (end > bytes.length) throw new RangeError('A DER value is cut short.');
  return { start, end };
};
