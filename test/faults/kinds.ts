/** The ways in which a call to the cloud goes wrong, as rules of the sandbox's control endpoint. */

/** The stall is longer than a call may take. */
export const CLOUD_TIMEOUT_SECONDS = 4;

const status = (code: number, more: object = {}) => ({
  kind: 'status',
  status: code,
  body: JSON.stringify({ error: { code, message: `Played: ${code}` } }),
  ...more,
});

export const KINDS: Readonly<Record<string, object>> = {
  '400': status(400),
  '401': status(401),
  '403': status(403),
  '404': status(404),
  '409': status(409),
  '413': status(413),
  '429': status(429, { retryAfterSeconds: 1 }),
  '500': status(500),
  '502': status(502),
  '503': status(503),
  '504': status(504),
  resetBefore: { kind: 'resetBefore' },
  resetAfter: { kind: 'resetAfter' },
  truncate: { kind: 'truncate' },
  stall: { kind: 'stall', stallMs: (CLOUD_TIMEOUT_SECONDS + 1) * 1000 },
  duplicate: { kind: 'duplicate' },
  staleList: { kind: 'staleList', ageMs: 4000 },
};
