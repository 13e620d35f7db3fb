import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { actionNames, KEYSTONE_ROLES, PolicyError } from '../src/domain/policy.ts';
import { printPolicy, readPolicy } from '../src/policyFile.ts';
import { actorBy } from './commands/house.ts';

const faultsOf = (text: string): readonly string[] => {
  try {
    readPolicy(text, KEYSTONE_ROLES);
  } catch (error) {
    if (error instanceof PolicyError) return error.faults;
    throw error;
  }
  throw new Error('it was taken');
};

test.each([
  ['"seedbed:cluster:craete": "@"', /^line 1: there is no rule "seedbed:cluster:craete"/],
  ['# one\n\ncloud_amin: "@"', /^line 3: there is no rule "cloud_amin"/],
  ['"seedbed:cluster:get": "rule:nobody"', /^line 1: the rule seedbed:cluster:get leans on rule:nobody, which is not there/],
  [
    '"seedbed:cluster:get": "is_admin:True"',
    /^line 1: the rule seedbed:cluster:get has the check "is_admin:True".*checks are rule:NAME, role:NAME/,
  ],
  ['"seedbed:cluster:get": "role:a and"', /^line 1: the rule seedbed:cluster:get has its end/],
  ['"seedbed:cluster:get": ""', /is empty; write "@" for everybody/],
  ['"seedbed:cluster:get":\n', /is empty|is no text/],
  ['"seedbed:cluster:get": [["role:a"]]', /^line 1: the rule seedbed:cluster:get is no text; lists are not taken here/],
  ['"seedbed:cluster:get": "@"\n"seedbed:cluster:get": "!"', /^line 2: a rule is there twice/],
  ['- a', /^line 1: this is no map of rules/],
  ['"seedbed:cluster:get": "@', /not well-formed YAML/],
  [
    'project_admin: "rule:project_member"',
    /^line 1: rules lean on themselves: .*project_member → project_admin|project_admin → project_member/,
  ],
  ['a: "rule:b"\nb: "rule:a"\n"seedbed:cluster:get": "rule:a"', /rules lean on themselves: .*a → b → a|b → a → b/],
  ['"seedbed:cluster:get": "user_id:%(user_id)s"', /asks for %\(user_id\)s, .* it can ask for: %\(project_id\)s/],
  [
    '"seedbed:seed:get": "rule:project_reader"',
    /seedbed:seed:get asks for %\(project_id\)s, by itself or by one that it leans on; it can ask for: none/,
  ],
])('%j is refused', (text, fault) => {
  expect(faultsOf(text).join('\n')).toMatch(fault);
});

test('every mistake is named at once', () => {
  expect(faultsOf('x: "@"\n"seedbed:cluster:get": "rule:y"')).toHaveLength(2);
  expect(faultsOf('x: "a"\ny: "b"')).toHaveLength(2);
});

test('what is printed is a policy file that changes nothing, also once all of it is in force', () => {
  const claims = { userName: 'anna', projectId: 'blue', roles: ['reader'] };
  const rights = actorBy(claims, readPolicy(null, KEYSTONE_ROLES)).rights;
  const printed = printPolicy(null, KEYSTONE_ROLES);
  expect(printed.match(/^#"seedbed:/gm)).toHaveLength(actionNames.length);
  for (const text of [printed, printed.replaceAll(/^#"/gm, '"'), '', '# nothing\n'])
    expect(actorBy(claims, readPolicy(text, KEYSTONE_ROLES)).rights).toEqual(rights);
});

test('what the file says is in force, with rules of its own, and is printed so', () => {
  const text = 'helper: "role:support and project_id:helpdesk"\n"seedbed:cluster:get": "rule:project_reader or rule:helper"\n';
  const printed = printPolicy(text, KEYSTONE_ROLES);
  expect(printed).toContain('\n"seedbed:cluster:get": "rule:project_reader or rule:helper"\n');
  expect(printed).toContain('"helper": "role:support and project_id:helpdesk"\n');
  const claims = { userName: 'h', projectId: 'helpdesk', roles: ['support'] };
  expect(actorBy(claims, readPolicy(printed, KEYSTONE_ROLES)).rights.readClusters.all).toBe(true);
});

test('the program does not start with a rule that there is none of, and names its line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'seedbed-policy-'));
  const file = join(folder, 'policy.yaml');
  writeFileSync(file, '"seedbed:cluster:create": "role:operator"\n"seedbed:cluster:craete": "@"\n');
  const cloud = {
    KEYSTONE_URL: 'http://127.0.0.1:1/v3',
    KEYSTONE_USERNAME: 'seedbed',
    KEYSTONE_PASSWORD: 'x',
    KEYSTONE_PROJECT: 'service',
  };
  const named = Object.entries({ ...cloud, DATA: folder, POLICY_FILE: file }).map(([name, value]) => [`SEEDBED_${name}`, value]);
  const words = ['--import', 'tsx', 'src/main.ts', 'serve'];
  const { status, stderr } = spawnSync(process.execPath, words, {
    cwd: new URL('..', import.meta.url).pathname,
    env: { PATH: process.env['PATH'], ...Object.fromEntries(named) },
    encoding: 'utf8',
    timeout: 60_000,
  });
  rmSync(folder, { recursive: true });
  expect(status).toBe(2);
  expect(stderr).toMatch(/SEEDBED_POLICY_FILE\): line 2: there is no rule "seedbed:cluster:craete"/);
});
