/** Cluster templates: what an operator offers, in Magnum's words where they still mean something. */

export type Visibility = 'PUBLIC' | 'PRIVATE' | 'HIDDEN';
export type NetworkDriver = 'FLANNEL' | 'CALICO' | 'CILIUM' | 'NONE';
export type VolumeDriver = 'CINDER' | 'NONE';

export interface RootVolume {
  sizeGiB: number;
  type: string | null;
}

/** Everything a cluster takes from its template; a cluster's overrides have the same shape, all optional. */
export interface TemplateSpec {
  kubernetesVersion: string;
  image: string;
  keypair: string | null;
  externalNetwork: string | null;
  fixedNetwork: string | null;
  fixedSubnet: string | null;
  dnsNameservers: string[];
  flavor: string;
  /** Control-plane size by the name Magnum's users know; kept as data until sizes are served. */
  masterFlavor: string | null;
  networkDriver: NetworkDriver;
  volumeDriver: VolumeDriver;
  /** Kept as data: containerd has one storage driver. */
  dockerStorageDriver: string | null;
  floatingIpEnabled: boolean;
  masterLbFloatingIpEnabled: boolean;
  controlPlaneReplicas: number;
  etcdVolumeSizeGiB: number;
  rootVolume: RootVolume | null;
  /** The three are for the default node group. */
  availabilityZone: string | null;
  minNodeCount: number | null;
  maxNodeCount: number | null;
  podCidr: string;
  serviceCidr: string;
  nodeCidr: string;
  dnsDomain: string;
  keystoneAuthEnabled: boolean;
  dashboardEnabled: boolean;
  nodeProblemDetectorEnabled: boolean;
  autoHealingEnabled: boolean;
  autoScalingEnabled: boolean;
  /** Labels that Magnum knows and that have no meaning here, with the value given. */
  ignoredLabels: Record<string, string>;
  /** Only seeds that carry all of these labels are considered. */
  seedSelector: Record<string, string>;
}
