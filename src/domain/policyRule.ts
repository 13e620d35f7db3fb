/** Rules of the policy in oslo.policy's syntax (https://docs.openstack.org/oslo.policy/latest/reference/api/oslo_policy.policy.html). */

/** What a token says of its bearer. */
export interface Claims {
  userId: string;
  /** Of a token for a project. */
  projectId: string | null;
  /** Of a token for a domain. */
  domainId: string | null;
  isSystemScoped: boolean;
  roles: readonly string[];
}

/** What is known of the object that is asked for; what is not known fits nothing. */
export interface PolicyTarget {
  project_id?: string;
  user_id?: string;
}

type Attribute = keyof PolicyTarget;
export type Rule =
  | { kind: 'always' }
  | { kind: 'never' }
  | { kind: 'role'; name: string }
  | { kind: 'system' }
  /** A claim that is this value. */
  | { kind: 'value'; claim: 'userId' | 'projectId' | 'domainId'; value: string }
  /** A claim that is what the object has. */
  | { kind: 'target'; claim: 'userId' | 'projectId'; attribute: Attribute }
  | { kind: 'rule'; name: string }
  | { kind: 'not'; of: Rule }
  | { kind: 'and' | 'or'; of: Rule[] };

/** Rules by their names. */
export type Rules = ReadonlyMap<string, Rule>;

/**
 * `passes`: the rule is fulfilled. `reaches`: by something that names who may go beyond the project of the token: system_scope, an id
 * that is written out, or rule:cloud_admin and rule:cloud_reader. A role alone does not: in its project everybody can have it.
 */
export interface Verdict {
  passes: boolean;
  reaches: boolean;
}

const MAX_DEPTH = 30;
const MAX_CHARACTERS = 4_096;
/** Those that mean everybody in their name, whatever project the token is of. */
const REACHING = new Set(['cloud_admin', 'cloud_reader']);
const CHECKS =
  'rule:NAME, role:NAME, project_id:%(project_id)s, user_id:%(user_id)s, project_id:, user_id: or domain_id: with an id, system_scope:all, @ (everybody) or ! (nobody)';

/** Why a text is no rule; the message is the end of a sentence. */
export class RuleError extends Error {}

/** @throws RuleError saying what is wrong and what is allowed. */
export const parseRule = (text: string): Rule => {
  if (text.length > MAX_CHARACTERS) throw new RuleError(`is longer than ${MAX_CHARACTERS} characters`);
  const words = text.match(/%\([^()\s]*\)s|[()]|(?:%\([^()\s]*\)s|[^\s()])+/g) ?? [];
  if (words.length === 0) throw new RuleError('is empty; write "@" for everybody, or "!" for nobody');
  const tokens = { words, at: 0 };
  const rule = parseOr(tokens, 0);
  const rest = tokens.words[tokens.at];
  if (rest !== undefined) throw new RuleError(`has ${JSON.stringify(rest)} where "and", "or" or the end should be`);
  return rule;
};

interface Tokens {
  words: readonly string[];
  at: number;
}

const takes = (tokens: Tokens, word: string): boolean => {
  if (tokens.words[tokens.at]?.toLowerCase() !== word) return false;
  tokens.at += 1;
  return true;
};

const listOf = (tokens: Tokens, word: 'and' | 'or', part: () => Rule): Rule => {
  const first = part();
  const of = [first];
  while (takes(tokens, word)) of.push(part());
  return of.length === 1 ? first : { kind: word, of };
};

const parseOr = (tokens: Tokens, depth: number): Rule => listOf(tokens, 'or', () => parseAnd(tokens, depth));
const parseAnd = (tokens: Tokens, depth: number): Rule => listOf(tokens, 'and', () => parseNot(tokens, depth));

const parseNot = (tokens: Tokens, depth: number): Rule => {
  if (depth > MAX_DEPTH) throw new RuleError(`is nested more than ${MAX_DEPTH} deep`);
  if (takes(tokens, 'not')) return { kind: 'not', of: parseNot(tokens, depth + 1) };
  if (takes(tokens, '(')) {
    const inner = parseOr(tokens, depth + 1);
    if (!takes(tokens, ')')) throw new RuleError('has a "(" without its ")"');
    return inner;
  }
  const word = tokens.words[tokens.at];
  if (word === undefined || /^(?:and|or|\))$/i.test(word))
    throw new RuleError(`has ${word === undefined ? 'its end' : JSON.stringify(word)} where a check should be; checks are ${CHECKS}`);
  tokens.at += 1;
  return checkOf(word);
};

