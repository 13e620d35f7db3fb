/** A customer's own settings for cloud-init, as one and another would write them, and as nobody would. */
import fc from 'fast-check';
import { stringify } from 'yaml';
import { hostile, TRAPS, WORDS, word } from './hostile.ts';

/** A name that no file of ours has. */
const path = hostile.map((name) => `/srv/${name}`);
const command = fc.oneof(hostile, fc.array(fc.oneof(hostile, fc.integer()), { minLength: 1, maxLength: 4 }));
const settings = fc.record(
  {
    packages: fc.array(hostile, { minLength: 1, maxLength: 3 }),
    write_files: fc.array(fc.record({ path, content: hostile, permissions: fc.constantFrom('0600', '0755', '644') }), { maxLength: 3 }),
    runcmd: fc.array(command, { minLength: 1, maxLength: 3 }),
    bootcmd: fc.array(command, { minLength: 1, maxLength: 3 }),
    timezone: hostile,
    package_update: fc.boolean(),
    groups: fc.array(word, { minLength: 1, maxLength: 2 }),
    ssh_authorized_keys: fc.array(hostile, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);
/** The same settings, as one and another would write them. */
export const written = fc.tuple(settings, fc.constantFrom('json', 'block', 'single', 'literal', 'flow')).map(([meant, style]) => {
  if (style === 'json') return { meant, text: JSON.stringify(meant) };
  if (style === 'flow') return { meant, text: stringify(meant, { version: '1.1', collectionStyle: 'flow' }) };
  const options = {
    block: { lineWidth: 0 },
    single: { singleQuote: true, lineWidth: 0 },
    literal: { blockQuote: 'literal' as const, lineWidth: 0 },
  };
  return { meant, text: stringify(meant, { version: '1.1', ...options[style] }) };
});
/** YAML that nobody would write, which most often is none. What ends a line in YAML 1.1 only is left out: it is kept as text, as 1.2 has it. */
const SCALARS = [
  ...[
    ...WORDS,
    ...TRAPS.filter((trap) => !/[\u0085\u2028\u2029\ufeff]/.test(trap)),
    '"\\x85\\u2028"',
    "'it''s'",
    '|\n   a\n    b\n',
    '>-\n   a\n   b\n\n   c',
    '|+\n   a\n\n',
    '"a\n   b"',
    'a\n   b',
  ],
  ...[
    '{a: 1, b: [c, d]}',
    '{a, "b":1}',
    '[a, [b], {c: d}]',
    '[]',
    '{}',
    '# c',
    'a # c',
    'a#c',
    '- a\n   - b',
    '\n   a: b\n   c:',
    '=',
    '1:30:00',
  ],
  ...[
    '-1',
    '+1',
    '+.5',
    '-.inf',
    '.nan',
    '0b1',
    '1e+3',
    '1.5e3',
    '1.',
    '.5',
    '-0',
    '00',
    '08',
    '0_1',
    'NULL',
    'Null',
    'TRUE',
    'Yes',
    'OFF',
    'N',
  ],
  ...[
    '9007199254740993',
    '0xg',
    '@a',
    '`a',
    '%a',
    '!a',
    '2001-01-01 ',
    ': a',
    '-a',
    '?a',
    ':a',
    'a: b',
    'a:b',
    '"',
    "'",
    '[',
    '}',
    ',',
    '|',
    '>',
  ],
];
const line = fc
  .tuple(fc.constantFrom('timezone', 'packages', 'ntp', '"users"', "'user'", 'locale ', '? apt', '- groups'), fc.constantFrom(...SCALARS))
  .map(([name, scalar]) => `${name}: ${scalar}`);
export const soup = fc
  .tuple(
    fc.constantFrom('', '', '', '', '---\n', '%YAML 1.1\n---\n', '\ufeff', '# c\n'),
    fc.array(line, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('\n', '\n', '\n', '\r\n'),
    fc.constantFrom('', '', '', '\n...\n', '\n---\n'),
  )
  .map(([head, lines, end, tail]) => ({ meant: null, text: `${head}${lines.join('\n')}${tail}`.replaceAll('\n', end) }));
