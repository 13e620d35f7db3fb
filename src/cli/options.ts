/** Options that many commands share, and how their values are read. */
import { type Command, type CommandOptions, InvalidArgumentError, Option } from 'commander';
import { ClientError } from '../client/errors.ts';
import { inOptions } from './fieldNames.ts';
import { type CommonOptions, type Io, openSession, type Session, type WaitFlags } from './session.ts';

/** A command below a noun, with the options of every command. */
export const define = (noun: Command, usage: string, description: string, how: CommandOptions = {}): Command =>
  noun
    .command(usage, how)
    .description(description)
    .option('--json', 'print JSON for scripts')
    .option('--url <url>', 'address of the API; SEEDBED_URL, or http://127.0.0.1:4000/graphql without it')
    .option('--os-cloud <name>', 'cloud of clouds.yaml to log in with; OS_CLOUD without it');

/** A change that is over when the command returns: --wait is taken as by every change, so that scripts need not know which is which. */
export const defineAtOnce = (noun: Command, usage: string, description: string, how: CommandOptions = {}): Command =>
  define(noun, usage, description, how).option('--wait', 'taken as by every change; this one is over when the command returns');

/** Also the options of commands that start an operation. */
export const defineChange = (noun: Command, usage: string, description: string): Command =>
  withProgress(
    define(noun, usage, description).addOption(
      new Option('--wait', 'draw the progress to its end (what happens without it, too)').default(true),
    ),
  );

/** Likewise, of what counts from the moment at which it is acknowledged: it is waited for by who asks for that. */
export const defineCounting = (noun: Command, usage: string, description: string): Command =>
  withProgress(
    define(noun, usage, description).option('--wait', 'draw the progress to its end; it counts from the moment it is acknowledged'),
  );

const withProgress = (command: Command): Command =>
  command
    .option('--no-wait', 'return as soon as it is acknowledged')
    .addOption(new Option('--timeout <duration>', 'wait no longer than this, such as 90s, 10m or 1h').argParser(readDuration))
    .option('--idempotency-key <key>', 'the same key with the same input is carried out once');

/** Runs with a session of its own; commander hands over arguments, then the options. */
export const action =
  <Options extends CommonOptions>(io: Io, work: (session: Session, args: readonly string[], options: Options) => Promise<void>) =>
  async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const options = given.at(-2) as Options;
    const args = given.slice(0, -2).flat() as string[];
    const session = openSession(io, options);
    try {
      await work(session, args, options);
    } catch (error) {
      throw inOptions(error, command, session.file());
    }
  };

export type ChangeOptions = CommonOptions & WaitFlags;

/** In milliseconds. */
export const readDuration = (text: string): number => {
  const match = /^(\d+(?:\.\d+)?)(s|m|h|d)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It must be a duration such as 90s, 10m, 1h or 7d.');
  return Number(match[1]) * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[(match[2] ?? 's') as 's' | 'm' | 'h' | 'd'];
};

/** As ISO 8601. Throws ClientError USAGE naming the option. */
export const readTime = (text: string, option: string): string => {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new ClientError('USAGE', `${option} must be a time such as 2027-01-01 or 2027-01-01T08:00:00Z.`);
  return new Date(ms).toISOString();
};

export const readWhole = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
};

export interface Label {
  key: string;
  value: string;
}

/** For an option that may be given many times. */
export const collectLabel = (text: string, before: Label[] = []): Label[] => {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be key=value.');
  return [...before, { key: text.slice(0, at), value: text.slice(at + 1) }];
};

export const collect = (text: string, before: string[] = []): string[] => [...before, text];

/** Only what was given: an input says nothing of what was left out. */
export const given = (input: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
