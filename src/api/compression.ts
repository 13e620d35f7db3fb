/** Shorter answers for callers that take them. */
import { brotliCompress, constants, gzip } from 'node:zlib';

export type Encoding = 'br' | 'gzip';

/** A shorter one fits into one packet as it is. */
const WORTH_BYTES = 1_024;
/** Of brotli's 11: a list of 100 clusters takes 1 ms, and is shorter than by gzip. */
const BROTLI_QUALITY = 4;

/** What `Accept-Encoding` likes best of what is offered (RFC 9110, 12.5.3): brotli before gzip where both are as good; null: the answer as it is. */
export const encodingOf = (accepted: string | string[] | undefined): Encoding | null => {
  if (accepted === undefined) return null;
  const weights = new Map(
    String(accepted)
      .toLowerCase()
      .split(',')
      .map((part): [string, number] => {
        const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
        const given = parameters.find((text) => text.startsWith('q='))?.slice(2);
        return [name, given === undefined ? 1 : Number(given) || 0];
      }),
  );
  const weightOf = (name: string) => weights.get(name) ?? weights.get('*') ?? 0;
  const best = weightOf('br') >= weightOf('gzip') ? 'br' : 'gzip';
  return weightOf(best) > 0 && weightOf(best) >= (weights.get('identity') ?? 0) ? best : null;
};

/**
 * The body in fewer bytes; null: it is too short for that, or nothing is asked. What holds a secret beside something that a caller chose must not
 * come here: whoever sees the lengths of such answers could guess the secret letter by letter (BREACH, https://www.breachattack.com).
 * So the handler asks for it only where no secret can be: of GraphQL's answers those to queries (kubeconfigs come by mutations alone, and no
 * field of a query shows what is sealed) and the schema. Streams stay as they are, too, for each event must leave at once.
 */
export const compress = (body: Buffer, encoding: Encoding | null): Promise<Buffer> | null => {
  if (encoding === null || body.length < WORTH_BYTES) return null;
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, shorter: Buffer) => (error === null ? resolve(shorter) : reject(error));
    if (encoding === 'gzip') gzip(body, done);
    else brotliCompress(body, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }, done);
  });
};
