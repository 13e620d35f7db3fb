/** `seedbed gql`: a GraphQL document of one's own, with the login and the address of all other commands. */
import { type Command, InvalidArgumentError } from 'commander';
import { ConnectionLost } from '../client/client.ts';
import { ClientError, errorOfAnswer, errorOfProblem, type ProblemFields } from '../client/errors.ts';
import { action, define } from './options.ts';
import { type CommonOptions, type Io, readInput, type Session } from './session.ts';

interface GqlOptions extends CommonOptions {
  var?: Record<string, unknown>;
  variables?: Record<string, unknown>;
}

export const addGqlCommand = (program: Command, io: Io): void => {
  define(program, 'gql <document>', 'send a GraphQL document ("-": from standard input) and print the answer as JSON')
    .option('--var <name=value>', 'a variable, in JSON where it can be read so and else as text; may be given many times', collectVariable)
    .option('--variables <json>', 'all variables as an object; @FILE: those in a file', readVariables)
    .addHelpText('after', HELP)
    .action(action(io, gql));
};

const HELP = `
A subscription prints a line of JSON for each event, until it ends or is interrupted.
The exit status tells errors of the answer, and those that a mutation's result is (where the document asks for its __typename, or for code and message).`;

const collectVariable = (text: string, before: Record<string, unknown> = {}): Record<string, unknown> => {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be name=value.');
  const value = text.slice(at + 1);
  return { ...before, [text.slice(0, at)]: jsonOr(value, value) };
};

const jsonOr = (text: string, other: unknown): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return other;
  }
};

const readVariables = (text: string): Record<string, unknown> => {
  const value = jsonOr(text.startsWith('@') ? readInput(text.slice(1)) : text, undefined);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new InvalidArgumentError('It must be a JSON object.');
  return value as Record<string, unknown>;
};

const gql = async (session: Session, [given = '']: readonly string[], options: GqlOptions): Promise<void> => {
  const document = given === '-' ? readInput('-') : given;
  const variables = { ...options.variables, ...options.var };
  if (isSubscription(document)) return follow(session, document, variables);
  const answer = await session.client.ask(document, variables);
  session.io.out(`${JSON.stringify(answer, null, 2)}\n`);
  if (answer.errors !== undefined) throw errorOfAnswer(answer.errors);
  const problem = Object.values(answer.data ?? {}).find(isProblem);
  if (problem !== undefined)
    throw errorOfProblem({ ...problem, code: problem.code ?? 'FAILED', message: problem.message ?? problem.__typename });
};

const follow = async (session: Session, document: string, variables: Record<string, unknown>): Promise<void> => {
  try {
    for await (const data of session.client.subscribe(document, variables, { signal: session.io.signal }))
      session.io.out(`${JSON.stringify({ data })}\n`);
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    throw new ClientError('UNREACHABLE', `The connection ended (${error.closeCode}). Subscribe again, from your last event on.`, {
      cause: error,
    });
  }
};

/** Whether the first operation is one: what stands between braces, in texts and in comments says nothing of it. */
export const isSubscription = (document: string): boolean => {
  const bare = document.replace(/"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*/g, ' ');
  let depth = 0;
  const outside = [...bare].filter((letter) => {
    if (letter === '{' || letter === '(') depth += 1;
    if (letter === '}' || letter === ')') depth -= 1;
    return depth === 0;
  });
  return /\bsubscription\b/.test(
    outside
      .join('')
      .replace(/\bfragment\s+\w+/g, ' ')
      .replace(/\b(?:query|mutation)\s+\w+/g, ' '),
  );
};

type Problem = { __typename: string } & Partial<ProblemFields>;

const isProblem = (value: unknown): value is Problem => {
  if (value === null || typeof value !== 'object') return false;
  const { __typename: type, code, message } = value as Record<string, unknown>;
  return (typeof type === 'string' && type.endsWith('Error')) || (typeof code === 'string' && typeof message === 'string');
};
