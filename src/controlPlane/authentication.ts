/** Structured authentication of the API server: who may ask without a name, and whose tokens are taken. */
import { stringify } from 'yaml';
import type { IssuerSpec } from '../domain/issuer.ts';

/**
 * Without any anonymous request the kubelet's probes fail and `kubeadm join` cannot read cluster-info before it trusts anybody
 * (a 401 there makes it hang); so anonymous is let in on exactly these paths.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#anonymous-authenticator-configuration
 */
const ANONYMOUS_PATHS = ['/livez', '/readyz', '/healthz', '/api/v1/namespaces/kube-public/configmaps/cluster-info'];

/** The text of the file behind --authentication-config; v1 since 1.34. */
export const buildAuthenticationConfig = (issuers: readonly IssuerSpec[]): string =>
  stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    ...(issuers.length > 0 && { jwt: issuers.map(authenticatorOf) }),
    anonymous: { enabled: true, conditions: ANONYMOUS_PATHS.map((path) => ({ path })) },
  });

const authenticatorOf = (issuer: IssuerSpec): object => ({
  issuer: {
    url: issuer.url,
    audiences: issuer.audiences,
    ...(issuer.audiences.length > 1 && { audienceMatchPolicy: 'MatchAny' }),
    ...(issuer.caCertificate !== null && { certificateAuthority: issuer.caCertificate }),
  },
  ...(Object.keys(issuer.requiredClaims).length > 0 && {
    claimValidationRules: Object.entries(issuer.requiredClaims).map(([claim, requiredValue]) => ({ claim, requiredValue })),
  }),
  claimMappings: {
    username: { claim: issuer.usernameClaim, prefix: issuer.usernamePrefix },
    ...(issuer.groupsClaim !== null && { groups: { claim: issuer.groupsClaim, prefix: issuer.groupsPrefix } }),
  },
});
