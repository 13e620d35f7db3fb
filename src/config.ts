/** The configuration: the only reader of the environment. Every mistake is named at start, all at once. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import type { RateSettings } from './api/rates.ts';
import { KEYSTONE_ROLES, PolicyError, type RoleNames } from './domain/policy.ts';
import type { ProjectLimits } from './domain/projectQuota.ts';
import { OperationFileError, readOperationFolder, readPersisted } from './operationFiles.ts';
import { readPolicy } from './policyFile.ts';

const flag = z
  .union([z.boolean(), z.enum(['1', '0', 'true', 'false', 'yes', 'no'])])
  .transform((v) => v === true || v === '1' || v === 'true' || v === 'yes');
const list = z
  .union([z.array(z.string()), z.string().transform((text) => text.split(',').map((part) => part.trim()))])
  .transform((a) => a.filter((s) => s !== ''));
const file = z.string().transform((path, context) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    context.addIssue({ code: 'custom', message: `the file ${path} cannot be read` });
    return z.NEVER;
  }
});

/** A file that may change while the server runs: its path is kept beside what it holds at the start. */
const renewedFile = z.string().transform((path, context) => {
  const { data: text } = file.safeParse(path);
  if (text !== undefined) return { path, text };
  context.addIssue({ code: 'custom', message: `the file ${path} cannot be read` });
  return z.NEVER;
});

/** Name of the setting in the file → its variable in the environment. The table in docs/administrators.md is made from the same list. */
const SETTINGS = {
  listen: 'SEEDBED_LISTEN',
  pathPrefix: 'SEEDBED_PATH_PREFIX',
  data: 'SEEDBED_DATA',
  logLevel: 'SEEDBED_LOG_LEVEL',
  keystoneUrl: 'SEEDBED_KEYSTONE_URL',
  keystonePublicUrl: 'SEEDBED_KEYSTONE_PUBLIC_URL',
  keystoneUsername: 'SEEDBED_KEYSTONE_USERNAME',
  keystonePassword: 'SEEDBED_KEYSTONE_PASSWORD',
  keystoneUserDomain: 'SEEDBED_KEYSTONE_USER_DOMAIN',
  keystoneProject: 'SEEDBED_KEYSTONE_PROJECT',
  keystoneProjectDomain: 'SEEDBED_KEYSTONE_PROJECT_DOMAIN',
  cloudCa: 'SEEDBED_CLOUD_CA_FILE',
  cloudInterface: 'SEEDBED_CLOUD_INTERFACE',
  region: 'SEEDBED_REGION',
  encryptionKeyFile: 'SEEDBED_ENCRYPTION_KEY_FILE',
  tlsCertFile: 'SEEDBED_TLS_CERT_FILE',
  tlsKeyFile: 'SEEDBED_TLS_KEY_FILE',
  introspection: 'SEEDBED_INTROSPECTION',
  allowedOrigins: 'SEEDBED_ALLOWED_ORIGINS',
  policyFile: 'SEEDBED_POLICY_FILE',
  readerRoles: 'SEEDBED_READER_ROLES',
  memberRoles: 'SEEDBED_MEMBER_ROLES',
  projectAdminRoles: 'SEEDBED_PROJECT_ADMIN_ROLES',
  cloudAdminRoles: 'SEEDBED_CLOUD_ADMIN_ROLES',
  cloudReaderRoles: 'SEEDBED_CLOUD_READER_ROLES',
  trustRoles: 'SEEDBED_TRUST_ROLES',
  serviceType: 'SEEDBED_SERVICE_TYPE',
  serviceTokenRoles: 'SEEDBED_SERVICE_TOKEN_ROLES',
  userDomain: 'SEEDBED_USER_DOMAIN',
  imageRegistry: 'SEEDBED_IMAGE_REGISTRY',
  imageDigests: 'SEEDBED_IMAGE_DIGESTS_FILE',
  packageRepository: 'SEEDBED_PACKAGE_REPOSITORY',
  packageKey: 'SEEDBED_PACKAGE_KEY_FILE',
  egressCidrs: 'SEEDBED_EGRESS_CIDRS',
  sourceCidrs: 'SEEDBED_SOURCE_CIDRS',
  seedsOnLoopback: 'SEEDBED_SEEDS_ON_LOOPBACK',
  liveConnectionsPerUser: 'SEEDBED_LIVE_CONNECTIONS_PER_USER',
  clustersPerProject: 'SEEDBED_CLUSTERS_PER_PROJECT',
  nodesPerProject: 'SEEDBED_NODES_PER_PROJECT',
  workerVcpusPerProject: 'SEEDBED_WORKER_VCPUS_PER_PROJECT',
  controlPlaneReplicasPerProject: 'SEEDBED_CONTROL_PLANE_REPLICAS_PER_PROJECT',
  addressRequestsPerMinute: 'SEEDBED_ADDRESS_REQUESTS_PER_MINUTE',
  projectRequestsPerMinute: 'SEEDBED_PROJECT_REQUESTS_PER_MINUTE',
  projectMutationsPerMinute: 'SEEDBED_PROJECT_MUTATIONS_PER_MINUTE',
  trustedProxies: 'SEEDBED_TRUSTED_PROXIES',
  operations: 'SEEDBED_OPERATIONS_FOLDER',
  persisted: 'SEEDBED_PERSISTED_OPERATIONS_FILE',
  onlyKnownOperations: 'SEEDBED_ONLY_KNOWN_OPERATIONS',
  auditDays: 'SEEDBED_AUDIT_DAYS',
  driftSeconds: 'SEEDBED_DRIFT_SECONDS',
  cloudTimeoutSeconds: 'SEEDBED_CLOUD_TIMEOUT_SECONDS',
  cutOffSeconds: 'SEEDBED_CUT_OFF_SECONDS',
  drainSeconds: 'SEEDBED_DRAIN_SECONDS',
  autoscalerListen: 'SEEDBED_AUTOSCALER_LISTEN',
  autoscalerAddress: 'SEEDBED_AUTOSCALER_ADDRESS',
  backupListen: 'SEEDBED_BACKUP_LISTEN',
  backupAddress: 'SEEDBED_BACKUP_ADDRESS',
  backupFolder: 'SEEDBED_BACKUP_FOLDER',
  backupSwiftContainer: 'SEEDBED_BACKUP_SWIFT_CONTAINER',
  backupS3Endpoint: 'SEEDBED_BACKUP_S3_ENDPOINT',
  backupS3Bucket: 'SEEDBED_BACKUP_S3_BUCKET',
  backupS3Region: 'SEEDBED_BACKUP_S3_REGION',
  backupS3AccessKey: 'SEEDBED_BACKUP_S3_ACCESS_KEY',
  backupS3SecretKey: 'SEEDBED_BACKUP_S3_SECRET_KEY',
  backupS3SecretKeyFile: 'SEEDBED_BACKUP_S3_SECRET_KEY_FILE',
  backupS3Ca: 'SEEDBED_BACKUP_S3_CA_FILE',
} as const;

