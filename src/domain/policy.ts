/** Who may do what: one rule for each action, in oslo.policy's syntax; a policy.yaml may put others in their place. */
import { attributesIn, type Claims, cycleIn, judge, namesIn, parseRule, type Rule, RuleError, type Rules } from './policyRule.ts';

/** What an action is done to, and so what its rule can ask for. */
export type Scope =
  /** Something of a project. */
  | 'PROJECT'
  /** Likewise, and it has an owner. */
  | 'OWNED'
  /** Something that belongs to no project. */
  | 'CLOUD';

interface Entry {
  /** oslo.policy's name. */
  rule: `seedbed:${string}:${string}`;
  scope: Scope;
  check: string;
  /** What it allows, as a sentence. */
  what: string;
}

const entry =
  (scope: Scope, check: string) =>
  (rule: `${string}:${string}`, what: string): Entry => ({ rule: `seedbed:${rule}`, scope, check, what });

const read = entry('PROJECT', 'rule:project_reader or rule:cloud_reader');
const change = entry('PROJECT', 'rule:project_member or rule:cloud_admin');
const readAsMember = entry('PROJECT', 'rule:project_reader or rule:cloud_admin');
const inOwnProject = (check: string) => entry('PROJECT', check);
const readCloud = entry('CLOUD', 'rule:cloud_reader');
const changeCloud = entry('CLOUD', 'rule:cloud_admin');

/** By mutation, and by what else is guarded: the names of `viewer { can }`. */
export const ACTIONS = {
  readClusters: read('cluster:get', 'See clusters with their nodes, events, operations and access, and follow them live.'),
  readBackups: read('backup:get', 'See backups.'),
  readClusterTemplates: read('cluster_template:get', 'See cluster templates, and make clusters from them.'),
  readAddonBundles: read('addon_bundle:get', 'See addon bundles.'),
  readUsage: read('usage:get', 'See what clusters used.'),
  readQuota: read('quota:get', 'See what a project may have of clusters, and has.'),
  readCloud: inOwnProject('rule:project_reader')('cloud:get', "See flavors, images, networks and quotas of the token's project."),
  readAddonBundleManifests: readCloud('addon_bundle:get_manifests', 'See the manifests of addon bundles.'),
  readSeeds: readCloud('seed:get', 'See seeds, their operations, and which seed a cluster is on.'),
  readOrphans: readCloud('orphan:get', 'See what findOrphans found.'),
  readAuditLog: entry('PROJECT', 'rule:project_admin or rule:cloud_reader')('audit_log:get', 'See who asked for which mutation.'),

  createCluster: inOwnProject('rule:project_member')('cluster:create', "Make clusters in the token's project."),
  updateCluster: change('cluster:update', 'Change settings of clusters.'),
  upgradeCluster: change('cluster:upgrade', 'Bring clusters to another version of Kubernetes.'),
  moveClusterToTemplate: change('cluster:move_to_template', "Give clusters another template's settings."),
  pauseCluster: change('cluster:pause', 'Pause clusters.'),
  resumeCluster: change('cluster:resume', 'End the pause of clusters.'),
  hibernateCluster: change('cluster:hibernate', 'Hibernate clusters.'),
  wakeCluster: change('cluster:wake', 'Wake clusters.'),
  deleteCluster: change('cluster:delete', 'Delete clusters.'),
  rotateCertificates: change('cluster:rotate_certificates', "Make clusters' authorities anew."),
  rotateEncryptionKey: change('cluster:rotate_encryption_key', "Make clusters' encryption keys anew."),
  rotateCloudCredential: change('cluster:rotate_cloud_credential', 'Change what Seedbed acts by for clusters.'),
  moveControlPlane: changeCloud('cluster:move_control_plane', 'Move control planes between seeds.'),
  skipTunnel: changeCloud('cluster:skip_tunnel', 'Do without the tunnel, so that API servers reach into networks from the seed.'),

  createNodeGroup: change('node_group:create', 'Make node groups.'),
  updateNodeGroup: change('node_group:update', 'Change node groups.'),
  resizeNodeGroup: change('node_group:resize', 'Resize node groups.'),
  deleteNodeGroup: change('node_group:delete', 'Delete node groups.'),
  replaceNode: change('node:replace', 'Replace nodes.'),

  issueKubeconfig: readAsMember('kubeconfig:issue', 'Get kubeconfigs of the role VIEWER.'),
  signCertificate: readAsMember('certificate:sign', 'Get client certificates of the role VIEWER.'),
  getWritingAccess: change('cluster:get_writing_access', 'Get them of the roles EDITOR and ADMIN, too.'),
  revokeKubeconfig: entry('OWNED', 'rule:project_member or rule:cloud_admin or (rule:project_reader and user_id:%(user_id)s)')(
    'kubeconfig:revoke',
    'Revoke kubeconfigs and certificates; of their owners, as user_id.',
  ),

  createBackup: change('backup:create', 'Ask for backups.'),
  deleteBackup: change('backup:delete', 'Delete backups.'),
  restoreCluster: change('backup:restore', 'Put a backup in the place of what a cluster has.'),
  cloneCluster: inOwnProject('rule:project_member')('backup:clone', "Make clusters of backups, in the token's project."),
  retryOperation: change('operation:retry', 'Go on with operations at once.'),

  createClusterTemplate: inOwnProject('rule:project_member')('cluster_template:create', "Make templates in the token's project."),
  updateClusterTemplate: change('cluster_template:update', 'Change templates.'),
  deleteClusterTemplate: change('cluster_template:delete', 'Delete templates.'),
  publishClusterTemplate: changeCloud('cluster_template:publish', 'Make templates PUBLIC or HIDDEN, and change and delete those.'),

  registerAddonBundle: changeCloud('addon_bundle:register', 'Register addon bundles.'),
  updateAddonBundle: changeCloud('addon_bundle:update', 'Change addon bundles.'),
  deleteAddonBundle: changeCloud('addon_bundle:delete', 'Delete addon bundles.'),

  createSeed: changeCloud('seed:create', 'Make seeds.'),
  scaleSeed: changeCloud('seed:scale', 'Scale seeds that Seedbed made.'),
  upgradeSeed: changeCloud('seed:upgrade', 'Upgrade seeds that Seedbed made.'),
  deleteSeed: changeCloud('seed:delete', 'Delete seeds that Seedbed made.'),
  registerSeed: changeCloud('seed:register', 'Register seeds.'),
  updateSeed: changeCloud('seed:update', 'Change seeds.'),
  cordonSeed: changeCloud('seed:cordon', 'Cordon seeds.'),
  uncordonSeed: changeCloud('seed:uncordon', 'Uncordon seeds.'),
  drainSeed: changeCloud('seed:drain', 'Drain seeds.'),
  unregisterSeed: changeCloud('seed:unregister', 'Unregister seeds.'),
  chooseSeed: changeCloud('seed:choose', 'Say on which seed a new cluster is to be.'),
  abandonSeed: changeCloud('seed:abandon', 'Delete clusters without what is in a seed that is lost for good.'),

  setQuota: changeCloud('quota:set', 'Set what projects may have of clusters.'),

  findOrphans: changeCloud('orphan:find', 'Look for orphans.'),
  removeOrphans: changeCloud('orphan:remove', 'Remove orphans.'),
} as const satisfies Record<string, Entry>;

