/** What is wrong with a node is kept on its row, and its group hears of it. */
import { isCuredByReboot, isHealed, type NodeTroubleKind } from '../../domain/healing.ts';
import { type Outcome, waiting } from '../../engine/flow.ts';
import { changed, patchNode } from '../../store/reconcile.ts';
import { enqueue } from '../../store/workItems.ts';
import type { NodeScope } from './scope.ts';

/** Each of these explains a node that is not Ready: it has been in trouble for as long. */
const EXPLAINS: readonly NodeTroubleKind[] = ['SERVER_LOST', 'SERVER_ERROR', 'PORT_LOST'];

/** `message` goes on after the node's name. */
export const noteTrouble = async (scope: NodeScope, kind: NodeTroubleKind, message: string): Promise<void> => {
  const known = scope.row.trouble;
  if (known?.kind === kind) return;
  const goesOn =
    (known?.kind === 'NOT_READY' && EXPLAINS.includes(kind)) || (known != null && isCuredByReboot(known.kind) && isCuredByReboot(kind));
  const since = goesOn ? known.since : scope.clock.now();
  await save(scope, { kind, since, message });
};

export const noteWell = async (scope: NodeScope): Promise<void> => {
  if (scope.row.trouble !== null) await save(scope, null);
};

const save = async (scope: NodeScope, trouble: NodeScope['row']['trouble']): Promise<void> => {
  const { row, cluster, clock } = scope;
  const patch = { trouble, updatedAt: clock.now() };
  await scope.write(async (tx) => {
    await patchNode(tx, row.id, patch);
    await enqueue(tx, 'NODE_GROUP', row.nodeGroupId, patch.updatedAt);
    tx.changes.push(changed('NODE', row, cluster.id, cluster.projectId));
  });
  Object.assign(row, patch);
};

/** What it cannot do without is gone: it waits for its successor, or for somebody. `message` goes on after its name. */
export const lose = async (scope: NodeScope, kind: NodeTroubleKind, message: string, lookMs: number): Promise<Outcome> => {
  scope.seen = 'NOT_READY';
  await noteTrouble(scope, kind, message);
  const { text, whoMustAct } = remedyOf(scope, kind);
  return waiting(`${text}: node ${scope.row.name} ${message}`, lookMs, whoMustAct);
};

/** What follows for people: somebody replaces it, or nobody has to. */
const remedyOf = ({ cluster }: NodeScope, kind: NodeTroubleKind): { text: string; whoMustAct: 'CUSTOMER' | 'NOBODY' } =>
  isHealed(kind, cluster.spec.autoHealingEnabled)
    ? { text: 'another to take its place', whoMustAct: 'NOBODY' }
    : { text: 'you to replace it (replaceNode), or to switch autoHealingEnabled on', whoMustAct: 'CUSTOMER' };
