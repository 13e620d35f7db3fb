/** Who gets in and what is written down of it, as input: audit, issuers, Keystone's roles. */
import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { DEFAULT_PREFIX } from '../domain/issuer.ts';
import { clearable, given, nameOrId, smallMap, tree } from './parse.ts';

const MAX_PEM = 65_536;

const PLAIN_URL = /^https:\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?([/?](%[0-9A-Fa-f]{2}|[A-Za-z0-9._~!$&'()*+,;=:@/?-])*)?$/;

/** No user, no fragment and no address of the machine itself: the request goes out from the seed. */
const httpsUrl = z
  .string()
  .max(2_048, 'must have at most 2048 characters')
  .refine(isPublicHttps, 'must be an https:// address of another machine, without user, password or fragment');

function isPublicHttps(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.hash !== '') return false;
  // Written as given in files and tokens, and read there by stricter parsers, at whose refusal an API server does not start.
  if (!PLAIN_URL.test(text) || url.port === '0') return false;
  return !/^(localhost\.?|.*\.localhost\.?|127\.[\d.]+|0\.0\.0\.0|169\.254\.[\d.]+|\[(::1?|fe[89ab].*|::ffff:.*)\])$/i.test(url.hostname);
}

const certificatePem = z
  .string()
  .max(MAX_PEM, `must have at most ${MAX_PEM} characters`)
  .refine(isCertificates, 'must be one or more certificates as PEM, and nothing else');

function isCertificates(text: string): boolean {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  const rest = blocks.reduce((left, block) => left.replace(block, ''), text);
  if (blocks.length === 0 || rest.trim() !== '') return false;
  try {
    for (const block of blocks) new X509Certificate(block);
    return true;
  } catch {
    return false;
  }
}

const orNull = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? null);

export const auditInput = tree({
  level: given(z.enum(['NONE', 'METADATA', 'REQUEST'], 'must be NONE, METADATA or REQUEST')),
  stdout: given(z.boolean()),
  webhook: clearable(z.strictObject({ url: httpsUrl, caCertificate: orNull(certificatePem) })),
});

const claim = z.string().min(1, 'must not be empty').max(253, 'must have at most 253 characters');
const prefix = z.string().max(253, 'must have at most 253 characters');

const issuerInput = z
  .strictObject({
    url: httpsUrl,
    audiences: z.array(nameOrId).min(1, 'must name at least one').max(10, 'must be at most 10'),
    usernameClaim: claim.nullish(),
    usernamePrefix: prefix.nullish(),
    groupsClaim: orNull(claim),
    groupsPrefix: prefix.nullish(),
    requiredClaims: smallMap(16).nullish(),
    caCertificate: orNull(certificatePem),
  })
  .transform(({ usernameClaim, usernamePrefix, groupsPrefix, requiredClaims, audiences, ...rest }) => ({
    ...rest,
    audiences: [...new Set(audiences)],
    usernameClaim: usernameClaim ?? 'sub',
    usernamePrefix: usernamePrefix ?? DEFAULT_PREFIX,
    groupsPrefix: groupsPrefix ?? DEFAULT_PREFIX,
    requiredClaims: requiredClaims ?? {},
  }));

const keystoneRoleInput = z.strictObject({
  role: nameOrId,
  access: z.enum(['ADMIN', 'EDITOR', 'VIEWER'], 'must be ADMIN, EDITOR or VIEWER'),
});

export const keystoneRolesInput = given(z.array(keystoneRoleInput).max(32, 'must be at most 32'));

export const issuersInput = given(z.array(issuerInput).max(8, 'must be at most 8'));