export type Action = keyof typeof ACTIONS;
export const actionNames = Object.keys(ACTIONS) as Action[];

/** Names of Keystone's roles; a token needs one of each list. */
export interface RoleNames {
  readers: readonly string[];
  members: readonly string[];
  projectAdmins: readonly string[];
  cloudAdmins: readonly string[];
  cloudReaders: readonly string[];
}
export const KEYSTONE_ROLES: RoleNames = {
  readers: ['reader'],
  members: ['member'],
  projectAdmins: ['manager', 'admin'],
  cloudAdmins: ['admin'],
  cloudReaders: ['reader'],
};

const anyOf = (roles: readonly string[]): string => (roles.length === 0 ? '!' : `(${roles.map((role) => `role:${role}`).join(' or ')})`);

interface BaseRule {
  name: string;
  check: string;
  what: string;
}

/** What the actions' rules lean on. */
export const baseRules = (roles: RoleNames): BaseRule[] => [
  {
    name: 'cloud_admin',
    // Keystone's meaning until its secure defaults are everywhere: who is admin anywhere is admin of the cloud; not of a domain alone.
    check: anyOf(roles.cloudAdmins),
    what: 'All of the cloud. To be asked by a token of a project or of the system; with "and system_scope:all" by one of the system alone.',
  },
  {
    name: 'cloud_reader',
    check: `rule:cloud_admin or (${anyOf(roles.cloudReaders)} and system_scope:all)`,
    what: 'Sees all projects and seeds.',
  },
  { name: 'project_admin', check: `${anyOf(roles.projectAdmins)} and project_id:%(project_id)s`, what: 'Administers the project.' },
  {
    name: 'project_member',
    check: `rule:project_admin or (${anyOf(roles.members)} and project_id:%(project_id)s)`,
    what: "Changes the project's clusters.",
  },
  {
    name: 'project_reader',
    check: `rule:project_member or (${anyOf(roles.readers)} and project_id:%(project_id)s)`,
    what: "Sees the project's clusters.",
  },
];

