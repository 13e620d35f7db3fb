/** OpenID Connect issuers whose tokens the API server takes. */
import { UserError } from './errors.ts';

export interface IssuerSpec {
  /** https://…, as it stands in the tokens' "iss". */
  url: string;
  /** A token must be for one of them. */
  audiences: string[];
  usernameClaim: string;
  /** Stands before each user's name, so that no token can name a user of Kubernetes' own. */
  usernamePrefix: string;
  /** Null: tokens bring no groups. */
  groupsClaim: string | null;
  groupsPrefix: string;
  /** Claims that a token must have, with their values. */
  requiredClaims: Record<string, string>;
  /** PEM of the authority that signs the issuer's certificate; null: those that everybody trusts. */
  caCertificate: string | null;
}

/** Before users' and groups' names, when nothing else is said. */
export const DEFAULT_PREFIX = 'oidc:';

/** Kubernetes' own users and groups begin so. */
const RESERVED = 'system:';

/** Of the tokens that a cluster makes for its own service accounts. */
export const ownIssuer = (dnsDomain: string): string => `https://kubernetes.default.svc.${dnsDomain}`;

/** What the API server would refuse at its start, and what would let a token be somebody else. @throws UserError INVALID_INPUT. */
export const checkIssuers = (issuers: readonly IssuerSpec[], dnsDomain: string, field: string[]): void => {
  for (const [i, { url, usernamePrefix, groupsPrefix, groupsClaim }] of issuers.entries()) {
    const at = (name: string) => [...field, String(i), name];
    if (issuers.findIndex((other) => other.url === url) !== i)
      throw invalid('This issuer is there twice; leave one of them out.', at('url'));
    if (url.includes('?')) throw invalid('The address of an issuer has no query; leave out what begins with "?".', at('url'));
    if (url === ownIssuer(dnsDomain))
      throw invalid("This is the cluster's own issuer, for its service accounts, whose tokens it takes anyway; leave it out.", at('url'));
    const prefixes: [string, string][] = [
      ['usernamePrefix', usernamePrefix],
      ...(groupsClaim === null ? [] : [['groupsPrefix', groupsPrefix] as [string, string]]),
    ];
    for (const [name, prefix] of prefixes)
      if (prefix === '' || prefix.startsWith(RESERVED) || RESERVED.startsWith(prefix))
        throw invalid(
          `${name} must not be empty and not begin as "${RESERVED}" does, for a token could be one of Kubernetes' own; choose another, such as "oidc:".`,
          at(name),
        );
  }
};

const invalid = (message: string, field: string[]): UserError => new UserError('INVALID_INPUT', message, { field });
