/** Cuts a byte stream into JSON values, one a line, as a Kubernetes watch sends them. */

/** Far above the largest object an API server stores (1.5 MiB). */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/**
 * Give the returned function each chunk; `onValue` gets each whole line's value, in order. Throws SyntaxError on a line that is no JSON.
 * A line that is too long is left out and not kept: one object out of measure must not stop the others of its stream.
 */
export const createLineReader = (onValue: (value: unknown) => void): ((chunk: Buffer) => void) => {
  // Bytes, not text, are kept between chunks: a chunk may end inside a character.
  let rest: Buffer[] = [];
  let size = 0;
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const tooLong = size + end - start > MAX_LINE_BYTES;
      const line = tooLong ? EMPTY : Buffer.concat([...rest, chunk.subarray(start, end)]);
      rest = [];
      size = 0;
      start = end + 1;
      if (line.length > 0) onValue(JSON.parse(line.toString('utf8')));
    }
    if (start < chunk.length) {
      size += chunk.length - start;
      if (size > MAX_LINE_BYTES) rest = [];
      else rest.push(chunk.subarray(start));
    }
  };
};
