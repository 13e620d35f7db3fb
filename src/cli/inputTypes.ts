/** The API's inputs as schema/schema.graphql has them: read only to explain an input that was refused. */
import { readFileSync } from 'node:fs';

interface InputField {
  type: string;
  list: boolean;
  needed: boolean;
}

export interface InputTypes {
  inputs: ReadonlyMap<string, ReadonlyMap<string, InputField>>;
  enums: ReadonlyMap<string, readonly string[]>;
}

/** Nothing is known where the file is not: then the API's own words have to do. */
export const readInputTypes = (): InputTypes => {
  const text = schemaText().replace(/"""[\s\S]*?"""/g, '');
  return {
    inputs: new Map(blocks(text, 'input').map(([name, lines]) => [name, new Map(lines.flatMap(fieldOf))])),
    enums: new Map(blocks(text, 'enum').map(([name, lines]) => [name, lines])),
  };
};

const schemaText = (): string => {
  try {
    return readFileSync(new URL('../../schema/schema.graphql', import.meta.url), 'utf8');
  } catch {
    return '';
  }
};

const blocks = (text: string, keyword: string): [name: string, lines: string[]][] =>
  [...text.matchAll(new RegExp(`^${keyword} (\\w+) \\{([^}]*)\\}`, 'gm'))].map(([, name = '', body = '']) => [
    name,
    body.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()])),
  ]);

const fieldOf = (line: string): [name: string, field: InputField][] => {
  const [, name, list, type, end] = /^(\w+): (\[?)(\w+)([!\]]*)/.exec(line) ?? [];
  return name === undefined || type === undefined ? [] : [[name, { type, list: list === '[', needed: end?.endsWith('!') === true }]];
};
