/** Bootstrap tokens of a made seed's machines, one each: made once and sealed, known to the API until the machine has joined. */
import { type BootstrapToken, buildTokenSecret, tokenSecretName } from '../../controlPlane/bootstrapToken.ts';
import { randomToken } from '../../lib/ids.ts';
import type { SeedScope } from './scope.ts';

const TTL_MS = 30 * 60_000;
/** What is left of its life when it is written anew. */
const RENEW_MS = 5 * 60_000;

const nameOf = (machine: string): string => `bootstrapToken/${machine}`;

interface Kept extends BootstrapToken {
  /** Until when the API takes it, in milliseconds since the epoch; null: it does not know it yet. */
  until: number | null;
}

const find = async ({ world, db, row }: SeedScope, machine: string): Promise<Kept | undefined> => {
  const text = await world.secrets.find(db, row.id, nameOf(machine));
  return text === undefined ? undefined : (JSON.parse(text) as Kept);
};

const keep = (scope: SeedScope, machine: string, token: Kept): Promise<void> => {
  const { world, row, clock } = scope;
  return scope.write((tx) => world.secrets.put(tx, row.id, nameOf(machine), JSON.stringify(token), clock.now()));
};

export const loadOrMakeToken = async (scope: SeedScope, machine: string): Promise<BootstrapToken> => {
  const known = await find(scope, machine);
  if (known !== undefined) return known;
  const token = { id: randomToken(6), secret: randomToken(16), until: null };
  await keep(scope, machine, token);
  return token;
};

/** Makes the API take the machine's token, if it has one, and for as long as it needs it. */
export const admitToken = async (scope: SeedScope, machine: string): Promise<void> => {
  const token = await find(scope, machine);
  const now = scope.clock.now();
  if (token === undefined || (token.until ?? 0) > now + RENEW_MS) return;
  const until = now + TTL_MS;
  const { kube } = await scope.seed();
  await kube.apply(buildTokenSecret(token, machine, until));
  await keep(scope, machine, { ...token, until });
};

/** The machine has joined, or never will. */
export const forgetToken = async (scope: SeedScope, machine: string): Promise<void> => {
  const token = await find(scope, machine);
  if (token === undefined) return;
  const { kube } = await scope.seed();
  await kube.remove({ apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: tokenSecretName(token) });
  await scope.write((tx) => scope.world.secrets.remove(tx, scope.row.id, nameOf(machine)));
};
