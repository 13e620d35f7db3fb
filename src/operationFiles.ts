/** The operator's documents: a folder of stored operations, and a file of persisted ones. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is wrong with a folder or a file, in a sentence. */
export class OperationFileError extends Error {}

const NAME = /^([A-Za-z][A-Za-z0-9_-]{0,62})\.graphql$/;

/** By their names without `.graphql`; other files are none of ours. @throws OperationFileError */
export const readOperationFolder = (folder: string): { name: string; text: string }[] => {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.graphql'))
      .sort()
      .map((file) => {
        const [, name] = NAME.exec(file) ?? [];
        if (name === undefined)
          throw new OperationFileError(
            `the name of ${JSON.stringify(file)} is part of an address: up to 63 letters, digits, dashes and underscores, a letter first`,
          );
        return { name, text: readFileSync(join(folder, file), 'utf8') };
      });
  } catch (error) {
    if (error instanceof OperationFileError) throw error;
    throw new OperationFileError(`the folder ${folder} cannot be read`);
  }
};

/**
 * The texts of a manifest as Relay's and Apollo's tools write it: JSON of `{ "sha256 in hex": "document" }`. A hash that is not its text's is refused,
 * for clients would ask by it for nothing, or for something else. @throws OperationFileError
 */
export const readPersisted = (text: string): string[] => {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw new OperationFileError('the file is not JSON');
  }
  if (manifest === null || typeof manifest !== 'object' || Array.isArray(manifest))
    throw new OperationFileError('the file must hold an object of documents by their hashes');
  return Object.entries(manifest).map(([hash, document]) => {
    if (typeof document !== 'string' || createHash('sha256').update(document).digest('hex') !== hash.replace(/^sha256:/, '').toLowerCase())
      throw new OperationFileError(`the hash ${JSON.stringify(hash.slice(0, 80))} is not the SHA-256 of its document`);
    return document;
  });
};
