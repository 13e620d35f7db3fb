/** What a cluster would take over from a template's revision: what changes in place, which nodes are replaced, and what a living cluster cannot change. */
import { type Problem, SeedbedError, UserError } from '../domain/errors.ts';
import type { NodeGroupSpec } from '../domain/nodeGroup.ts';
import { mergeChanges, mergeSpec, type SpecChange, type SpecPath, settingAt, settingsOf, type TemplateSpec } from '../domain/template.ts';
import { isOlder } from '../domain/upgrade.ts';
import { checkUpgrade, getRunningVersion } from '../domain/upgradeCheck.ts';
import { findRelease } from '../domain/version.ts';
import { stableJson } from '../lib/json.ts';
import { treeOf } from '../lib/tree.ts';
import type { ClusterRow, NodeGroupRow } from '../store/reconcile.ts';
import type { TemplateRevisionRow, TemplateRow } from '../store/templates.ts';
import { checkSpec } from './checks.ts';
import { checkGroup } from './cloudChecks.ts';
import { mayChange } from './updateCluster.ts';
import { targetOf, type UpgradeFacts, type UpgradeTarget } from './upgradePlan.ts';

/** All that a plan is read from. */
export interface MoveFacts extends UpgradeFacts {
  template: TemplateRow;
  revision: TemplateRevisionRow;
  /** Settings, or beginnings of their paths, that are to stay as they are. */
  keep: readonly string[];
  /** Path of the input's field that chose the revision. */
  field: string[];
}

export interface SettingChange {
  path: SpecPath;
  from: unknown;
  to: unknown;
  /** False: a living cluster cannot change it. */
  possible: boolean;
}

/** A node group that has followed the template so far, as it is to be. */
export interface GroupMove {
  nodeGroup: NodeGroupRow;
  spec: NodeGroupSpec;
  /** What it takes over: some of image, flavor and key pair. */
  settings: GroupSetting[];
}
type GroupSetting = 'image' | 'flavor' | 'keypair';

export interface MovePlan {
  changes: SettingChange[];
  spec: TemplateSpec;
  overrides: SpecChange;
  groups: GroupMove[];
  /** null: the version stays. */
  version: string | null;
}

/** Settings that nodes are made of; a group whose own is the cluster's follows it. */
const OF_GROUPS: readonly GroupSetting[] = ['image', 'flavor', 'keypair'];

const isOfGroups = (path: string): path is GroupSetting => (OF_GROUPS as readonly string[]).includes(path);

const isTree = (value: unknown): boolean => value !== null && typeof value === 'object' && !Array.isArray(value);

/** The cluster says something of the setting itself: of all of it, or of a whole that it is a part of. */
const isOwn = (overrides: SpecChange, path: SpecPath): boolean => {
  const words = path.split('.');
  return words.some((_, i) => {
    const value = settingAt(overrides, words.slice(0, i + 1).join('.') as SpecPath);
    return value !== undefined && (i === words.length - 1 || !isTree(value));
  });
};

const isBelow = (path: string, beginning: string): boolean => path === beginning || path.startsWith(`${beginning}.`);

/** What the move would change, its possibility apart. */
const planMove = ({ cluster, groups, revision, keep }: MoveFacts): MovePlan => {
  // A version that the cluster has come to by an upgrade of its own follows a newer one of the template's, and none goes back.
  const rises = isOlder(cluster.spec.kubernetesVersion, revision.spec.kubernetesVersion);
  const own = (path: SpecPath) => (path === 'kubernetesVersion' && rises ? false : isOwn(cluster.overrides, path));
  const given = settingsOf(revision.spec).filter(([path]) => path !== 'ignoredLabels' && !own(path));
  const different = given.filter(([path, value]) => stableJson(value) !== stableJson(settingAt(cluster.spec, path)));
  const isKept = (path: string) => keep.some((beginning) => isBelow(path, beginning));
  // What is the same now may differ in the revision after this one.
  const kept = given.filter(([path]) => isKept(path)).map(([path]): [string, unknown] => [path, settingAt(cluster.spec, path) ?? null]);
  const taken = different.filter(([path]) => !isKept(path));
  const spec = mergeSpec(cluster.spec, treeOf(taken) as SpecChange);
  const ignoredLabels = { ...revision.spec.ignoredLabels, ...cluster.spec.ignoredLabels };
  const version = spec.kubernetesVersion === cluster.spec.kubernetesVersion ? null : spec.kubernetesVersion;
  const { kubernetesVersion, ...others } = mergeChanges(cluster.overrides, treeOf(kept) as SpecChange);
  const keepsVersion = kubernetesVersion !== undefined && version === null && kubernetesVersion !== revision.spec.kubernetesVersion;
  return {
    changes: taken.map(([path, to]) => ({
      path,
      from: settingAt(cluster.spec, path) ?? null,
      to,
      possible: path === 'kubernetesVersion' || isOfGroups(path) || mayChange(path),
    })),
    spec: { ...spec, ignoredLabels },
    overrides: keepsVersion ? { ...others, kubernetesVersion } : others,
    groups: groups.filter((group) => group.deleteRequestedAt === null).flatMap((nodeGroup) => moveOf(nodeGroup, cluster.spec, spec)),
    version,
  };
};

