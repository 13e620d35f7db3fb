/** The operator's policy.yaml: rules by their names, in oslo.policy's syntax, in place of those built in. */
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { ACTIONS, actionNames, baseRules, createPolicy, type Override, type Policy, PolicyError, type RoleNames } from './domain/policy.ts';

/** `text`: of the file; null: there is none. @throws PolicyError with a line for each mistake. */
export const readPolicy = (text: string | null, roles: RoleNames): Policy => createPolicy(roles, text === null ? [] : overridesIn(text));

/** @throws PolicyError. */
const overridesIn = (text: string): Override[] => {
  const lines = new LineCounter();
  const lineAt = (at: number | undefined): number => lines.linePos(at ?? 0).line;
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: false, schema: 'failsafe' });
  const [fault] = document.errors;
  if (fault !== undefined)
    throw new PolicyError([
      `line ${lineAt(fault.pos[0])}: ${fault.code === 'DUPLICATE_KEY' ? 'a rule is there twice; keep one of them' : 'this is not well-formed YAML'}`,
    ]);
  const { contents } = document;
  // A file with nothing but comments, as "seedbed policy" prints it, changes nothing.
  if (contents === null || (isScalar(contents) && contents.value === '')) return [];
  if (!isMap(contents))
    throw new PolicyError([
      `line ${lineAt(contents.range?.[0])}: this is no map of rules; write lines such as "seedbed:cluster:create": "rule:project_admin"`,
    ]);
  const faults: string[] = [];
  const found = contents.items.flatMap(({ key, value }): Override[] => {
    const name = isScalar(key) && typeof key.value === 'string' ? key.value : '';
    const line = lineAt(isScalar(key) ? key.range?.[0] : contents.range?.[0]);
    if (isScalar(value) && typeof value.value === 'string' && name !== '') return [{ name, check: value.value, line }];
    faults.push(`line ${line}: the rule ${name} is no text; lists are not taken here: write "and", "or", "not" and parentheses, in quotes`);
    return [];
  });
  if (faults.length > 0) throw new PolicyError(faults);
  return found;
};

/** Every rule as it is in force, as a policy.yaml with what each is for; those that are as built in are commented out. */
export const printPolicy = (text: string | null, roles: RoleNames): string => {
  readPolicy(text, roles);
  const overrides = new Map((text === null ? [] : overridesIn(text)).map(({ name, check }) => [name, check]));
  const builtIn = [...baseRules(roles), ...actionNames.map((action) => ({ ...ACTIONS[action], name: ACTIONS[action].rule }))];
  const names = new Set(builtIn.map(({ name }) => name));
  const own = [...overrides.keys()]
    .filter((name) => !names.has(name))
    .map((name) => ({ name, check: '', what: 'Of the policy file alone.' }));
  const blocks = [...own, ...builtIn].map(({ name, check, what }) => {
    const other = overrides.get(name);
    const line = `${JSON.stringify(name)}: ${JSON.stringify(other ?? check)}`;
    return `# ${what}\n${other === undefined ? `#${line}` : line}\n`;
  });
  return blocks.join('\n');
};