/** What somebody may do an action to. */
interface Reach {
  /** To what is of the token's project, or of no project. */
  own: boolean;
  /** To what of that project is the caller's. */
  mine: boolean;
  /** To every project's. */
  all: boolean;
}
export type Rights = Readonly<Record<Action, Reach>>;

export interface Policy {
  rules: Rules;
  /** What a token's bearer may do; whatever is asked of it later is looked up here. */
  rightsOf(claims: Claims): Rights;
  /** Whether a rule that leans on no object is fulfilled. */
  isCloudAdmin(claims: Claims): boolean;
}

/** An override as it was written; the line counts from 1. */
export interface Override {
  name: string;
  check: string;
  line: number;
}

/** What is wrong with overrides, a line for each. */
export class PolicyError extends Error {
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}

const NO_ONES = '\u0000';
const KNOWN: Readonly<Record<Scope, readonly string[]>> = { PROJECT: ['project_id'], OWNED: ['project_id', 'user_id'], CLOUD: [] };

/** @throws PolicyError naming every override that is no rule, is not known, leans on what is not there or on itself. */
export const createPolicy = (roles: RoleNames, overrides: readonly Override[] = []): Policy => {
  const rules = new Map<string, Rule>(
    [...baseRules(roles), ...actionNames.map((action) => ({ name: ACTIONS[action].rule, check: ACTIONS[action].check }))].map(
      ({ name, check }) => [name, parseRule(check)],
    ),
  );
  const known = [...rules.keys()];
  const faults: string[] = [];
  for (const { name, check, line } of overrides) {
    try {
      rules.set(name, parseRule(check));
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      faults.push(`line ${line}: the rule ${name} ${error.message}`);
    }
  }
  if (faults.length === 0) faults.push(...faultsOf(rules, known, overrides));
  if (faults.length > 0) throw new PolicyError(faults);
  return {
    rules,
    rightsOf: (claims) => Object.fromEntries(actionNames.map((action) => [action, reachOf(rules, action, claims)])) as unknown as Rights,
    isCloudAdmin: (claims) => judge(rules, { kind: 'rule', name: 'cloud_admin' }, claims, {}).reaches,
  };
};

const faultsOf = (rules: Rules, known: readonly string[], overrides: readonly Override[]): string[] => {
  const used = new Set([...rules.values()].flatMap(namesIn));
  const faults: string[] = [];
  for (const { name, line } of overrides) {
    const rule = rules.get(name);
    if (!known.includes(name) && !used.has(name))
      faults.push(
        `line ${line}: there is no rule ${JSON.stringify(name)}, and no other rule leans on it; "seedbed policy" lists those there are`,
      );
    for (const missing of rule === undefined ? [] : namesIn(rule).filter((other) => !rules.has(other)))
      faults.push(`line ${line}: the rule ${name} leans on rule:${missing}, which is not there; "seedbed policy" lists those there are`);
  }
  const cycle = cycleIn(rules);
  if (cycle !== null) return [...faults, `line ${lineOf(overrides, cycle)}: rules lean on themselves: ${cycle.join(' → ')}`];
  for (const action of actionNames) {
    const { rule: name, scope } = ACTIONS[action];
    const unknown = [...attributesIn(rules, rules.get(name) ?? { kind: 'never' })].filter((attribute) => !KNOWN[scope].includes(attribute));
    const allowed = KNOWN[scope].map((attribute) => `%(${attribute})s`).join(' and ') || 'none, for it is about no project';
    for (const attribute of unknown)
      faults.push(
        `line ${lineOf(overrides, [name])}: the rule ${name} asks for %(${attribute})s, by itself or by one that it leans on; it can ask for: ${allowed}`,
      );
  }
  return faults;
};

/** Of the first override of one of these names; else of the last override, for without one of them all is well. */
const lineOf = (overrides: readonly Override[], names: readonly string[]): number =>
  (overrides.find(({ name }) => names.includes(name)) ?? overrides.at(-1))?.line ?? 0;

const reachOf = (rules: Rules, action: Action, claims: Claims): Reach => {
  const { rule: name, scope } = ACTIONS[action];
  const rule = rules.get(name) ?? { kind: 'never' as const };
  if (scope === 'CLOUD') {
    const { passes, reaches } = judge(rules, rule, claims, {});
    const all = reaches || (passes && (claims.projectId !== null || claims.isSystemScoped));
    return { own: all, mine: all, all };
  }
  const ask = (project_id: string, user_id: string) => judge(rules, rule, claims, { project_id, user_id });
  const { projectId, userId } = claims;
  return {
    own: projectId !== null && ask(projectId, NO_ONES).passes,
    mine: projectId !== null && ask(projectId, userId).passes,
    all: ask(NO_ONES, NO_ONES).reaches,
  };
};
