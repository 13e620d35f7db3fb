/** Plans: what a change would make, restart and take away, told before anybody asks for it. */
import type { Problem, QuotaSource } from './errors.ts';
import type { InventoryService, MadeBy } from './inventory.ts';
import type { OperationKind } from './operation.ts';
import type { SpecPath } from './template.ts';

/** Things of one kind. */
export interface PlannedObject {
  /** Where they are; null: at Seedbed itself, as backups are. */
  service: InventoryService | null;
  /** As in the inventory, such as server; of what runs in the seed or the cluster the kind of its workload, and its pods are counted. */
  kind: string;
  /** The node group or the component that they belong to; null: the cluster itself. */
  of: string | null;
  count: number;
  /** Of those that are there, as far as they are chosen; at most 100. */
  names: string[];
  madeBy: MadeBy;
}

/** Of a node group, beside those that clusters have under the same names. */
type GroupPath = 'count' | 'minCount' | 'maxCount' | 'labels' | 'taints' | 'cloudInit' | 'metadata' | 'upgradeStrategy' | 'healingProblems';

export interface PlannedChange {
  /** By its name in ClusterSpec, or of the input. */
  path: SpecPath | GroupPath | 'deletionProtection';
  from: unknown;
  to: unknown;
  /** False: it is what the change is refused for. */
  possible: boolean;
}

export interface PlannedQuota {
  /** As the quota is named: instances, cores, port …; of Seedbed's own clusters, nodes, workerVcpus, controlPlaneReplicas. */
  resource: string;
  source: QuotaSource;
  /** How much more is needed. */
  needed: number;
  /** What is promised to requests under way included; null: it is not known now, or not the caller's to see. */
  inUse: number | null;
  /** null: there is none, or `inUse` is null. */
  limit: number | null;
  /** It is needed only until the old ones are gone. */
  temporary: boolean;
}

export interface ExpectedDuration {
  kind: OperationKind;
  /** Whose operations it is read from. */
  basis: 'PROJECT' | 'INSTALLATION' | 'NONE';
  /** How many those are. */
  samples: number;
  medianMs: number | null;
  /** Nine of ten took no longer. */
  p90Ms: number | null;
  /** Why there are no figures; null: there are. */
  reason: string | null;
}

export interface Plan {
  /** What it would be refused for now; none: it would be accepted. */
  problems: Problem[];
  creates: PlannedObject[];
  changes: PlannedChange[];
  restarts: PlannedObject[];
  deletes: PlannedObject[];
  quota: PlannedQuota[];
  expectedDuration: ExpectedDuration;
  /** What should be known before; sentences. */
  warnings: string[];
}

/** What runs as pods of one template. */
export interface Workload {
  service: 'SEED' | 'CLUSTER';
  kind: string;
  /** The component. */
  name: string;
  /** null: one on each worker. */
  replicas: number | null;
  /** Another one: its pods are replaced. */
  template: string;
  /** Volumes that each replica has of its own. */
  claims: number;
}
