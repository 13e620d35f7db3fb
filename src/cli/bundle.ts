/** `seedbed bundle …`: addon bundles that clusters may choose. */
import type { Command } from 'commander';
import { ADDON_BUNDLES, DELETE_ADDON_BUNDLE, REGISTER_ADDON_BUNDLE, UPDATE_ADDON_BUNDLE } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { AddonBundle } from '../client/types.ts';
import { getAddonBundle, listAll } from './find.ts';
import { action, define, defineAtOnce, given } from './options.ts';
import { type CommonOptions, type Io, readInput, type Session } from './session.ts';
import { ageOf, fields, table } from './table.ts';

interface BundleOptions extends CommonOptions {
  file?: string;
  optionsSchema?: string;
  description?: string;
  idempotencyKey?: string;
}

export const addBundleCommands = (program: Command, io: Io): void => {
  const bundle = program.command('bundle').description('addon bundles that clusters may choose');
  withParts(
    defineAtOnce(bundle, 'register <name>', 'offer manifests to all projects (cloud admins)').requiredOption(
      '--file <file>',
      'the manifests, YAML of many documents; - reads standard input',
    ),
  ).action(action(io, register));
  withParts(
    defineAtOnce(bundle, 'update <bundle>', 'make the next revision; clusters keep theirs (cloud admins)').option(
      '--file <file>',
      'the manifests; they stay without it',
    ),
  ).action(action(io, update));
  define(bundle, 'list', 'list addon bundles').action(action(io, list));
  define(bundle, 'show <bundle>', 'show an addon bundle with its options').action(action(io, show));
  defineAtOnce(bundle, 'delete <bundle>', 'delete an addon bundle; refused while a cluster has it (cloud admins)').action(
    action(io, remove),
  );
};

const withParts = (command: Command): Command =>
  command
    .option('--options-schema <file>', 'JSON schema of the options')
    .option('--description <text>', 'what it is for')
    .option('--idempotency-key <key>', 'the same key with the same input is carried out once');

const partsOf = ({ file, optionsSchema, description }: BundleOptions): Record<string, unknown> =>
  given({
    manifests: file === undefined ? undefined : readInput(file),
    optionsSchema: optionsSchema === undefined ? undefined : readInput(optionsSchema),
    description,
  });

interface BundleAnswer {
  addonBundle: AddonBundle;
}

const register = async (session: Session, [name = '']: readonly string[], options: BundleOptions): Promise<void> => {
  const input = { name, ...partsOf(options), ...given({ idempotencyKey: options.idempotencyKey }) };
  const { addonBundle } = await session.client.mutate<BundleAnswer>(REGISTER_ADDON_BUNDLE, { input });
  session.print(addonBundle, () => bundleText(addonBundle));
};

const update = async (session: Session, [nameOrId = '']: readonly string[], options: BundleOptions): Promise<void> => {
  const parts = partsOf(options);
  if (Object.keys(parts).length === 0)
    throw new ClientError('USAGE', 'Nothing is to change: give --file or any of the options that --help lists.');
  const { uuid } = await getAddonBundle(session.client, nameOrId);
  const input = { addonBundleId: uuid, ...parts, ...given({ idempotencyKey: options.idempotencyKey }) };
  const { addonBundle } = await session.client.mutate<BundleAnswer>(UPDATE_ADDON_BUNDLE, { input });
  session.print(addonBundle, () => bundleText(addonBundle));
};

const list = async (session: Session): Promise<void> => {
  const bundles = await listAll<AddonBundle>(session.client, ADDON_BUNDLES, 'addonBundles');
  session.print(bundles, () =>
    table(
      ['NAME', 'REVISION', 'OBJECTS', 'AGE', 'DESCRIPTION'],
      bundles.map(({ name, revision, newestRevision, createdAt, description }) => [
        name,
        revision,
        newestRevision.objectCount,
        ageOf(createdAt, session.now()),
        description,
      ]),
      'No addon bundles.',
    ),
  );
};

const show = async (session: Session, [nameOrId = '']: readonly string[]): Promise<void> => {
  const bundle = await getAddonBundle(session.client, nameOrId);
  session.print(bundle, () => bundleText(bundle));
};

const remove = async (session: Session, [nameOrId = '']: readonly string[]): Promise<void> => {
  const { uuid } = await getAddonBundle(session.client, nameOrId);
  const { addonBundle } = await session.client.mutate<{ addonBundle: { uuid: string; name: string } }>(DELETE_ADDON_BUNDLE, {
    input: { addonBundleId: uuid },
  });
  session.print(addonBundle, () => `Addon bundle ${addonBundle.name} is deleted.\n`);
};

interface Schema {
  properties: Record<string, { type: string; format?: string; writeOnly?: boolean; description?: string; default?: unknown }>;
}

const bundleText = ({ name, uuid, description, revision, newestRevision }: AddonBundle): string => {
  const { properties } = JSON.parse(newestRevision.optionsSchema) as Schema;
  return [
    fields([
      ['name', name],
      ['id', uuid],
      ['description', description],
      ['revision', revision],
      ['kinds', newestRevision.kinds.join(', ')],
    ]),
    table(
      ['OPTION', 'TYPE', 'DEFAULT', 'DESCRIPTION'],
      Object.entries(properties).map(([option, one]) => [
        option,
        one.format === 'password' || one.writeOnly === true ? 'secret' : one.type,
        one.default === undefined ? 'required' : JSON.stringify(one.default),
        one.description ?? '',
      ]),
      'No options.',
    ),
  ].join('\n');
};
