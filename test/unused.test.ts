/** Shows that the look for dead code would notice each kind of it. */
import { expect, test } from 'vitest';
import { findUnused } from './house/unused.ts';

const manifest = {
  dependencies: { zod: '1' },
  devDependencies: { vitest: '1', '@types/node': '1', prettier: '1' },
  scripts: { check: 'prettier --check .' },
  programs: { prettier: ['prettier'] },
};
const used = new Map([
  ['src/main.ts', "import { z } from 'zod';\nimport { a } from './lib/a.ts';\n"],
  ['src/lib/a.ts', 'export interface Shape {\n  b: 1;\n}\nexport const a = (shape: Shape) => shape;\n'],
  ['test/a.test.ts', "import { expect } from 'vitest';\n"],
]);
const withFile = (path: string, text: string) => new Map([...used, [path, text]]);

test('a project in full use has no findings', () => {
  expect(findUnused(used, manifest)).toEqual([]);
});

test.each([
  [
    'a file that only a test reaches',
    withFile('src/lib/b.ts', '').set('test/b.test.ts', "import '../src/lib/b.ts';"),
    'src/lib/b.ts: nothing',
  ],
  ['a helper that no test reaches', withFile('test/helper.ts', 'const b = 1;'), 'test/helper.ts: nothing'],
  ['an export that nobody imports', withFile('src/lib/a.ts', 'export const a = 1;\nexport const b = a;'), 'nobody imports b'],
  ['a type that nobody names', withFile('src/lib/a.ts', 'export const a = 1;\nexport type B = 1;'), 'nobody imports B'],
  ['an undeclared package', withFile('src/lib/a.ts', "import 'yaml';\nexport const a = 1;"), 'src imports yaml undeclared'],
  ['a package for tests used by src', withFile('src/lib/a.ts', "import 'vitest';\nexport const a = 1;"), 'src imports vitest undeclared'],
  ['a dependency that src does not use', withFile('src/main.ts', "import { a } from './lib/a.ts';"), 'nothing in src imports zod'],
])('%s is found', (_what, sources, sentence) => {
  expect(findUnused(sources, manifest)).toEqual([expect.stringContaining(sentence)]);
});

test('a tool that no script calls is found', () => {
  expect(findUnused(used, { ...manifest, scripts: {} })).toEqual(['package.json: no test, script or configuration uses prettier']);
});
