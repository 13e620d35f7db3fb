/** The node's own bootstrap token: made once and sealed, so that a crash between token and server changes nothing. */
import type { BootstrapToken } from '../../controlPlane/bootstrapToken.ts';
import { randomToken } from '../../lib/ids.ts';
import type { NodeScope } from './scope.ts';

export const loadToken = async (scope: NodeScope): Promise<BootstrapToken | undefined> => {
  const text = await scope.world.secrets.find(scope.db, scope.row.id, 'bootstrapToken');
  return text === undefined ? undefined : (JSON.parse(text) as BootstrapToken);
};

export const loadOrMakeToken = (scope: NodeScope): Promise<BootstrapToken> => {
  scope.token ??= makeToken(scope);
  return scope.token;
};

const makeToken = async (scope: NodeScope): Promise<BootstrapToken> => {
  const known = await loadToken(scope);
  if (known !== undefined) return known;
  const token = { id: randomToken(6), secret: randomToken(16) };
  await scope.write((tx) => scope.world.secrets.put(tx, scope.row.id, 'bootstrapToken', JSON.stringify(token), scope.clock.now()));
  return token;
};
