/** Cuts a byte stream into JSON values, one a line, as a Kubernetes watch sends them. */

/** Far above the largest object an API server stores (1.5 MiB). */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Give the returned function each chunk; `onValue` gets each whole line's value, in order. Throws SyntaxError or RangeError on a bad stream. */
export const createLineReader = (onValue: (value: unknown) => void): ((chunk: Buffer) => void) => {
  // Bytes, not text, are kept between chunks: a chunk may end inside a character.
  let rest: Buffer[] = [];
  let size = 0;
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const line = rest.length === 0 ? chunk.subarray(start, end) : Buffer.concat([...rest, chunk.subarray(start, end)]);
      rest = [];
      size = 0;
      start = end + 1;
      if (line.length > 0) onValue(JSON.parse(line.toString('utf8')));
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      size += chunk.length - start;
      if (size > MAX_LINE_BYTES) throw new RangeError('a line of the stream is too long');
    }
  };
};
