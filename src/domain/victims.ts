/** Which workers of a group go when fewer are wanted. */
import type { NodeState } from './node.ts';

interface Candidate {
  id: string;
  name: string;
  state: NodeState;
  zone: string | null;
  createdAt: number;
}

/** First those the customer named, then those that do not work, then the old; of the same kind those in the fullest zone, and there the oldest. */
export const chooseVictims = <Node extends Candidate>(
  candidates: readonly Node[],
  count: number,
  named: readonly string[],
  old: readonly Node[] = [],
): Node[] => {
  const rank = (node: Node) =>
    named.includes(node.id) ? 0 : node.state === 'FAILED' ? 1 : node.state !== 'READY' ? 2 : old.includes(node) ? 3 : 4;
  const left = new Set(candidates);
  const inZone = new Map<string | null, number>();
  for (const { zone } of candidates) inZone.set(zone, (inZone.get(zone) ?? 0) + 1);
  const fullness = (node: Node) => inZone.get(node.zone) ?? 0;
  const before = (a: Node, b: Node) =>
    rank(a) - rank(b) || fullness(b) - fullness(a) || a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1);
  const victims: Node[] = [];
  for (let i = 0; i < count && left.size > 0; i += 1) {
    const next = [...left].reduce((best, node) => (before(node, best) < 0 ? node : best));
    left.delete(next);
    // Each that goes leaves its zone less full for the choice of the next.
    inZone.set(next.zone, fullness(next) - 1);
    victims.push(next);
  }
  return victims;
};

/** Who is named to go once `count` workers are wanted: those that were before go as well, unless the count has taken that back. */
export const namedAfter = (
  { spec, nodesToRemove }: { spec: { count: number }; nodesToRemove: readonly string[] },
  count: number,
  named: readonly string[],
): string[] => (count <= spec.count ? [...new Set([...nodesToRemove, ...named])] : [...named]);
