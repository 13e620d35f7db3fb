/** Access, token and self reviews: questions about the caller that are answered and not stored. */
import { ANONYMOUS, type Authentication, anyTokenUser } from './authentication.ts';
import type { Cluster, User } from './cluster.ts';
import type { Kind } from './kinds.ts';
import { type Dict, dict, text, texts } from './objects.ts';
import { type Attributes, isAllowed, rulesFor } from './rbac.ts';

const attributesIn = (spec: Dict): Attributes => {
  const path = dict(spec.nonResourceAttributes);
  if (path.path !== undefined) return { verb: text(path.verb), path: text(path.path) };
  const asked = dict(spec.resourceAttributes);
  return {
    verb: text(asked.verb),
    group: text(asked.group),
    resource: text(asked.resource),
    ...(text(asked.subresource) ? { subresource: text(asked.subresource) } : {}),
    ...(text(asked.namespace) ? { namespace: text(asked.namespace) } : {}),
    name: text(asked.name),
  };
};

const access = (cluster: Cluster, user: User, spec: Dict): Dict => {
  const allowed = isAllowed(cluster, user, attributesIn(spec));
  return { allowed, ...(allowed ? { reason: 'RBAC: allowed' } : {}) };
};

const rules = (cluster: Cluster, user: User, spec: Dict): Dict => {
  const found = user.groups.includes('system:masters')
    ? [
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      ]
    : rulesFor(cluster, user, text(spec.namespace));
  return {
    resourceRules: found.filter((r) => 'resources' in r),
    nonResourceRules: found.filter((r) => 'nonResourceURLs' in r),
    incomplete: false,
  };
};

const tokenReview = async (cluster: Cluster, options: Authentication, spec: Dict): Promise<Dict> => {
  const user = await anyTokenUser(cluster, options, text(spec.token));
  return user
    ? { authenticated: true, user: { username: user.name, groups: user.groups, ...(user.uid ? { uid: user.uid } : {}) } }
    : { authenticated: false };
};

/** The posted review with its status filled in. */
export const answerReview = async (cluster: Cluster, options: Authentication, kind: Kind, body: Dict, user: User): Promise<Dict> => {
  const spec = dict(body.spec);
  const other: User = { ...ANONYMOUS, name: text(spec.user), groups: texts(spec.groups) };
  const status = (): Dict | Promise<Dict> => {
    switch (kind.kind) {
      case 'SelfSubjectAccessReview':
        return access(cluster, user, spec);
      case 'SelfSubjectRulesReview':
        return rules(cluster, user, spec);
      case 'TokenReview':
        return tokenReview(cluster, options, spec);
      case 'SelfSubjectReview':
        return { userInfo: { username: user.name, groups: user.groups } };
      default:
        return access(cluster, other, spec);
    }
  };
  return {
    kind: kind.kind,
    apiVersion: `${kind.group}/${kind.version}`,
    metadata: { creationTimestamp: null },
    spec,
    status: await status(),
  };
};
