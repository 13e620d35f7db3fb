/** The audit log: who asked for which mutation, from where, and what came of it; of its input whatever can hold no secret. */

/** How the caller's token came to be. */
export type TokenKind = 'PASSWORD' | 'APPLICATION_CREDENTIAL' | 'TRUST' | 'FEDERATED' | 'OTHER';

/** ACCEPTED: done with it, in one transaction; REPLAYED: answered as an earlier call with its idempotency key was; REFUSED: nothing was done. */
export type AuditOutcome = 'ACCEPTED' | 'REPLAYED' | 'REFUSED';

/** What is known of a call beside its caller. */
export interface Trail {
  /** The caller's: the other end of the connection, or what trusted proxies say before it. */
  address: string | null;
  /** X-Forwarded-For as it came, cut short: worth as much as who sets it. */
  forwardedFor: string | null;
  /** Cut short. */
  userAgent: string | null;
  /** As `auditedInput` makes it. */
  input: unknown;
}

/** Methods of Keystone's that stand for an identity provider elsewhere. */
const FEDERATED = ['mapped', 'saml2', 'openid', 'oidc', 'kerberos', 'x509'];

export const tokenKindOf = (token: {
  methods: readonly string[];
  applicationCredentialId: string | null;
  isTrustScoped: boolean;
}): TokenKind => {
  if (token.applicationCredentialId !== null) return 'APPLICATION_CREDENTIAL';
  if (token.isTrustScoped) return 'TRUST';
  // A token that was made of another one has the methods of both.
  if (token.methods.some((method) => FEDERATED.includes(method))) return 'FEDERATED';
  return token.methods.includes('password') ? 'PASSWORD' : 'OTHER';
};

/** Fields of inputs whose text is written down. The text of any other is not: a field that is new says nothing until it stands here. */
const PLAIN: ReadonlySet<string> = new Set(
  `access additionalNetworks addonBundleId allowedCidrs applicationCredentialId audiences autoCompaction autoUpgrade availabilityZone
  availabilityZones backend backupId backups clusterId clusterTemplate clusterTemplateId confirmClusterName days defragSchedule description
  dnsDomain dnsNameservers dockerStorageDriver effect encryption existingPorts exposure externalNetwork fileSystem fixedNetwork fixedSubnet
  fixedSubnetV6 flavor floatingIps groupsClaim groupsPrefix healingProblems image ipFamilies keep key keypair kubeconfigId kubernetesVersion
  level loadBalancerProvider loadBalancers masterFlavor maxSurge maxUnavailable mode name network networkDriver nodeCidr nodeCidrV6
  nodeGroupId nodeId nodesToRemove onBlockedDrain operationId orphanIds podCidr podCidrV6 priorityClass problems projectId reason reclaim region role
  schedule securityGroups seed seedId serverGroupPolicy serviceCidr serviceCidrV6 serviceType snapshots startTime storageClass subnets
  timeZone tunnel type usernameClaim usernamePrefix version visibility vnicType volumeDriver volumes volumeType workerFlavor`.split(/\s+/),
);

/** Fields whose text may hold a secret, or is long and tells nothing; tests know by this list that a field was thought of. */
export const HIDDEN: ReadonlySet<string> = new Set(
  'applicationCredentialSecret caCertificate cloudInit csr idempotencyKey kubeconfig manifests optionsSchema url value'.split(' '),
);

export const isPlain = (field: string): boolean => PLAIN.has(field);

const MOST_TEXT = 200;
const MOST_ENTRIES = 100;
/** Characters of JSON. */
const MOST_INPUT = 8_192;

/** In place of a text that is not written down. */
const REDACTED = '[redacted]';

/**
 * A mutation's input as the log keeps it: numbers and choices as they are, texts of fields that can hold no secret cut to 200 characters,
 * and every other text as `[redacted]`. What would take more than 8 KiB of JSON is `{ leftOut: characters }`.
 */
export const auditedInput = (input: unknown): unknown => {
  const kept = audited(input, '');
  const length = JSON.stringify(kept)?.length ?? 0;
  return length > MOST_INPUT ? { leftOut: length } : kept;
};

const audited = (value: unknown, field: string): unknown => {
  if (typeof value === 'string') return isPlain(field) ? shortened(value, MOST_TEXT) : REDACTED;
  if (Array.isArray(value)) return value.slice(0, MOST_ENTRIES).map((item) => audited(item, field));
  if (value === null || typeof value !== 'object') return value ?? null;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([name, inner]) => [name, audited(inner, name)]),
  );
};

const CONTROL = /\p{Cc}/gu;

/** At most so many characters, none of them a control character. */
export const shortened = (text: string, most: number): string => {
  const plain = text.replace(CONTROL, ' ');
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain;
};

/** What a mutation is about, by the first field that names it; the id as the caller gave it. */
const TARGETS: readonly (readonly [field: string, kind: string])[] = [
  ['nodeGroupId', 'NODE_GROUP'],
  ['nodeId', 'NODE'],
  ['backupId', 'BACKUP'],
  ['operationId', 'OPERATION'],
  ['kubeconfigId', 'KUBECONFIG'],
  ['clusterId', 'CLUSTER'],
  ['clusterTemplateId', 'TEMPLATE'],
  ['addonBundleId', 'ADDON_BUNDLE'],
  ['seedId', 'SEED'],
];

export const askedTarget = (input: object): { kind: string | null; id: string | null } => {
  const given = new Map(Object.entries(input));
  const found = TARGETS.find(([field]) => typeof given.get(field) === 'string');
  return found === undefined ? { kind: null, id: null } : { kind: found[1], id: shortened(String(given.get(found[0])), MOST_TEXT) };
};
