/** What makes one kind of object different from the others, for a pass over it. */
import type { ObjectKind } from '../domain/condition.ts';
import type { Problem } from '../domain/errors.ts';
import type { Flow } from '../engine/flow.ts';
import type { PassSummary } from '../engine/progress.ts';
import type { Db, Tx } from '../store/open.ts';
import type { Subject } from '../store/progress.ts';
import type { ClusterRow } from '../store/reconcile.ts';
import type { Held } from './holds.ts';
import type { World } from './world.ts';

export interface ObjectRow {
  id: string;
  generation: number;
  observedGeneration: number;
  deleteRequestedAt: number | null;
  deletedAt: number | null;
  state: string;
}

export interface Kind<Row extends ObjectRow, Scope> {
  kind: ObjectKind;
  flow: Flow<Scope>;
  load(db: Db, id: string): Promise<Row | undefined>;
  /**
   * Everything the steps look at; `write` runs a transaction that is refused once the lease is lost, and the clouds of `world` tell the
   * request that the pass is for.
   */
  open(row: Row, write: Write, world: World): Promise<Scope>;
  subject(row: Row, scope: Scope): Subject;
  /** The state to show after the pass. */
  stateOf(scope: Scope, row: Row, summary: PassSummary): string;
  /** What runs instead of its flow; 'REST': nothing runs, and who ends that wakes it. Undefined: its flow runs. */
  held?(row: Row, scope: Scope): Promise<Held<Scope> | 'REST' | undefined>;
  /** In milliseconds since the epoch, for what nobody but Seedbed changes; null: until somebody asks. undefined: it is looked at as usual. */
  restsUntil?(row: Row, settled: boolean): number | null | undefined;
  /** When it is to be looked at again at the latest, in milliseconds since the epoch; null: no sooner than others. */
  lookAt?(row: Row): number | null;
  /** The cluster that it belongs to, as it was when the pass began: while that is paused, no step is begun. */
  cluster?(row: Row, scope: Scope): ClusterRow;
  /** Ids of what it is a part of, at most two and the nearest first: their operations have it worked on, too. */
  partOf?(row: Row): readonly string[];
  /** The whole that waits for this object. */
  parent?(row: Row): { kind: ObjectKind; id: string };
  /** The object whose trouble this problem may be: it is looked at when the problem appears. */
  suspect?(row: Row, problem: Problem): { kind: ObjectKind; id: string } | undefined;
  /** Writes state, observedGeneration, deletedAt. */
  save(tx: Tx, row: Row, patch: Settled, summary: PassSummary): Promise<void>;
  /** After the object's end: close what was open for it. */
  forget?(row: Row): void;
}

export interface Settled {
  state: string;
  observedGeneration: number;
  deletedAt: number | null;
  updatedAt: number;
}

export type Write = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;
