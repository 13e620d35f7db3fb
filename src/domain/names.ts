/** Names that customers and operators give. */

/** Kubernetes' own rule for names (RFC 1123 label): lower-case letters, digits and hyphens between letters or digits. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const PRINTABLE = /^[\p{L}\p{N}](?:[\p{L}\p{N} ._()+:-]*[\p{L}\p{N})])?$/u;

/** The name stands in server and object names with other parts beside it, which together may have 63 characters. */
export const MAX_CLUSTER_NAME = 40;
export const MAX_NODE_GROUP_NAME = 30;
export const MAX_SEED_NAME = 63;
export const MAX_TEMPLATE_NAME = 100;

/** What is wrong with a DNS label of at most `max` characters, as a sentence; null: nothing. */
export const faultOfLabel = (name: string, max: number): string | null =>
  name.length >= 1 && name.length <= max && LABEL.test(name)
    ? null
    : `must be 1 to ${max} lower-case letters, digits and "-", beginning and ending with a letter or digit (such as "web-1").`;

/** Templates are for people, so they may have capitals, blanks and some signs. */
export const faultOfTitle = (name: string, max: number): string | null =>
  name.length >= 1 && name.length <= max && PRINTABLE.test(name)
    ? null
    : `must be 1 to ${max} letters, digits, blanks and . _ - + : ( ), beginning with a letter or digit.`;
