/** What an addon is: a name, when it is wanted, and its objects inside the tenant's cluster. */
import type { HostedCluster, ReachableCluster } from '../controlPlane/hostedCluster.ts';
import type { KubernetesObject } from '../controlPlane/object.ts';

export interface Addon {
  /** Also the name of its condition, in PascalCase. */
  name: string;
  /** For a person: "Name resolution". */
  title: string;
  wanted: (cluster: HostedCluster) => boolean;
  /** In an order that can be applied one by one. */
  objects: (cluster: ReachableCluster) => KubernetesObject[];
}
