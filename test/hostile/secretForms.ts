/** The forms in which a secret may lie somewhere: as it is, in other alphabets, inside other texts, and inside what was encoded as a whole. */
import { createPrivateKey } from 'node:crypto';

/** Of a secret's three possible places among base64's groups, what does not depend on its neighbours. */
const inBase64 = (bytes: Buffer): string[] =>
  [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before, 'x'), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    return text.slice(before === 0 ? 0 : 4, text.length - 4);
  });
const inBase64Url = (text: string): string => text.replaceAll('+', '-').replaceAll('/', '_');

const formsOfBytes = (bytes: Buffer): string[] => {
  const base64 = inBase64(bytes);
  return [...base64, ...base64.map(inBase64Url), bytes.toString('hex'), bytes.toString('hex').toUpperCase()];
};

/** Of a text that is a secret. */
export const formsOf = (secret: string): string[] => {
  const json = JSON.stringify(secret).slice(1, -1);
  const twice = JSON.stringify(json).slice(1, -1);
  const written = [secret, json, twice, encodeURIComponent(secret), encodeURI(secret), secret.split('').reverse().join('')];
  const packed = written.slice(0, 2).flatMap((text) => formsOfBytes(Buffer.from(text)));
  // A kubeconfig holds PEM in base64, and a Secret of Kubernetes holds that in base64 once more.
  const packedTwice = inBase64(Buffer.from(secret)).flatMap((text) => inBase64(Buffer.from(text)));
  return [...new Set([...written, ...packed, ...packedTwice])].filter((form) => form.length >= 10);
};

/** Of a private key in PEM: of its secret number and of the lines that it is in, for the public half is no secret. */
export const formsOfKey = (pem: string): string[] => {
  const { d } = createPrivateKey(pem).export({ format: 'jwk' });
  if (d === undefined) throw new Error('A key without a secret number.');
  const number = Buffer.from(d, 'base64url');
  const base64 = inBase64(number);
  const lines = pem
    .split('\n')
    .filter((line) => base64.some((form) => line.length > 10 && (line.includes(form.slice(0, 14)) || line.includes(form.slice(-14)))));
  const parts = lines.flatMap((line) => base64.flatMap((form) => [form.slice(0, 14), form.slice(-14)].filter((end) => line.includes(end))));
  return [...new Set([...formsOfBytes(number), ...parts.flatMap(formsOf)])];
};

/** Every PEM private key in a text, whatever it is wrapped in. */
export const keysIn = (text: string): string[] =>
  text.replaceAll('\\n', '\n').match(/-----BEGIN (?:\w+ )?PRIVATE KEY-----[^-]+-----END (?:\w+ )?PRIVATE KEY-----/g) ?? [];
