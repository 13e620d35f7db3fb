/** `seedbed template …`: the shapes of clusters. */
import type { Command } from 'commander';
import { CREATE_TEMPLATE, DELETE_TEMPLATE, TEMPLATES } from '../client/documents.ts';
import type { Template } from '../client/types.ts';
import { mergeTrees } from '../lib/tree.ts';
import { getTemplate, listAll } from './find.ts';
import { action, collect, collectLabel, define, given, type Label, readWhole } from './options.ts';
import { type CommonOptions, type Io, readSettings, type Session } from './session.ts';
import { ageOf, fields, table } from './table.ts';

interface CreateOptions extends CommonOptions {
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
  define(template, 'create <name>', 'publish a shape of clusters')
    .option('--file <file>', "YAML with any of CreateClusterTemplateInput's fields; options win over it; - reads standard input")
    .option('--image <image>', 'image that workers start from')
    .option('--flavor <flavor>', "the workers' size")
    .option('--kubernetes-version <version>', 'such as v1.36.3; the newest without it')
    .option('--external-network <network>', 'where floating IPs and the way out come from')
    .option('--fixed-network <network>', "the workers' network; one is made without it")
    .option('--fixed-subnet <subnet>', "the workers' subnet")
    .option('--keypair <name>', 'key pair for SSH to workers')
    .option('--dns-nameserver <address>', 'may be repeated', collect)
    .option('--etcd-volume-size <GiB>', "size of etcd's volume", readWhole)
    .option('--visibility <who>', 'PRIVATE, or for cloud admins PUBLIC or HIDDEN')
    .option('--label <key=value>', "Magnum's labels, such as kube_tag=v1.36.3; may be repeated", collectLabel)
    .option('--idempotency-key <key>', 'the same key with the same input is carried out once')
    .action(action(io, create));
  define(template, 'list', 'list templates').action(action(io, list));
  define(template, 'show <template>', 'show a template with its settings').action(action(io, show));
  define(template, 'delete <template>', 'delete a template; refused while clusters use it').action(action(io, remove));
};

const create = async (session: Session, [name = '']: readonly string[], options: CreateOptions): Promise<void> => {
  const { image, flavor, kubernetesVersion, externalNetwork, fixedNetwork, fixedSubnet, keypair, visibility, idempotencyKey } = options;
  const input = {
    ...mergeTrees(options.file === undefined ? {} : readSettings(options.file), etcdOf(options.etcdVolumeSize)),
    ...given({ image, flavor, kubernetesVersion, externalNetwork, fixedNetwork, fixedSubnet, keypair, visibility, idempotencyKey }),
    ...given({ dnsNameservers: options.dnsNameserver, labels: options.label }),
    name,
  };
  const { clusterTemplate } = await session.client.mutate<{ clusterTemplate: Template }>(CREATE_TEMPLATE, { input });
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
    ...Object.entries(template.spec).map(([name, value]) => [name, valueText(value)] as const),
  ]);

const valueText = (value: unknown): string | number | boolean | null => {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return Array.isArray(value) && value.length === 0 ? null : JSON.stringify(value);
};
