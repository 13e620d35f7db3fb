import { expect, test } from 'vitest';
import { type Claims, judge, parseRule, type Rules } from '../../src/domain/policyRule.ts';

const BLUE: Claims = { userId: 'anna', projectId: 'blue', domainId: null, isSystemScoped: false, roles: ['Member', 'reader'] };
const SYSTEM: Claims = { ...BLUE, projectId: null, isSystemScoped: true };
const NOBODY: Claims = { userId: '', projectId: '', domainId: '', isSystemScoped: false, roles: [] };
const target = { project_id: 'blue', user_id: 'anna' };

const passes = (text: string, claims: Claims, of: object = target): boolean => judge(new Map(), parseRule(text), claims, of).passes;

test.each([
  ['@', true],
  ['!', false],
  ['role:member', true],
  ['role:MEMBER and role:reader', true],
  ['role:admin', false],
  ['not role:admin', true],
  ['not not role:admin', false],
  // "not" binds closest, then "and", then "or".
  ['role:admin or role:member and not role:reader', false],
  ['role:member or role:admin and role:nobody', true],
  ['(role:member or role:admin) and role:nobody', false],
  ['not role:admin and role:member', true],
  ['not (role:admin or role:member)', false],
  ['ROLE:member OR @', null],
  ['role:x OR @', true],
  ['((role:member))', true],
  ['project_id:%(project_id)s', true],
  ['project_id:%(target.project_id)s and user_id:%(user_id)s', true],
  ['project_id:blue', true],
  ['project_id:red', false],
  ['user_id:anna', true],
  ['domain_id:default', false],
  ['system_scope:all', false],
])('%s → %j', (text, expected) => {
  if (expected === null) expect(() => parseRule(text)).toThrow(/checks are rule:NAME/);
  else expect(passes(text, BLUE)).toBe(expected);
});

test('what is empty or not known fits nothing', () => {
  for (const rule of ['project_id:%(project_id)s', 'user_id:%(user_id)s']) {
    expect(passes(rule, NOBODY, { project_id: '', user_id: '' })).toBe(false);
    expect(passes(rule, BLUE, {})).toBe(false);
    expect(passes(rule, SYSTEM, {})).toBe(rule === 'user_id:%(user_id)s' && false);
  }
  expect(passes('project_id:blue', SYSTEM)).toBe(false);
});

test.each([
  ['', /is empty/],
  ['   ', /is empty/],
  ['role:a role:b', /"role:b" where "and", "or" or the end should be/],
  ['role:a and', /has its end where a check should be/],
  ['and role:a', /"and" where a check should be/],
  ['(role:a', /a "\(" without its "\)"/],
  ['role:a)', /"\)" where/],
  ['()', /"\)" where a check/],
  ['role:', /the check "role:", which is not known/],
  ['admin', /the check "admin"/],
  ['is_admin:True', /the check "is_admin:True"/],
  ['http://example.org/check', /the check "http:/],
  ['system_scope:domain', /the check/],
  ['role:%(role)s', /the check/],
  ['project_id:%(name)s', /the check/],
  ["'member':%(role.name)s", /the check/],
  ['user_id:%(project_id)s', /the check/],
  [`${'('.repeat(40)}role:a${')'.repeat(40)}`, /nested more than 30 deep/],
  [`${'not '.repeat(40)}role:a`, /nested more than 30 deep/],
  ['role:a or '.repeat(500), /longer than 4096 characters/],
])('%j is refused: %s', (text, message) => {
  expect(() => parseRule(text)).toThrow(message);
});

test('a role alone reaches nobody else; an id that is written out, the system and the rules of the cloud do', () => {
  const rules: Rules = new Map([
    ['cloud_admin', parseRule('role:member')],
    ['mine', parseRule('role:member')],
  ]);
  const reaches = (text: string, claims: Claims) => judge(rules, parseRule(text), claims, {}).reaches;
  for (const text of ['@', 'role:member', 'rule:mine', 'not role:x', 'not rule:x', 'not project_id:%(project_id)s', 'not project_id:red'])
    expect([text, reaches(text, BLUE), reaches(text, SYSTEM)]).toEqual([text, false, false]);
  for (const text of ['rule:cloud_admin', 'role:member and project_id:blue', 'user_id:anna or !', '(user_id:anna and @) or role:member'])
    expect([text, reaches(text, BLUE)]).toEqual([text, true]);
  expect(reaches('system_scope:all and role:reader', SYSTEM)).toBe(true);
  expect(reaches('system_scope:all or role:reader', BLUE)).toBe(false);
  // A domain's administrator is none of the cloud.
  expect(reaches('rule:cloud_admin', { ...BLUE, projectId: null, domainId: 'd' })).toBe(false);
});
