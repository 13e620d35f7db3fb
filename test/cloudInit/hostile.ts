/** What customers may write, meant well or ill. */
import fc from 'fast-check';
import type { UserDataInput } from '../../src/controlPlane/userData.ts';

/** Words that YAML, shells, templates and cloud-init have a meaning of their own for. */
export const WORDS = [
  'yes',
  'no',
  'on',
  'null',
  'y',
  'true',
  '1e3',
  '0x1F',
  '0o17',
  '017',
  '1_000',
  '12.30',
  '.inf',
  '1.0',
  'e',
  '2001-01-01',
  '9',
];
export const TRAPS = [
  ...['\u2028x\u2029', '\u0085', '\ufeff', '\u007f\u009f', '\ud800', '\udc00x', '\u{10ffff}', '\0', '\r', '\r\nx', '\t', ' ', ''],
  ...[
    '"\n- rm -rf /',
    '"]}\nruncmd:\n- reboot',
    '---\n',
    '...\n',
    '#cloud-config',
    '## template: jinja\n{{ v1 }}',
    '{% raw %}',
    '{{ ds }}',
  ],
  ...['$(reboot)', '`id`', "'; reboot; '", '\\', '\\"', "''", '$INSTANCE_ID', '%s', '&a *a', '!!python/object/apply:os.system [id]'],
  ...['#include http://x', 'Content-Type: multipart/mixed', 'From nobody', '<<: *x', '? x', '~', '1:30', '__proto__', 'x'.repeat(300)],
];
const traps = fc.constantFrom(...TRAPS);
export const hostile = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 40 }), traps);
export const word = fc.oneof(fc.constantFrom(...WORDS), fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,30}[A-Za-z0-9])?$/));
const prefix = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?(\.[a-z0-9]{1,6})?$/);
const key = fc.oneof(
  word,
  fc.tuple(prefix, word).map((parts) => parts.join('/')),
);
/** The operator's, whose configuration takes ASCII alone. */
const operators = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
  fc.constantFrom(...TRAPS.filter((text) => /^[\t\r\n -~]*$/.test(text))),
);
/** Now and then what ought to be refused. */
const mostly = (fine: fc.Arbitrary<string>) => fc.oneof({ weight: 12, arbitrary: fine }, { weight: 1, arbitrary: hostile });
const value = mostly(fc.oneof(word, fc.constant('')));
const taint = fc.record({
  key: mostly(key),
  value: fc.option(value),
  effect: fc.constantFrom('NoSchedule' as const, 'PreferNoSchedule' as const, 'NoExecute' as const),
});
export const inputs: fc.Arbitrary<UserDataInput> = fc.record({
  clusterName: hostile,
  nodeName: mostly(
    fc.oneof(fc.constantFrom('yes', 'null', '1e3', '017', '0x1f', 'e'), fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$/)),
  ),
  endpoint: fc.record({
    host: mostly(fc.constantFrom('192.0.2.10', '1e3', 'no', 'null', '0x7f.1', 'api.example.org', '1.0')),
    port: fc.integer({ min: 1, max: 65_535 }),
  }),
  token: fc.stringMatching(/^[a-z0-9]{6}\.[a-z0-9]{16}$/),
  caPin: fc.stringMatching(/^[0-9a-f]{64}$/),
  labels: fc.dictionary(mostly(key), value, { maxKeys: 5 }),
  taints: fc.uniqueArray(taint, { maxLength: 3, selector: (t) => `${t.key} ${t.effect}` }),
  kubernetesVersion: fc.constantFrom('v1.36.3', '1.30', '1e3'),
  pauseImage: mostly(
    fc.oneof(fc.constantFrom('no', '1e3', '017', 'a:5000/b@sha256:ab', '0:0'), fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9./:@_-]{0,40}$/)),
  ),
  packageSource: fc.option(operators),
  cloudController: fc.boolean(),
  nodeIps: fc.constantFrom([], ['192.0.2.20'], ['192.0.2.20', 'fd00::f816:3eff:fe12:3456']),
  cloudInit: fc.constant(null),
});
