/** The errors an API server answers, as the `Status` objects that kubectl and client libraries read. */
import type { Dict } from './objects.ts';

export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: Dict | undefined;
  constructor(code: number, reason: string, message: string, details?: Dict) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
  toStatus(): Dict {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

interface Named {
  group: string;
  plural: string;
}

const qualified = (kind: Named): string => (kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`);
const detailsOf = (kind: Named, name: string): Dict => ({ name, ...(kind.group ? { group: kind.group } : {}), kind: kind.plural });

export const notFound = (kind: Named, name: string): StatusError =>
  new StatusError(404, 'NotFound', `${qualified(kind)} "${name}" not found`, detailsOf(kind, name));

export const alreadyExists = (kind: Named, name: string): StatusError =>
  new StatusError(409, 'AlreadyExists', `${qualified(kind)} "${name}" already exists`, detailsOf(kind, name));

export const conflict = (kind: Named, name: string, why: string): StatusError =>
  new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${why}`, detailsOf(kind, name));

export const forbidden = (kind: Named, name: string, why: string): StatusError =>
  new StatusError(403, 'Forbidden', `${qualified(kind)}${name ? ` "${name}"` : ''} is forbidden: ${why}`, detailsOf(kind, name));

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message);

/** `causes`: the field paths that are to blame, each with what is wrong. */
export const invalid = (kind: Named & { kind: string }, name: string, causes: { field: string; message: string }[]): StatusError => {
  const said = causes.map((c) => `${c.field}: ${c.message}`);
  return new StatusError(
    422,
    'Invalid',
    `${kind.kind}${kind.group ? `.${kind.group}` : ''} "${name}" is invalid: ${said.length > 1 ? `[${said.join(', ')}]` : said[0]}`,
    {
      ...detailsOf(kind, name),
      kind: kind.kind,
      causes: causes.map((c) => ({ reason: 'FieldValueInvalid', message: c.message, field: c.field })),
    },
  );
};

export const unauthorized = (): StatusError => new StatusError(401, 'Unauthorized', 'Unauthorized');
export const expired = (asked: number, oldest: number): StatusError =>
  new StatusError(410, 'Expired', `too old resource version: ${asked} (${oldest})`);
