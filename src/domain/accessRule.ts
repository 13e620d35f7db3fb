/** Access rules of application credentials: the calls that a token may be used for, and no other. */

/** As Keystone keeps it: a type of service, an HTTP method and a pattern of paths. */
export interface AccessRule {
  service: string;
  method: string;
  path: string;
}

/** What a token's rules leave of Seedbed; null: it has none, and may be used for every call. */
export type Reach = readonly Pick<AccessRule, 'method' | 'path'>[] | null;

/**
 * As keystonemiddleware judges it: without a type of Seedbed's own, or where the cloud's catalogue has no service of that type, rules
 * cannot be kept, and a token that has some may be used for nothing. `serviceTypes`: of the token's catalogue.
 * https://opendev.org/openstack/keystonemiddleware/src/branch/master/keystonemiddleware/auth_token/__init__.py
 */
export const reachOfRules = (
  { accessRules, serviceTypes }: { accessRules: readonly AccessRule[] | null; serviceTypes: readonly string[] },
  serviceType: string | null,
): Reach => {
  if (accessRules === null) return null;
  if (!isEnforced(serviceTypes, serviceType)) return [];
  return accessRules.filter(({ service }) => service === serviceType);
};

/** Whether rules can be kept at all; a call that another service makes for somebody needs no more. */
export const isEnforced = (serviceTypes: readonly string[], serviceType: string | null): boolean =>
  serviceType !== null && serviceTypes.includes(serviceType);

/** No path of Seedbed's is longer: names of stored operations have 63 characters. Thousands of rules against a path of 16 KB are seconds. */
const MOST_PATH = 100;

/** `path`: of the request, without its query. */
export const isWithinReach = (reach: Reach, method: string, path: string): boolean =>
  reach === null || (path.length <= MOST_PATH && reach.some((rule) => rule.method === method && pathMatches(path, rule.path)));

/**
 * `*` and `{name}` stand for one or more characters of one segment, `**` for anything. By hand and not by a regular expression: whoever
 * makes an application credential writes the pattern, and could keep one busy for hours.
 */
export const pathMatches = (path: string, pattern: string): boolean => {
  /** Whether the pattern so far can end before each character, and behind the last. */
  let ends = new Uint8Array(path.length + 1);
  let next = new Uint8Array(path.length + 1);
  ends[0] = 1;
  for (const [token] of pattern.matchAll(/\{[^}]*\}|\*\*|\*|[\s\S]/g)) {
    if (!step(ends, next, path, token)) return false;
    [ends, next] = [next, ends];
  }
  return ends[path.length] === 1;
};

/** Fills `after`; false when the pattern can end nowhere any more. */
const step = (before: Uint8Array, after: Uint8Array, path: string, token: string): boolean => {
  const isAnything = token === '**';
  const isSegment = token === '*' || token.length > 1;
  after[0] = isAnything ? (before[0] ?? 0) : 0;
  let some = after[0] === 1;
  for (let i = 0; i < path.length; i += 1) {
    const goesOn = isAnything
      ? before[i + 1] === 1 || after[i] === 1
      : isSegment
        ? path[i] !== '/' && (before[i] === 1 || after[i] === 1)
        : before[i] === 1 && path[i] === token;
    after[i + 1] = goesOn ? 1 : 0;
    some ||= goesOn;
  }
  return some;
};