const moveOf = (nodeGroup: NodeGroupRow, before: TemplateSpec, after: TemplateSpec): GroupMove[] => {
  const settings = OF_GROUPS.filter((field) => before[field] !== after[field] && nodeGroup.spec[field] === before[field]);
  const taken = Object.fromEntries(settings.map((field) => [field, after[field]])) as Partial<Pick<NodeGroupSpec, GroupSetting>>;
  return settings.length === 0 ? [] : [{ nodeGroup, spec: { ...nodeGroup.spec, ...taken }, settings }];
};

/** The cluster and its groups as an upgrade would find them with all else taken over. */
const factsAfter = (facts: MoveFacts, plan: MovePlan): UpgradeFacts => ({
  ...facts,
  cluster: { ...facts.cluster, spec: { ...plan.spec, kubernetesVersion: facts.cluster.spec.kubernetesVersion } },
  groups: facts.groups.map((group) => {
    const move = plan.groups.find(({ nodeGroup }) => nodeGroup.id === group.id);
    // What its image is now says nothing of the one that it gets.
    return move === undefined ? group : { ...group, spec: move.spec, ...(move.settings.includes('image') && { resolved: null }) };
  }),
});

/** The plan, with its spec as checked. @throws UserError, Conflict that names what stands in the way, and says what to do. */
export const checkMove = (facts: MoveFacts): MovePlan => {
  const { cluster, template, revision, field } = facts;
  checkKept(facts);
  const plan = planMove(facts);
  const same = cluster.templateId === template.id && cluster.templateRevision === revision.revision;
  if (same && plan.changes.length === 0 && stableJson(plan.overrides) === stableJson(cluster.overrides))
    throw new UserError(
      'INVALID_INPUT',
      `Cluster ${cluster.name} has the settings of revision ${revision.revision} of template ${template.name} already.`,
      {
        field,
      },
    );
  refuseFixed(plan, field);
  if (plan.changes.length === 0) return plan;
  if (plan.version !== null) checkVersion(facts, plan, plan.version);
  const spec = checkSpec(
    plan.spec,
    () => field,
    () => false,
  );
  if (facts.catalogue !== null) for (const group of plan.groups) checkGroup(group.spec, spec, facts.catalogue, () => field);
  return { ...plan, spec };
};

/** As upgradeCluster would. @throws UserError, Conflict. */
const checkVersion = (facts: MoveFacts, plan: MovePlan, version: string): void => {
  try {
    checkUpgrade(factsAfter(facts, plan), version, false);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const remedy = 'Or leave the version as it is: keep: ["kubernetesVersion"].';
    throw new UserError(error.code, `${error.message} ${remedy}`, { ...error.detail, field: facts.field });
  }
};

/** @throws UserError INVALID_INPUT for a setting that there is not. */
const checkKept = ({ keep, cluster }: MoveFacts): void => {
  const at = keep.findIndex((path) => settingAt(cluster.spec, path as SpecPath) === undefined);
  if (at >= 0)
    throw new UserError(
      'INVALID_INPUT',
      `There is no setting ${JSON.stringify(keep[at]?.slice(0, 80))}; settings are named as in ClusterSpec, such as image or controlPlane.etcd.quotaGiB.`,
      { field: ['keep', String(at)] },
    );
};

/** @throws UserError INVALID_INPUT naming each setting that a living cluster cannot take over. */
const refuseFixed = ({ changes }: MovePlan, field: string[]): void => {
  const fixed = changes.filter(({ possible }) => !possible);
  if (fixed.length === 0) return;
  const words = fixed.map(({ path, from, to }) => `${path} (from ${shortOf(from)} to ${shortOf(to)})`);
  throw new UserError(
    'INVALID_INPUT',
    `A living cluster cannot change ${words.join(', ')}; keep what it has with keep: ${JSON.stringify(fixed.map(({ path }) => path))}, choose a revision of the template that has the same, or make another cluster.`,
    { field },
  );
};

const shortOf = (value: unknown): string => {
  const text = JSON.stringify(value ?? null);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

export interface MoveOutlook extends Omit<MovePlan, 'groups' | 'version'> {
  template: TemplateRow;
  revision: TemplateRevisionRow;
  nodeGroups: (GroupMove & { nodes: number })[];
  upgrade: UpgradeTarget | null;
  /** What the move would be refused for now; null: it can be asked for. */
  problem: Problem | null;
}

/** For people, before they ask for it. */
export const outlookOf = (facts: MoveFacts): MoveOutlook => {
  const plan = planMove(facts);
  const { groups, version, ...shown } = plan;
  const release = version === null ? undefined : findRelease(version);
  const running = findRelease(facts.cluster.runningVersion ?? facts.cluster.spec.kubernetesVersion);
  const nodesOf = (group: NodeGroupRow) =>
    facts.nodes.filter((node) => node.nodeGroupId === group.id && node.deleteRequestedAt === null).length;
  return {
    ...shown,
    template: facts.template,
    revision: facts.revision,
    nodeGroups: groups.map((move) => ({ ...move, nodes: nodesOf(move.nodeGroup) })),
    upgrade: release === undefined || running === undefined ? null : targetOf(factsAfter(facts, plan), running, release),
    problem: problemOf(facts),
  };
};

const problemOf = (facts: MoveFacts): Problem | null => {
  try {
    checkMove(facts);
    return null;
  } catch (error) {
    if (error instanceof SeedbedError) return error.toProblem();
    throw error;
  }
};

/** The version that runs while the control plane is brought to the template's. @throws Conflict before it first ran. */
export const runningBefore = (cluster: ClusterRow, plan: MovePlan): string | null =>
  plan.version === null ? null : getRunningVersion(cluster);