const checkOf = (word: string): Rule => {
  if (word === '@') return { kind: 'always' };
  if (word === '!') return { kind: 'never' };
  const [, name = '', match = ''] = /^([^:]*):(.*)$/s.exec(word) ?? [];
  const unknown = () => new RuleError(`has the check ${JSON.stringify(word.slice(0, 80))}, which is not known here; checks are ${CHECKS}`);
  const [, attribute] = /^%\((?:target\.)?(\w+)\)s$/.exec(match) ?? [];
  if (match === '' || (attribute === undefined && /[%'"]/.test(match))) throw unknown();
  if (attribute !== undefined) {
    if (name === 'project_id' && attribute === 'project_id') return { kind: 'target', claim: 'projectId', attribute };
    if (name === 'user_id' && attribute === 'user_id') return { kind: 'target', claim: 'userId', attribute };
    throw unknown();
  }
  switch (name) {
    case 'rule':
      return { kind: 'rule', name: match };
    case 'role':
      return { kind: 'role', name: match.toLowerCase() };
    case 'project_id':
      return { kind: 'value', claim: 'projectId', value: match };
    case 'user_id':
      return { kind: 'value', claim: 'userId', value: match };
    case 'domain_id':
      return { kind: 'value', claim: 'domainId', value: match };
    case 'system_scope':
      if (match === 'all') return { kind: 'system' };
      break;
  }
  throw unknown();
};

/** Names of the rules that a rule leans on itself. */
export const namesIn = (rule: Rule): string[] => {
  if (rule.kind === 'rule') return [rule.name];
  if (rule.kind === 'not') return namesIn(rule.of);
  return rule.kind === 'and' || rule.kind === 'or' ? rule.of.flatMap(namesIn) : [];
};

/** What of an object a rule asks for, those that it leans on included. Rules must be without cycles. */
export const attributesIn = (rules: Rules, rule: Rule): Set<Attribute> => {
  if (rule.kind === 'target') return new Set([rule.attribute]);
  if (rule.kind === 'rule') return attributesIn(rules, rules.get(rule.name) ?? { kind: 'never' });
  const parts = rule.kind === 'not' ? [rule.of] : rule.kind === 'and' || rule.kind === 'or' ? rule.of : [];
  return new Set(parts.flatMap((part) => [...attributesIn(rules, part)]));
};

/** Names from the first to itself again; null: no rule leans on itself. */
export const cycleIn = (rules: Rules): string[] | null => {
  const done = new Set<string>();
  const walk = (name: string, path: readonly string[]): string[] | null => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    const rule = done.has(name) ? undefined : rules.get(name);
    done.add(name);
    for (const next of rule === undefined ? [] : namesIn(rule)) {
      const found = walk(next, [...path, name]);
      if (found !== null) return found;
    }
    return null;
  };
  for (const name of rules.keys()) {
    const found = walk(name, []);
    if (found !== null) return found;
  }
  return null;
};

const plain = (passes: boolean): Verdict => ({ passes, reaches: false });
const naming = (passes: boolean): Verdict => ({ passes, reaches: passes });

/** Whether the bearer of these claims fulfils a rule for an object. An empty claim fits nothing. */
export const judge = (rules: Rules, rule: Rule, claims: Claims, target: PolicyTarget): Verdict => {
  switch (rule.kind) {
    case 'always':
      return plain(true);
    case 'never':
      return plain(false);
    case 'role':
      return plain(claims.roles.some((role) => role.toLowerCase() === rule.name));
    case 'system':
      return naming(claims.isSystemScoped);
    case 'value':
      return naming(claims[rule.claim] === rule.value);
    case 'target': {
      const value = claims[rule.claim];
      return plain(value !== null && value !== '' && value === target[rule.attribute]);
    }
    case 'rule': {
      const verdict = judge(rules, rules.get(rule.name) ?? { kind: 'never' }, claims, target);
      // A token of a domain says nothing of the cloud, whatever its roles.
      const ofCloud = REACHING.has(rule.name) && (claims.projectId !== null || claims.isSystemScoped);
      return { passes: verdict.passes, reaches: verdict.reaches || (verdict.passes && ofCloud) };
    }
    case 'not':
      return plain(!judge(rules, rule.of, claims, target).passes);
    case 'and': {
      const verdicts = rule.of.map((part) => judge(rules, part, claims, target));
      const passes = verdicts.every((verdict) => verdict.passes);
      return { passes, reaches: passes && verdicts.some((verdict) => verdict.reaches) };
    }
    case 'or': {
      const met = rule.of.map((part) => judge(rules, part, claims, target)).filter((verdict) => verdict.passes);
      return { passes: met.length > 0, reaches: met.some((verdict) => verdict.reaches) };
    }
  }
};
