/** `seedbed template …`: the shapes of clusters. */
import type { Command } from 'commander';
import { CREATE_TEMPLATE, DELETE_TEMPLATE, TEMPLATES, UPDATE_TEMPLATE } from '../client/documents.ts';
import { ClientError } from '../client/errors.ts';
import type { Template } from '../client/types.ts';
import { leavesOf, mergeTrees } from '../lib/tree.ts';
import { getTemplate, listAll } from './find.ts';
import { action, collect, collectLabel, define, defineAtOnce, given, type Label, readWhole } from './options.ts';
import type { CommonOptions, Io, Session } from './session.ts';
import { ageOf, fields, table } from './table.ts';

interface FieldOptions extends CommonOptions {
  file?: string;
  image?: string;
  flavor?: string;
  kubernetesVersion?: string;
  externalNetwork?: string;
  fixedNetwork?: string;
  fixedSubnet?: string;
  keypair?: string;
  dnsNameserver?: string[];
  etcdVolumeSize?: number;
  visibility?: string;
  label?: Label[];
  idempotencyKey?: string;
}

export const addTemplateCommands = (program: Command, io: Io): void => {
  const template = program.command('template').description('shapes of clusters');
  withFields(defineAtOnce(template, 'create <name>', 'publish a shape of clusters'), 'CreateClusterTemplateInput').action(
    action(io, create),
  );
  withFields(defineAtOnce(template, 'update <template>', 'make the next revision; clusters keep theirs'), 'UpdateClusterTemplateInput')
    .option('--name <name>', 'its new name')
    .action(action(io, update));
  define(template, 'list', 'list templates').action(action(io, list));
  define(template, 'show <template>', 'show a template with its settings').action(action(io, show));
  defineAtOnce(template, 'delete <template>', 'delete a template; refused while clusters use it').action(action(io, remove));
};

const withFields = (command: Command, input: string): Command =>
  command
    .option('--file <file>', `YAML with any of ${input}'s fields; options win over it; - reads standard input`)
    .option('--image <image>', 'image that workers start from')
    .option('--flavor <flavor>', "the workers' size")
    .option('--kubernetes-version <version>', 'such as v1.36.3; the newest without it')
    .option('--external-network <network>', 'where floating IPs and the way out come from, if there are several')
    .option('--fixed-network <network>', "the workers' network; one is made without it")
    .option('--fixed-subnet <subnet>', "the workers' subnet")
    .option('--keypair <name>', 'key pair for SSH to workers')
    .option('--dns-nameserver <address>', 'may be repeated', collect)
    .option('--etcd-volume-size <GiB>', "size of etcd's volume", readWhole)
    .option('--visibility <who>', 'PRIVATE, or for cloud admins PUBLIC or HIDDEN')
    .option('--label <key=value>', "Magnum's labels, such as kube_tag=v1.36.3; may be repeated", collectLabel)
    .option('--idempotency-key <key>', 'the same key with the same input is carried out once');

/** What the file and the options say. */
const fieldsOf = (session: Session, options: FieldOptions): Record<string, unknown> => {
  const { image, flavor, kubernetesVersion, externalNetwork, fixedNetwork, fixedSubnet, keypair, visibility } = options;
  return {
    ...mergeTrees(options.file === undefined ? {} : session.readSettings(options.file), etcdOf(options.etcdVolumeSize)),
    ...given({ image, flavor, kubernetesVersion, externalNetwork, fixedNetwork, fixedSubnet, keypair, visibility }),
    ...given({ dnsNameservers: options.dnsNameserver, labels: options.label }),
  };
};

const create = async (session: Session, [name = '']: readonly string[], options: FieldOptions): Promise<void> => {
  const input = { ...fieldsOf(session, options), ...given({ idempotencyKey: options.idempotencyKey }), name };
  const { clusterTemplate } = await session.client.mutate<{ clusterTemplate: Template }>(CREATE_TEMPLATE, { input });
  session.print(clusterTemplate, () => templateText(clusterTemplate));
};

const update = async (session: Session, [nameOrId = '']: readonly string[], options: FieldOptions & { name?: string }): Promise<void> => {
  const fields = { ...fieldsOf(session, options), ...given({ name: options.name }) };
  if (Object.keys(fields).length === 0)
    throw new ClientError('USAGE', 'Nothing is to change: give --file or any of the options that --help lists.');
  const { uuid } = await getTemplate(session.client, nameOrId);
  const input = { ...fields, ...given({ idempotencyKey: options.idempotencyKey }), clusterTemplateId: uuid };
  const { clusterTemplate } = await session.client.mutate<{ clusterTemplate: Template }>(UPDATE_TEMPLATE, { input });
  session.print(clusterTemplate, () => templateText(clusterTemplate));
};

const etcdOf = (volumeSizeGiB: number | undefined): Record<string, unknown> =>
  volumeSizeGiB === undefined ? {} : { controlPlane: { etcd: { volumeSizeGiB } } };

const list = async (session: Session): Promise<void> => {
  const templates = await listAll<Template>(session.client, TEMPLATES, 'clusterTemplates');
  session.print(templates, () =>
    table(
      ['NAME', 'VISIBILITY', 'REVISION', 'KUBERNETES', 'FLAVOR', 'IMAGE', 'AGE'],
      templates.map(({ name, visibility, revision, spec, createdAt }) => [
        name,
        visibility,
        revision,
        spec.kubernetesVersion,
        spec.flavor,
        spec.image,
        ageOf(createdAt, session.now()),
      ]),
      'No templates.',
    ),
  );
};

const show = async (session: Session, [nameOrId = '']: readonly string[]): Promise<void> => {
  const template = await getTemplate(session.client, nameOrId);
  session.print(template, () => templateText(template));
};

const remove = async (session: Session, [nameOrId = '']: readonly string[]): Promise<void> => {
  const { uuid } = await getTemplate(session.client, nameOrId);
  const { clusterTemplate } = await session.client.mutate<{ clusterTemplate: { uuid: string; name: string } }>(DELETE_TEMPLATE, {
    input: { clusterTemplateId: uuid },
  });
  session.print(clusterTemplate, () => `Template ${clusterTemplate.name} is deleted.\n`);
};

const templateText = (template: Template): string =>
  fields([
    ['name', template.name],
    ['id', template.uuid],
    ['visibility', template.visibility],
    ['revision', template.revision],
    ...leavesOf(told(template.spec)).map(([name, value]) => [name, valueText(value)] as const),
  ]);

/** Of an addon that is off, its options say nothing. */
const told = (spec: Template['spec']): object => ({
  ...spec,
  addons: Object.fromEntries(Object.entries(spec.addons).map(([name, it]) => [name, it['enabled'] === false ? { enabled: false } : it])),
});

const valueText = (value: unknown): string | number | boolean | null => {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (!Array.isArray(value)) return JSON.stringify(value);
  return value.map((item) => (typeof item === 'string' ? item : JSON.stringify(item))).join(', ') || null;
};