const PINNED = /^(\S+:[\w.-]+)@(sha256:[0-9a-f]{64})$/;
const digests = file.transform((text, context): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, image, digest] = PINNED.exec(line.trim()) ?? [];
    if (image === undefined || digest === undefined)
      context.addIssue({ code: 'custom', message: `line ${i + 1} of the file is not of the form registry.example/name:tag@sha256:…` });
    else found.set(image, digest);
  }
  return found;
});
/** With nothing before or behind it that a line of apt's source could be. */
const ARMOURED =
  /^(?=[\s\S]{1,4096}$)\s*-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n[\w+/=:.,@<>() \r\n-]+\r?\n-----END PGP PUBLIC KEY BLOCK-----\s*$/;
/** Mistakes of files are told as the setting's. */
const told =
  <Given, Made>(read: (given: Given) => Made) =>
  (given: Given, context: z.RefinementCtx): Made => {
    try {
      return read(given);
    } catch (error) {
      if (!(error instanceof OperationFileError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  };
const operationFolder = z.string().min(1).transform(told(readOperationFolder));
const persistedFile = file.transform(told(readPersisted));

const hostPort = z
  .string()
  .regex(/^\S+:\d{1,5}$/, 'must be host:port')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'must be host:port, with a port of at most 65535');
const ranges = list.pipe(z.array(z.cidrv4('must be IPv4 ranges such as 10.1.0.0/16'))).default([]);

/** In a URL or a path such a name is what it is. */
const plainName = z.string().regex(/^\w[\w.-]{2,62}$/, 'must have 3 to 63 letters, digits, dots, dashes and underscores');
/** Where backups are kept: in a folder that pods reach at an address of Seedbed's, in Swift or in S3; or nowhere. */
const backups = {
  /** host:port at which pods in the seeds put backups and get them. */
  backupListen: hostPort.nullable().default(null),
  /** host:port at which they reach it; its certificate is for this host. */
  backupAddress: hostPort.nullable().default(null),
  /** Where they are kept; null: "backups" in the data folder. */
  backupFolder: z.string().min(1).nullable().default(null),
  /** Of the cloud's Swift, in the project of Seedbed's own user. */
  backupSwiftContainer: plainName.nullable().default(null),
  backupS3Endpoint: z
    .url({ protocol: /^https$/, error: 'must be an https URL' })
    .regex(/^[^\s?#@]+$/, 'must be an https URL without a user or a query')
    .nullable()
    .default(null),
  backupS3Bucket: plainName.nullable().default(null),
  /** Null: us-east-1, which is what stores with one region call it. */
  backupS3Region: z
    .string()
    .regex(/^[\w-]{1,63}$/, 'must be the name of a region such as us-east-1')
    .nullable()
    .default(null),
  backupS3AccessKey: z
    .string()
    .regex(/^[^\s/]+$/, 'must be one word')
    .nullable()
    .default(null),
  backupS3SecretKey: z.string().min(1).nullable().default(null),
  /** In place of the key itself. */
  backupS3SecretKeyFile: file
    .transform((text) => text.trim())
    .pipe(z.string().min(1, 'the file is empty'))
    .nullable()
    .default(null),
  backupS3Ca: file.nullable().default(null),
};
type Backups = z.output<z.ZodObject<typeof backups>>;

/** What is wrong with them taken together, by the setting that is to blame. */
const backupMistakes = (c: Backups): [keyof Backups, string][] => {
  const ofFolder = (['backupListen', 'backupAddress', 'backupFolder'] as const).filter((name) => c[name] !== null);
  const ofS3 = (Object.keys(backups) as (keyof Backups)[]).filter((name) => name.startsWith('backupS3') && c[name] !== null);
  const found: [keyof Backups, string][] = [];
  if ((c.backupListen === null) !== (c.backupAddress === null))
    found.push(['backupAddress', 'backups need both an address to listen at and one that seeds reach it at']);
  const other = c.backupSwiftContainer !== null ? 'Swift' : ofS3.length > 0 ? 'S3' : undefined;
  if (other !== undefined)
    for (const name of ofFolder)
      found.push([name, `backups are kept in one place alone, and there are settings of ${other}: leave this one out, or those`]);
  if (c.backupSwiftContainer !== null && ofS3.length > 0)
    found.push(['backupSwiftContainer', 'backups are kept in one place alone, and there are settings of S3: leave this one out, or those']);
  if (ofS3.length > 0) {
    for (const name of ['backupS3Endpoint', 'backupS3Bucket', 'backupS3AccessKey'] as const)
      if (c[name] === null) found.push([name, 'is missing: S3 needs an endpoint, a bucket, an access key and a secret key']);
    if (c.backupS3SecretKey === null && c.backupS3SecretKeyFile === null)
      found.push(['backupS3SecretKey', 'is missing: S3 needs a secret key, here or in SEEDBED_BACKUP_S3_SECRET_KEY_FILE']);
    if (c.backupS3SecretKey !== null && c.backupS3SecretKeyFile !== null)
      found.push(['backupS3SecretKeyFile', 'there is a secret key in SEEDBED_BACKUP_S3_SECRET_KEY, too: leave one of them out']);
  }
  return found;
};

/** In a rule a name ends with a space or a parenthesis. */
const ROLE = /^[^\s()'"%:]{1,255}$/;
const roleNames = (usual: readonly string[]) =>
  list.pipe(z.array(z.string().regex(ROLE, 'must be names of roles without spaces, quotes, parentheses, "%" and ":"'))).default([...usual]);
/** Who may do what. */
const access = {
  /** Text of a policy.yaml, with rules in place of those built in. */
  policyFile: file.nullable().default(null),
  readerRoles: roleNames(KEYSTONE_ROLES.readers),
  memberRoles: roleNames(KEYSTONE_ROLES.members),
  projectAdminRoles: roleNames(KEYSTONE_ROLES.projectAdmins),
  cloudAdminRoles: roleNames(KEYSTONE_ROLES.cloudAdmins),
  /** For tokens of the system alone. */
  cloudReaderRoles: roleNames(KEYSTONE_ROLES.cloudReaders),
};
const accessSchema = z.object(access);
type Access = z.output<typeof accessSchema>;

/** What a project may have for which nobody set anything else. */
export const projectLimitsOf = (
  config: Pick<Config, 'clustersPerProject' | 'nodesPerProject' | 'workerVcpusPerProject' | 'controlPlaneReplicasPerProject'>,
): ProjectLimits => ({
  clusters: config.clustersPerProject,
  nodes: config.nodesPerProject,
  workerVcpus: config.workerVcpusPerProject,
  controlPlaneReplicas: config.controlPlaneReplicasPerProject,
});

/** How often may be asked. */
export const ratesOf = (
  config: Pick<Config, 'addressRequestsPerMinute' | 'projectRequestsPerMinute' | 'projectMutationsPerMinute'>,
): RateSettings => ({
  addressRequestsPerMinute: config.addressRequestsPerMinute,
  projectRequestsPerMinute: config.projectRequestsPerMinute,
  projectMutationsPerMinute: config.projectMutationsPerMinute,
});

export const roleNamesOf = (config: Access): RoleNames => ({
  readers: config.readerRoles,
  members: config.memberRoles,
  projectAdmins: config.projectAdminRoles,
  cloudAdmins: config.cloudAdminRoles,
  cloudReaders: config.cloudReaderRoles,
});

/** Of the policy alone: names of roles that no rule could hold are told by themselves. */
const policyMistakes = (config: Access): readonly string[] => {
  if (
    !Object.values(roleNamesOf(config))
      .flat()
      .every((name) => ROLE.test(name))
  )
    return [];
  try {
    readPolicy(config.policyFile, roleNamesOf(config));
    return [];
  } catch (error) {
    if (error instanceof PolicyError) return error.faults;
    throw error;
  }
};

const storage = z.object({
  /** Folder of the database and of the key made at the first start. */
  data: z.string().min(1).default('var'),
  encryptionKeyFile: z.string().nullable().default(null),
});

/** It stands in a header of answers, between quotes. */
const keystoneUrl = z.url({ protocol: /^https?$/ }).regex(/^[\x21\x23-\x7e]+$/);

/** -1: there is none. */
const limit = z.coerce.number().int().min(-1);
/** Likewise: so many at once, and as many a minute from then on. */
const rate = limit.max(1_000_000).refine((perMinute) => perMinute !== 0, 'must be at least 1, or -1 for no limit');
const proxies = list
  .pipe(z.array(z.union([z.ipv4(), z.cidrv4(), z.ipv6(), z.cidrv6()], 'must be addresses or ranges such as 10.1.0.0/16')))
  .default([]);

const schema = z
  .strictObject({
    /** host:port of GraphQL over HTTP, SSE and WebSocket. */
    listen: hostPort.default('127.0.0.1:4000'),
    /** Path before /graphql behind a proxy that serves other things, too; null: none. */
    pathPrefix: z
      .string()
      .regex(/^(\/[\w.~-]+)+$/, 'must be a path such as /kubernetes, with no slash at its end')
      .nullable()
      .default(null),
    ...storage.shape,
    logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    keystoneUrl,
    /** Where callers reach it; null: at `keystoneUrl`. */
    keystonePublicUrl: keystoneUrl.nullable().default(null),
    keystoneUsername: z.string().min(1),
    keystonePassword: z.string().min(1),
    keystoneUserDomain: z.string().default('Default'),
    keystoneProject: z.string().min(1),
    keystoneProjectDomain: z.string().default('Default'),
    cloudCa: file.nullable().default(null),
    cloudInterface: z.enum(['public', 'internal']).default('public'),
    region: z.string().nullable().default(null),
    tlsCertFile: renewedFile.nullable().default(null),
    tlsKeyFile: renewedFile.nullable().default(null),
    introspection: flag.default(false),
    allowedOrigins: list.default([]),
    ...access,
    /** What Keystone's catalogue calls Seedbed; null: tokens with access rules are refused. */
    serviceType: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,254}$/, 'must be a type of service such as container-infra')
      .nullable()
      .default(null),
    /** A token needs one of them to be taken as a service's. */
    serviceTokenRoles: roleNames(['service']),
    trustRoles: list.default(['member', 'load-balancer_member', 'creator']),
    /** Id or name of a Keystone domain in which each cluster gets a user of its own; null: Seedbed acts by trusts. */
    userDomain: z.string().nullable().default(null),
    imageRegistry: z.string().nullable().default(null),
    /** Upstream name with tag → digest. */
    imageDigests: digests.default(new Map()),
    /** URL of a flat apt repository with the kubelet and kubeadm, `{minor}` in place of the minor release; null: images have them. */
    packageRepository: z
      .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
      .regex(/^\S+$/)
      // It is an argument of Jobs and stands in user data, where many can read it.
      .refine(
        (url) => !/^[^/]*\/\/[^/?#]*@/.test(url),
        'must hold no user name or password, for machines and clusters show it: leave out what stands before the @',
      )
      .nullable()
      .default(null),
    packageKey: file.pipe(z.string().regex(ARMOURED, 'must be an armoured public key of 4096 bytes at the most')).nullable().default(null),
    /** Private addresses that API servers may call for customers: audit webhooks and token issuers. */
    egressCidrs: ranges,
    /** From where Seedbed itself calls clusters, which one that is not open to all must let in. */
    sourceCidrs: ranges,
    seedsOnLoopback: flag.default(false),
    /** How long a call to the cloud may take. */
    cloudTimeoutSeconds: z.coerce.number().min(1).max(30).default(30),
    /** How long a create whose answer was lost may still show up in the cloud before another is sent. */
    cutOffSeconds: z.coerce.number().min(0).max(300).default(15),
    /** How long the pods of a node that goes have to go before it; 0: they are not asked. */
    drainSeconds: z.coerce.number().min(0).max(86_400).default(300),
    /** WebSockets and SSE streams of one user in one project. */
    liveConnectionsPerUser: z.coerce.number().int().min(1).max(100_000).default(50),
    /** What a project may have until setQuota says otherwise; what is being deleted counts until it is gone. As Magnum's quota by default. */
    clustersPerProject: limit.default(20),
    nodesPerProject: limit.default(1_000),
    workerVcpusPerProject: limit.default(10_000),
    controlPlaneReplicasPerProject: limit.default(300),
    /** Far above what people, dashboards and pipelines ask, and below what would keep this one process from answering the others. */
    addressRequestsPerMinute: rate.default(12_000),
    projectRequestsPerMinute: rate.default(6_000),
    projectMutationsPerMinute: rate.default(600),
    /** Whose X-Forwarded-For says from which address a request comes. */
    trustedProxies: proxies,
    /** Documents that are served by their files' names. */
    operations: operationFolder.default([]),
    /** Texts of documents that may be asked for by their hashes. */
    persisted: persistedFile.default([]),
    /** No other documents are run than those and the ones of Seedbed's own client. */
    onlyKnownOperations: flag.default(false),
    /** How long rows of the audit log are kept; 0: for ever. */
    auditDays: z.coerce.number().int().min(0).max(36_500).default(365),
    driftSeconds: z.coerce.number().min(1).max(86_400).default(600),
    /** host:port at which cluster-autoscalers are served; null: they are not. */
    autoscalerListen: hostPort.nullable().default(null),
    /** host:port at which pods in the seeds reach it; its certificate is for this host. */
    autoscalerAddress: hostPort.nullable().default(null),
    ...backups,
  })
  .superRefine((c, context) => {
    for (const [name, message] of backupMistakes(c)) context.addIssue({ code: 'custom', path: [name], message });
    for (const message of policyMistakes(c)) context.addIssue({ code: 'custom', path: ['policyFile'], message });
  })
  .refine((c) => (c.autoscalerListen === null) === (c.autoscalerAddress === null), {
    path: ['autoscalerAddress'],
    message: 'cluster-autoscalers need both an address to listen at and one that seeds reach it at',
  })
  .refine((c) => c.userDomain === null || !c.trustRoles.includes('admin'), {
    path: ['trustRoles'],
    message: "clusters' own users would be administrators of the cloud: leave out the role admin",
  })
  .refine((c) => (c.packageRepository === null) === (c.packageKey === null), {
    path: ['packageKey'],
    message: 'a package repository needs the key that signs it, and that key its repository',
  })
  .refine((c) => (c.tlsCertFile === null) === (c.tlsKeyFile === null), {
    path: ['tlsKeyFile'],
    message: 'TLS needs both a certificate and a key',
  });

export type Config = Readonly<z.infer<typeof schema>>;

export class ConfigError extends Error {}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Environment over file (YAML, the same names in camelCase, path in SEEDBED_CONFIG) over defaults.
 * Throws ConfigError with one line for each mistake; values are never repeated, for they may be secrets.
 */
export const readConfig = (environment: Environment = process.env, overrides: Partial<z.input<typeof schema>> = {}): Config => {
  const parsed = schema.safeParse({ ...settingsIn(environment), ...overrides }, { reportInput: true });
  if (parsed.success) return Object.freeze(parsed.data);
  const lines = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? '');
    const variable = name in SETTINGS ? ` (${SETTINGS[name as keyof typeof SETTINGS]})` : '';
    const message =
      issue.code === 'unrecognized_keys'
        ? `unknown setting ${issue.keys.join(', ')}`
        : missing(issue)
          ? 'is missing'
          : Number.isNaN(issue.input)
            ? 'must be a number'
            : issue.message;
    return `  ${name === '' ? '' : `${name}${variable}: `}${message}`;
  });
  throw new ConfigError(`The configuration has ${lines.length} mistake${lines.length === 1 ? '' : 's'}:\n${lines.join('\n')}`);
};

/** Where the database and its keys are, for those who need nothing else: no cloud has to be named. Throws ConfigError as readConfig. */
export const readStorage = (environment: Environment, overrides: { data?: string } = {}): z.output<typeof storage> =>
  readPart(storage, { ...settingsIn(environment), ...overrides });

/** Who may do what, likewise. */
export const readAccess = (environment: Environment): Access => {
  const access = readPart(accessSchema, settingsIn(environment));
  const mistakes = policyMistakes(access);
  if (mistakes.length > 0)
    throw new ConfigError(`The policy in ${SETTINGS.policyFile} has mistakes:\n${mistakes.map((line) => `  ${line}`).join('\n')}`);
  return access;
};

const readPart = <Part extends z.ZodType>(part: Part, given: object): z.output<Part> => {
  const parsed = part.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new ConfigError(
    `The configuration has a mistake: ${parsed.error.issues.map(({ path, message }) => `${path}: ${message}`).join('; ')}`,
  );
};

/** Whether anything says which cloud to serve; without it the first try brings its own. */
export const namesCloud = (environment: Environment = process.env): boolean =>
  environment['SEEDBED_CONFIG'] !== undefined || environment[SETTINGS.keystoneUrl] !== undefined;

/** The environment for the parts that take it as an argument: the CLI reads OS_* from it. */
export const currentEnvironment = (): Environment => process.env;

/** Once they are read: a report that Node writes of a crash lists the environment, and a program that is started would inherit it. */
export const forgetSecrets = (): void => {
  for (const name of [SETTINGS.keystonePassword, SETTINGS.backupS3SecretKey]) delete process.env[name];
};

/** As they were given: the environment wins over the file. */
const settingsIn = (environment: Environment): object => {
  const path = environment['SEEDBED_CONFIG'];
  const fromFile = path === undefined ? {} : readFile(path);
  const fromEnvironment = Object.fromEntries(
    Object.entries(SETTINGS)
      .map(([name, variable]) => [name, environment[variable]] as const)
      .filter(([, value]) => value !== undefined && value !== ''),
  );
  return { ...fromFile, ...fromEnvironment };
};

const missing = (issue: z.core.$ZodIssue): boolean => issue.code === 'invalid_type' && issue.input === undefined;

const readFile = (path: string): object => {
  try {
    const value: unknown = parse(readFileSync(path, 'utf8'));
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  } catch {
    throw new ConfigError(`The configuration file ${path} cannot be read as YAML.`);
  }
  throw new ConfigError(`The configuration file ${path} must hold settings by name.`);
};
