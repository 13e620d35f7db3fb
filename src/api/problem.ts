/** Errors as data: the interface that every typed error of a mutation implements, and which error a code becomes. */
import type { ErrorCode, Problem, QuotaFigures } from '../domain/errors.ts';
import { sourceOf } from '../domain/quota.ts';
import { remedyOf } from '../domain/remedy.ts';
import { builder } from './builder.ts';
import { ErrorCodeEnum, QuotaSourceEnum, WhoMustActEnum } from './enums.ts';

const OpenStackOriginType = builder.objectRef<NonNullable<Problem['openstack']>>('OpenStackOrigin').implement({
  description: 'The answer of OpenStack that a problem comes from.',
  fields: (t) => ({
    service: t.exposeString('service', { description: 'The service, such as compute.' }),
    status: t.exposeInt('status', { description: 'HTTP status.' }),
    requestId: t.exposeString('requestId', { nullable: true, description: "OpenStack's request id, for its operators." }),
  }),
});

const QuotaFiguresType = builder.objectRef<QuotaFigures>('QuotaFigures').implement({
  description: 'The figures of a quota that is short.',
  fields: (t) => ({
    source: t.field({ type: QuotaSourceEnum, description: 'Whose quota it is, and so who has more to give.', resolve: sourceOf }),
    resource: t.exposeString('resource', { description: 'What is limited, such as instances.' }),
    used: t.exposeInt('used', { nullable: true, description: 'In use now.' }),
    limit: t.exposeInt('limit', { nullable: true, description: 'The limit.' }),
    requested: t.exposeInt('requested', { nullable: true, description: 'Asked for.' }),
  }),
});

const ProblemInterface = builder.interfaceRef<Problem>('Problem').implement({
  description: 'What went wrong, for a person and for a program.',
  fields: (t) => ({
    code: t.expose('code', { type: ErrorCodeEnum, description: 'For programs.' }),
    message: t.exposeString('message', { description: 'A sentence: what is wrong and what to do.' }),
    retryable: t.exposeBoolean('retryable', { description: 'The same call may succeed later without anybody changing anything.' }),
    whoMustAct: t.expose('whoMustAct', { type: WhoMustActEnum, description: 'Whose move it is.' }),
    field: t.exposeStringList('field', {
      nullable: true,
      description: 'Path of the input field that is to blame, such as ["nodeGroups", "0", "flavor"].',
    }),
    remedy: t.string({ description: 'What to do about such a problem, in a sentence.', resolve: remedyOf }),
    openstack: t.expose('openstack', { type: OpenStackOriginType, nullable: true, description: 'Set when OpenStack said so.' }),
  }),
});

const quotasOf = ({ quota, quotas }: Problem): QuotaFigures[] => quotas ?? (quota === null ? [] : [quota]);

/** A stored problem of an object, which is not the answer to a call. */
export const FaultType = builder.objectRef<Problem>('Fault').implement({
  description: 'A problem of an object or an operation.',
  interfaces: [ProblemInterface],
  fields: (t) => ({
    quota: t.expose('quota', { type: QuotaFiguresType, nullable: true, description: 'The first of `quotas`.' }),
    quotas: t.field({ type: [QuotaFiguresType], description: 'Each quota that is short.', resolve: quotasOf }),
  }),
});

const ERROR_TYPES = {
  InvalidInputError: 'The input is wrong; `field` says where.',
  NotFoundError: 'The object is not there, or not yours to see.',
  ConflictError: "The object's state does not allow this, or somebody else was faster.",
  ForbiddenError: 'A role is missing.',
  QuotaError: "A quota of the project is used up, OpenStack's or Seedbed's own; `quotas { source }` says which.",
  UnavailableError: 'The cloud, the seed or the cluster does not answer, or refused.',
} as const;

export type ErrorTypeName = keyof typeof ERROR_TYPES;

/** Each code that a command may answer. Codes that are missing here are masked. */
const TYPE_OF_CODE: Partial<Record<ErrorCode, ErrorTypeName>> = {
  INVALID_INPUT: 'InvalidInputError',
  UNSUPPORTED_VERSION: 'InvalidInputError',
  OVERLAPPING_CIDR: 'InvalidInputError',
  UNKNOWN_LABEL: 'InvalidInputError',
  KUBECONFIG_REFUSED: 'InvalidInputError',
  NOT_FOUND: 'NotFoundError',
  CONFLICT: 'ConflictError',
  NAME_TAKEN: 'ConflictError',
  GENERATION_MISMATCH: 'ConflictError',
  IDEMPOTENCY_MISMATCH: 'ConflictError',
  IN_USE: 'ConflictError',
  DELETION_PROTECTED: 'ConflictError',
  FORBIDDEN: 'ForbiddenError',
  QUOTA_EXCEEDED: 'QuotaError',
  CLOUD_REFUSED: 'UnavailableError',
  CLOUD_UNAVAILABLE: 'UnavailableError',
  CLOUD_CREDENTIAL: 'UnavailableError',
  IMAGE_GONE: 'UnavailableError',
  FLAVOR_GONE: 'UnavailableError',
  KEYPAIR_GONE: 'UnavailableError',
  VOLUME_TYPE_GONE: 'UnavailableError',
  PORT_GONE: 'UnavailableError',
  ADDRESSES_EXHAUSTED: 'UnavailableError',
  NO_VALID_HOST: 'UnavailableError',
  SERVER_BUILD_FAILED: 'UnavailableError',
  VOLUME_BUILD_FAILED: 'UnavailableError',
  SERVER_FAULT: 'UnavailableError',
  SEED_UNAVAILABLE: 'UnavailableError',
  SEED_REFUSED: 'UnavailableError',
  CLUSTER_UNAVAILABLE: 'UnavailableError',
  QUORUM_LOST: 'UnavailableError',
};

export const errorTypeOf = (code: ErrorCode): ErrorTypeName | undefined => TYPE_OF_CODE[code];

/** A problem as the answer of a mutation. */
export interface ProblemAnswer extends Problem {
  errorType: ErrorTypeName;
}

const errorType = (name: ErrorTypeName) =>
  builder.objectRef<ProblemAnswer>(name).implement({
    description: ERROR_TYPES[name],
    interfaces: [ProblemInterface],
    isTypeOf: (value) => typeof value === 'object' && value !== null && 'errorType' in value && value.errorType === name,
    ...(name === 'QuotaError' && {
      fields: (t) => ({
        quota: t.expose('quota', { type: QuotaFiguresType, nullable: true, description: 'The first of `quotas`.' }),
        quotas: t.field({ type: [QuotaFiguresType], description: 'Each quota that is short.', resolve: quotasOf }),
      }),
    }),
  });

export const errorTypes = {
  InvalidInputError: errorType('InvalidInputError'),
  NotFoundError: errorType('NotFoundError'),
  ConflictError: errorType('ConflictError'),
  ForbiddenError: errorType('ForbiddenError'),
  QuotaError: errorType('QuotaError'),
  UnavailableError: errorType('UnavailableError'),
};
