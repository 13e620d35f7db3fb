/** Which microversion to speak with a service: the newest that both sides know. */
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { versionRoot } from './endpoint.ts';
import { failureOf, unreadable } from './errors.ts';
import type { Transport } from './http.ts';

/** Where a service is, and with which token: Cinder shows its versions only to those who are logged in. */
export interface Place {
  baseUrl: string;
  token: string;
}

/** Minor version numbers: 90 is 2.90 for Nova. */
export interface Microversions {
  /** The same knowledge, asked for through another transport. */
  through(transport: Transport): Microversions;
  /** The newest minor version ≤ `wanted` that the service at this URL speaks. Cached for an hour for all projects. */
  newest(service: 'compute' | 'volume', at: Place, wanted: number): Promise<number>;
}

const versionSchema = z.object({ id: z.string(), version: z.string().nullish() });
/** Nova answers {"version": …} at its root, Cinder {"versions": […]}. */
const documentSchema = z.object({ version: versionSchema.optional(), versions: z.array(versionSchema).optional() });

const KEEP_MS = 3_600_000;

export const createMicroversions = (deps: { transport: Transport; clock: Clock }): Microversions => {
  const known = new Map<string, { readAt: number; newest: Promise<number> }>();

  const read = async (transport: Transport, service: string, url: string, token: string): Promise<number> => {
    const asked = { service, method: 'GET', path: '/' };
    const reply = await transport.send({ service, method: 'GET', url, headers: { 'x-auth-token': token } });
    // Some answer 300 with the document in it.
    if (reply.status > 300) throw failureOf(asked, reply);
    const parsed = documentSchema.safeParse(reply.body);
    const all = parsed.success ? [parsed.data.version, ...(parsed.data.versions ?? [])] : [];
    const id = service === 'compute' ? 'v2.1' : 'v3.0';
    const found = all.find((version) => version?.id === id);
    if (found === undefined) throw unreadable(asked, reply, 'versions');
    return Number(found.version?.split('.')[1] ?? 0);
  };

  const through = (transport: Transport): Microversions => ({
    through,
    newest: async (service, { baseUrl, token }, wanted) => {
      const url = versionRoot(baseUrl);
      const now = deps.clock.now();
      let entry = known.get(url);
      if (entry === undefined || now - entry.readAt > KEEP_MS) {
        const fresh = { readAt: now, newest: read(transport, service, url, token) };
        // A failure is not remembered: the next call asks again.
        fresh.newest.catch(() => known.get(url) === fresh && known.delete(url));
        known.set(url, fresh);
        entry = fresh;
      }
      return Math.min(wanted, await entry.newest);
    },
  });
  return through(deps.transport);
};
