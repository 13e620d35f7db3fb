import { expect, test } from 'vitest';
import { buildSchema } from '../../src/api/schema.ts';
import { may } from '../../src/domain/actor.ts';
import { ACTIONS, type Action, actionNames, createPolicy, KEYSTONE_ROLES, type Policy } from '../../src/domain/policy.ts';
import type { Claims } from '../../src/domain/policyRule.ts';
import { readPolicy } from '../../src/policyFile.ts';
import { actorBy } from '../commands/house.ts';

type Who = Partial<Claims> & { projectId: string | null; roles: string[] };
const BUILT_IN = createPolicy(KEYSTONE_ROLES);
const with_ = (text: string): Policy => readPolicy(text, KEYSTONE_ROLES);
const actor = (who: Who, policy = BUILT_IN) => actorBy({ userName: 'anna', ...who }, policy);
const allowed = (who: Who, projectId: string | null, policy = BUILT_IN): Action[] =>
  actionNames.filter((action) => may(actor(who, policy), action, { projectId }));
const reading = actionNames.filter((action) => action.startsWith('read'));
const changing = actionNames.filter((action) => !action.startsWith('read'));

test('every mutation has a rule, and every rule its own name', () => {
  const mutations = Object.keys(buildSchema().getMutationType()?.getFields() ?? {});
  expect(mutations.filter((name) => !(name in ACTIONS))).toEqual([]);
  expect(new Set(actionNames.map((action) => ACTIONS[action].rule)).size).toBe(actionNames.length);
});

test('a reader reads the own project, a member changes it, and nobody does anything in another', () => {
  const ofProject = reading.filter((action) => ACTIONS[action].scope === 'PROJECT' && action !== 'readAuditLog');
  expect(allowed({ projectId: 'blue', roles: ['reader'] }, 'blue')).toEqual([...ofProject, 'issueKubeconfig', 'signCertificate']);
  const member = allowed({ projectId: 'blue', roles: ['member'] }, 'blue');
  const all = actionNames.filter((action) => ACTIONS[action].scope !== 'CLOUD');
  // Who does what in a project is its administrators' to know.
  expect(member).toEqual(all.filter((action) => action !== 'readAuditLog'));
  expect(allowed({ projectId: 'blue', roles: ['manager'] }, 'blue')).toEqual(all);
  for (const roles of [['reader'], ['member'], ['manager'], []]) expect(allowed({ projectId: 'blue', roles }, 'red')).toEqual([]);
  expect(allowed({ projectId: 'blue', roles: [] }, 'blue')).toEqual([]);
  expect(allowed({ projectId: 'blue', roles: ['other'] }, 'blue')).toEqual([]);
});

test('a cloud admin does all; a cloud reader sees all projects and seeds, and changes nothing', () => {
  expect(allowed({ projectId: 'ops', roles: ['admin'] }, 'ops')).toEqual(actionNames);
  const ownAlone: Action[] = ['readCloud', 'createCluster', 'cloneCluster', 'createClusterTemplate'];
  const elsewhere = actionNames.filter((action) => !ownAlone.includes(action));
  expect(allowed({ projectId: 'ops', roles: ['admin'] }, 'blue')).toEqual(elsewhere);
  expect(allowed({ projectId: null, isSystemScoped: true, roles: ['admin'] }, 'blue')).toEqual(elsewhere);
  const reader: Who = { projectId: null, isSystemScoped: true, roles: ['reader'] };
  expect(allowed(reader, 'blue')).toEqual(reading.filter((action) => action !== 'readCloud'));
  expect(changing.filter((action) => may(actor(reader), action))).toEqual([]);
});

test('without a project or the system there is nothing, whatever the roles', () => {
  for (const who of [{ domainId: 'default' }, {}])
    for (const projectId of ['blue', '', null])
      expect(allowed({ ...who, projectId: null, roles: ['admin', 'member', 'reader'] }, projectId)).toEqual([]);
});

test('roles have the names that they are given', () => {
  const policy = createPolicy({ ...KEYSTONE_ROLES, members: ['k8s_member'], cloudAdmins: ['cloud_admin'], readers: [] });
  expect(allowed({ projectId: 'blue', roles: ['member', 'reader'] }, 'blue', policy)).toEqual([]);
  expect(allowed({ projectId: 'blue', roles: ['K8S_Member'] }, 'blue', policy)).toContain('deleteCluster');
  expect(allowed({ projectId: 'blue', roles: ['admin'] }, 'red', policy)).toEqual([]);
  expect(allowed({ projectId: 'blue', roles: ['admin'] }, 'blue', policy)).toContain('deleteCluster');
  expect(allowed({ projectId: 'blue', roles: ['cloud_admin'] }, 'red', policy)).toContain('deleteCluster');
});

test('a kubeconfig of the own can be given back by who may read, and no other', () => {
  const rita = actor({ projectId: 'blue', roles: ['reader'], userId: 'rita' });
  expect(may(rita, 'revokeKubeconfig', { projectId: 'blue', userId: 'rita' })).toBe(true);
  expect(may(rita, 'revokeKubeconfig', { projectId: 'blue', userId: 'anna' })).toBe(false);
  expect(may(rita, 'revokeKubeconfig', { projectId: 'red', userId: 'rita' })).toBe(false);
});

test('one rule is another, and the rest stays', () => {
  const policy = with_('"seedbed:cluster:delete": "rule:project_admin or rule:cloud_admin"');
  const member = allowed({ projectId: 'blue', roles: ['member'] }, 'blue');
  expect(allowed({ projectId: 'blue', roles: ['member'] }, 'blue', policy)).toEqual(member.filter((action) => action !== 'deleteCluster'));
  const manager = allowed({ projectId: 'blue', roles: ['manager'] }, 'blue');
  expect(allowed({ projectId: 'blue', roles: ['manager'] }, 'blue', policy)).toEqual(manager);
});

test('no override shows one project to another by roles alone; by an id or the system it does', () => {
  for (const rule of ['@', 'role:member', 'not role:x', 'rule:project_member or @', 'not project_id:%(project_id)s or role:member'])
    for (const action of actionNames.filter((name) => ACTIONS[name].scope !== 'CLOUD')) {
      const policy = with_(`"${ACTIONS[action].rule}": "${rule}"`);
      expect([rule, action, may(actor({ projectId: 'red', roles: ['member'] }, policy), action, { projectId: 'blue' })]).toEqual([
        rule,
        action,
        false,
      ]);
      expect(may(actor({ projectId: null, roles: ['member'] }, policy), action, { projectId: 'blue' })).toBe(false);
    }
  const support = with_('"seedbed:cluster:get": "rule:project_reader or (role:support and project_id:helpdesk)"');
  expect(may(actor({ projectId: 'helpdesk', roles: ['support'] }, support), 'readClusters', { projectId: 'blue' })).toBe(true);
  expect(may(actor({ projectId: 'red', roles: ['support'] }, support), 'readClusters', { projectId: 'blue' })).toBe(false);
  const scoped = with_('cloud_admin: "role:admin and system_scope:all"');
  expect(allowed({ projectId: 'ops', roles: ['admin'] }, 'blue', scoped)).toEqual([]);
  expect(allowed({ projectId: null, isSystemScoped: true, roles: ['admin'] }, 'blue', scoped)).toContain('deleteCluster');
});
