/** Hostile GraphQL documents: shapes that have brought other servers down, and a generator that goes along the schema and then spoils it. */
import {
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { buildSchema } from '../../src/api/schema.ts';

const repeat = (count: number, part: (i: number) => string, between = ' '): string =>
  Array.from({ length: count }, (_, i) => part(i)).join(between);

/** As large as a body may be, and a bit below, so that it is the document that is looked at. */
const LONG = 240_000;

/** Each with the name of what it plays. */
export const SHAPES: readonly (readonly [string, string])[] = [
  ['an alias a thousand times', `{ ${repeat(1_000, (i) => `a${i}: viewer { userName }`)} }`],
  ['an alias as often as tokens allow', `{ ${repeat(600, (i) => `a${i}:__typename`)} }`],
  ['a field a thousand times', `{ viewer { ${'userName '.repeat(1_900)} } }`],
  ['a field with sub-fields that must be merged', `{ ${'viewer { userName } '.repeat(490)} }`],
  ['sub-fields that must be merged, nested', `{ ${'clusters { nodes { name nodeGroups { nodes { name } } } } '.repeat(140)} }`],
  ['fields of one alias that differ', `{ viewer { ${repeat(900, (i) => `a: ${i % 2 === 0 ? 'userName' : 'userId'}`)} } }`],
  ['inline fragments that overlap', `{ viewer { ${'... on Viewer { userName } '.repeat(280)} } }`],
  ['inline fragments in each other', `{ viewer ${'{ ... on Viewer '.repeat(480)}{ userName }${' }'.repeat(480)} }`],
  [
    'named fragments that overlap',
    `{ viewer { ${repeat(130, (i) => `...f${i}`)} } } ${repeat(130, (i) => `fragment f${i} on Viewer { userName userId roles }`)}`,
  ],
  [
    'fragments that spread all later ones',
    `{ viewer { ...f0 } } ${repeat(26, (i) => `fragment f${i} on Viewer { ${repeat(26 - i, (j) => `...f${i + j + 1}`)} userName }`)} fragment f26 on Viewer { userName }`,
  ],
  [
    'fragments that double',
    `{ viewer { ...f0 } } ${repeat(100, (i) => `fragment f${i} on Viewer { ...f${i + 1} ...f${i + 1} }`)} fragment f100 on Viewer { userName }`,
  ],
  ['a fragment in itself', '{ viewer { ...a } } fragment a on Viewer { userName ...a }'],
  ['two fragments in a ring', '{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }'],
  ['a ring of 150 fragments', `{ viewer { ...f0 } } ${repeat(150, (i) => `fragment f${i} on Viewer { ...f${(i + 1) % 150} }`)}`],
  ['a ring through a field', '{ clusters { nodes { ...a } } } fragment a on Cluster { nodeGroups { nodes { cluster { ...a } } } }'],
  [
    'a ring beside fields that must be merged',
    `{ clusters { nodes { ...a ...b } } } fragment a on Cluster { nodeGroups { nodes { cluster { ...b } } } } fragment b on Cluster { nodeGroups { nodes { cluster { ...a } } } }`,
  ],
  ['a fragment that nobody uses, in a ring', '{ viewer { userName } } fragment a on Viewer { ...b } fragment b on Viewer { ...a }'],
  ['a fragment twice by one name', '{ viewer { ...a } } fragment a on Viewer { userName } fragment a on Viewer { userId }'],
  ['a fragment on a type that is not there', '{ viewer { ...a } } fragment a on Nothing { b { c } }'],
  [
    'a fragment named like a property of objects',
    '{ viewer { ...__proto__ ...constructor } } fragment __proto__ on Viewer { userName } fragment constructor on Viewer { userId }',
  ],
  ['fields named like properties of objects', '{ __proto__ constructor toString viewer { __proto__ hasOwnProperty } }'],
  [
    'aliases named like properties of objects',
    '{ __proto__: viewer { constructor: userName toString: userId } hasOwnProperty: __typename }',
  ],
  ['a directive ten times', `{ viewer { userName ${'@include(if: true) '.repeat(10)} } }`],
  ['a directive that is not there, 900 times', `{ __typename ${'@a '.repeat(900)} }`],
  [
    'directives everywhere',
    `query @a @b @skip(if: true) { ... @include(if: false) @defer @stream { viewer @skip(if: false) @skip(if: true) { userName @include(if: null) } } }`,
  ],
  ['fields that are all left out', `{ viewer { ${'userName @skip(if: true) '.repeat(240)} } }`],
  ['deep sets', `${'{ clusters { nodes '.repeat(300)}{ name }${' } }'.repeat(300)}`],
  ['sets that are never closed', '{ viewer '.repeat(900)],
  ['lists in lists', `{ nodes(ids: ${'['.repeat(950)}${']'.repeat(950)}) { id } }`],
  ['objects in objects', `mutation { updateSeed(input: ${'{ a: '.repeat(450)}1${' }'.repeat(450)}) { __typename } }`],
  ['types in types', `query ($a: ${'['.repeat(900)}Int${']'.repeat(900)}) { viewer { userName } }`],
  ['introspection of the whole schema', '{ __schema { types { name fields { name args { name type { name } } type { name } } } } }'],
  ['introspection in a ring', `{ __schema { types { ${'fields { type { '.repeat(5)}name${' } }'.repeat(5)} } } }`],
  ['introspection in a long ring', `{ __schema { types { ${'fields { type { '.repeat(150)}name${' } }'.repeat(150)} } } }`],
  [
    'introspection in a ring through ofType',
    `{ __type(name: "Cluster") { fields { type { ${'ofType { '.repeat(200)}name${' }'.repeat(200)} } } } }`,
  ],
  [
    'introspection through fragments',
    '{ __schema { ...a } } fragment a on __Schema { types { fields { type { ...b } } } } fragment b on __Type { fields { type { name } } }',
  ],
  ['introspection below an alias', '{ x: __schema { y: queryType { z: fields { name } } } }'],
  ['a string as long as the body', `{ cluster(name: "${'x'.repeat(LONG)}") { name } }`],
  ['a string of escapes', `{ cluster(name: "${'\\u0041'.repeat(LONG / 6)}") { name } }`],
  ['a string that is not closed', `{ cluster(name: "${'x'.repeat(LONG)}`],
  ['a block string of 100,000 lines', `{ cluster(name: """${'\n  '.repeat(LONG / 3)}""") { name } }`],
  ['a block string of quotes', `{ cluster(name: """${'\\"""'.repeat(LONG / 4)}""") { name } }`],
  ['a name as long as the body', `{ ${'a'.repeat(LONG)} }`],
  ['an alias as long as the body', `{ ${'a'.repeat(LONG)}: __typename }`],
  [
    'a fragment with a name as long as half a body',
    `{ viewer { ...${'a'.repeat(LONG / 2 - 50)} } } fragment ${'a'.repeat(LONG / 2 - 50)} on Viewer { userName }`,
  ],
  ['an operation with a name as long as the body', `query ${'a'.repeat(LONG)} { __typename }`],
  ['a comment as long as the body', `{ __typename } #${'x'.repeat(LONG)}`],
  ['nothing but comments', '#\n'.repeat(LONG / 2)],
  ['nothing but commas', ','.repeat(LONG)],
  ['nothing but blank lines', '\n'.repeat(LONG)],
  ['nothing but braces', '{'.repeat(LONG)],
  ['nothing but dollars', '$'.repeat(LONG)],
  ['nothing but dots', '.'.repeat(LONG)],
  ['nothing but quotes', '"'.repeat(LONG)],
  ['a number of 200,000 digits', `{ clusters(first: ${'9'.repeat(200_000)}) { nodes { name } } }`],
  ['a fraction of 200,000 digits', `{ clusters(first: 1.${'9'.repeat(200_000)}) { nodes { name } } }`],
  ...[
    '2147483647',
    '2147483648',
    '-2147483649',
    '9007199254740993',
    '1e308',
    '1e309',
    '-0',
    '0.1',
    '1e1',
    '-1',
    '00',
    '1.',
    '0x10',
    '1_000',
    'NaN',
    'Infinity',
  ].map((n) => [`the number ${n}`, `{ clusters(first: ${n}) { nodes { name } } }`] as const),
  ...['\0', '\uFEFF', '\uD800', '\uDFFF', '\u202E', '\u200B', '\u2028', '😀', '\x7f', '\x1b[31m', 'ｖ', 'e\u0301'].flatMap((c) => [
    [`the character ${JSON.stringify(c)} as a token`, `{ viewer { user${c}Name } }`] as const,
    [`the character ${JSON.stringify(c)} in a string`, `{ cluster(name: "${c}") { name } }`] as const,
  ]),
  ['an escape of a lone surrogate', '{ cluster(name: "\\uD800") { name } }'],
  ['an escape beyond unicode', '{ cluster(name: "\\u{110000}") { name } }'],
  ['an escape of many digits', `{ cluster(name: "\\u{${'0'.repeat(LONG)}}") { name } }`],
  ['a thousand operations', repeat(480, (i) => `query q${i} { __typename }`)],
  ['operations of one name', repeat(480, () => 'query q { __typename }')],
  ['two operations and none chosen', 'query a { __typename } query b { __typename }'],
  ['nine hundred variables', `query (${repeat(600, (i) => `$v${i}: Int`)}) { viewer { userName } }`],
  ['a variable twice', 'query ($a: Int, $a: Int) { clusters(first: $a) { nodes { name } } }'],
  ['a variable in its own default', 'query ($a: Int = $a) { clusters(first: $a) { nodes { name } } }'],
  ['variables of types that are none of input', 'query ($a: Cluster, $b: Nothing, $c: Query!) { viewer { userName } }'],
  ['arguments that are not there, 600', `{ clusters(${repeat(600, (i) => `a${i}: 1`)}) { nodes { name } } }`],
  ['an argument 600 times', `{ clusters(${'first: 1 '.repeat(600)}) { nodes { name } } }`],
  ['an input with 600 fields that are not there', `mutation { updateSeed(input: { ${repeat(600, (i) => `a${i}: 1`)} }) { __typename } }`],
  ['an input with a field 600 times', `mutation { updateSeed(input: { ${'maxClusters: 1 '.repeat(600)} }) { __typename } }`],
  [
    'an enum value that is not there',
    'mutation { registerSeed(input: { name: "a", exposure: __proto__, kubeconfig: "x" }) { __typename } }',
  ],
  ['several subscriptions in one', 'subscription { clusters { what } nodes: clusters { what } }'],
  ['a subscription to introspection', 'subscription { __typename __schema { types { name } } }'],
  ['definitions of types', `type Query { a: Int } ${'extend type Query { b: Int } '.repeat(300)} { viewer { userName } }`],
  ['no operation', 'fragment a on Viewer { userName }'],
  ['no document', ' '],
];

const SPOILERS = [
  ...'{}()[]:!|@$&=."\\#,'.split(''),
  '...',
  '"""',
  ' on ',
  '...on ',
  '@skip(if:true)',
  '@include(if:$x)',
  '@defer',
  '__typename',
  '__schema{types{name}}',
  'fragment a on Query{...a}',
  '...a',
  'mutation',
  'subscription',
  'query',
  'null',
  'true',
  '-1',
  '1e999',
  '99999999999999999999',
  '"\\uD800"',
  '\0',
  '\uFEFF',
  '\uD800',
  '😀',
  '\u202E',
  '\r',
  '\n',
  '\t',
  '__proto__',
  'constructor',
  'toString',
  '$',
  '{'.repeat(40),
  '}'.repeat(40),
  '['.repeat(60),
  'a:'.repeat(20),
  'x'.repeat(5_000),
  "'; drop table clusters; --",
  '../../etc/passwd',
  '%s%n',
] as const;

const TEXTS = [
  '',
  'web',
  '../../etc/passwd',
  "' or 1=1 --",
  '\\u0000',
  '\\uD83D',
  'Q2x1c3Rlcjox',
  '{{7*7}}',
  '<script>',
  'x'.repeat(300),
  '-1',
  'null',
  '__proto__',
];
const NUMBERS = ['0', '1', '-1', '100', '101', '2147483647', '2147483648', '1e3', '0.5', '99999999999999999999999'];

type Random = () => number;

/** One document for each call; the same ones for the same numbers. */
export const createDocumentMaker = (random: Random): (() => string) => {
  const schema = buildSchema();
  const whole = (below: number): number => Math.floor(random() * below);
  const oneOf = <T>(all: readonly T[]): T => {
    const one = all[whole(all.length)];
    if (one === undefined) throw new Error('Nothing to choose from.');
    return one;
  };
  const roots = [schema.getQueryType(), schema.getQueryType(), schema.getMutationType()].filter((type) => type != null);
  const keyOf = new Map<GraphQLObjectType, string>(roots.map((type) => [type, type === schema.getMutationType() ? 'mutation' : 'query']));
  let fragments: string[] = [];

  const value = (type: GraphQLInputType, depth: number): string => {
    if (isNonNullType(type)) return value(type.ofType, depth);
    if (random() < 0.05) return oneOf(['null', '$v', '[]', '{}', '"x"', '1', 'true', 'ENUM']);
    if (isListType(type)) return `[${repeat(whole(4), () => value(type.ofType, depth + 1))}]`;
    const named = getNamedType(type);
    if (isEnumType(named)) return oneOf(named.getValues()).name;
    if (isInputObjectType(named)) {
      const fields = Object.values(named.getFields()).filter((field) => depth < 4 && (isNonNullType(field.type) || random() < 0.25));
      return `{ ${fields.map((field) => `${field.name}: ${value(field.type, depth + 1)}`).join(' ')} }`;
    }
    if (named.name === 'Int' || named.name === 'Float') return oneOf(NUMBERS);
    return named.name === 'Boolean' ? oneOf(['true', 'false']) : `"${oneOf(TEXTS)}"`;
  };

  const argumentsOf = (args: readonly GraphQLArgument[]): string => {
    const given = args.filter((arg) => isNonNullType(arg.type) || random() < 0.4);
    return given.length === 0 ? '' : `(${given.map((arg) => `${arg.name}: ${value(arg.type, 0)}`).join(', ')})`;
  };

  const selection = (type: GraphQLNamedType, depth: number): string => {
    const inner = isAbstractType(type) ? oneOf([...schema.getPossibleTypes(type)]) : type;
    if (!isObjectType(inner)) return '';
    const fields = Object.values(inner.getFields()).filter((field) => depth < 11 || !isCompositeType(getNamedType(field.type)));
    const parts = Array.from({ length: 1 + whole(5) }, () => {
      if (fields.length === 0) return '__typename';
      const field = oneOf(fields);
      const under = getNamedType(field.type);
      const alias = random() < 0.15 ? `${oneOf(['a', 'b', field.name, '__a'])}: ` : '';
      const directive = random() < 0.08 ? oneOf([' @skip(if: false)', ' @include(if: true)', ' @include(if: $v)', ' @nothing']) : '';
      return `${alias}${field.name}${argumentsOf(field.args)}${directive}${isCompositeType(under) ? ` { ${selection(under, depth + 1)} }` : ''}`;
    });
    const text = parts.join(' ');
    if (random() < 0.1) {
      const name = `f${whole(4)}`;
      fragments.push(`fragment ${name} on ${inner.name} { ${text}${random() < 0.2 ? ` ...f${whole(4)}` : ''} }`);
      return `...${name} __typename`;
    }
    return isAbstractType(type) || random() < 0.1 ? `... on ${inner.name} { ${text} } __typename` : text;
  };

  const wholeDocument = (): string => {
    fragments = [];
    const root = oneOf(roots);
    const body = selection(root, 0);
    const variables = random() < 0.2 ? '($v: Boolean = true)' : '';
    return `${keyOf.get(root)}${random() < 0.3 ? ' q' : ''}${variables} { ${body} } ${fragments.join(' ')}`;
  };

  const spoiled = (text: string): string => {
    const at = whole(text.length);
    const to = Math.min(text.length, at + 1 + whole(40));
    switch (whole(5)) {
      case 0:
        return text.slice(0, at) + oneOf(SPOILERS) + text.slice(at);
      case 1:
        return text.slice(0, at) + text.slice(to);
      case 2:
        return text.slice(0, at) + text.slice(at, to).repeat(1 + whole(200)) + text.slice(to);
      case 3:
        return text.slice(0, at);
      default:
        return text.slice(0, at) + oneOf(SPOILERS) + text.slice(to);
    }
  };

  return () => {
    let text = random() < 0.15 ? oneOf(SHAPES)[1] : wholeDocument();
    for (let times = random() < 0.4 ? 0 : 1 + whole(3); times > 0; times -= 1) text = spoiled(text);
    return text.slice(0, LONG + 5_000);
  };
};
