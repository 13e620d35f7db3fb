/** Sends hostile requests to a server apart, and judges each answer. */
import type { Apart } from './apart.ts';

/** What tells how a server is built, or where it lives. */
const INNER = /\bat [\w.<>[\] ]+ ?\(|node_modules|file:\/\/|node:internal|\bat async\b|\.[cm]?[jt]s:\d|\/(?:home|tmp|root|usr|work|var)\//;

/** More than this, and others would feel it. */
export const MAX_STALL_MS = 50;

/** What is wrong with an answer; null: nothing. `said`: what the document itself had in it, which may come back in an error. */
export const faultOf = (status: number, text: string, said: string): string | null => {
  if (status >= 500) return `status ${status}: ${text.slice(0, 300)}`;
  const inner = INNER.exec(text);
  if (inner !== null && !said.includes(inner[0])) return `tells of its inside: ${inner[0]}`;
  let answer: { data?: unknown; errors?: { message?: unknown; extensions?: { code?: unknown } }[] };
  try {
    answer = JSON.parse(text);
  } catch {
    return `no JSON: ${text.slice(0, 100)}`;
  }
  if (answer.data === undefined && answer.errors === undefined) return 'neither data nor errors';
  const bad = answer.errors?.find((error) => typeof error.extensions?.code !== 'string' || error.extensions.code === 'INTERNAL');
  return bad === undefined ? null : `an error that nobody foresaw: ${JSON.stringify(bad).slice(0, 300)}`;
};

export const send = async (server: Apart, token: string, body: string): Promise<{ status: number; text: string }> => {
  const answer = await fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', 'x-auth-token': token },
    body,
  });
  return { status: answer.status, text: await answer.text() };
};

/**
 * Sends the document and gives what is wrong with how the server took it. One that held up the loop is sent twice more, each time as a text that is
 * not known yet: a collection of what others left behind comes once, what a document costs comes each time.
 */
export const provoke = async (server: Apart, token: string, document: string): Promise<string[]> => {
  const stalls: number[] = [];
  for (const ending of ['', ' ', '  ']) {
    const { status, text } = await send(server, token, JSON.stringify({ query: document + ending })).catch((error: unknown) => ({
      status: 599,
      text: `no answer: ${error}`,
    }));
    const fault = faultOf(status, text, document);
    if (fault !== null) return [fault];
    stalls.push((await server.report()).stallMs);
    if (Math.min(...stalls) <= MAX_STALL_MS) return [];
  }
  return [`stood still for ${stalls.map((ms) => ms.toFixed(0)).join(', ')} ms`];
};
