/** The control plane as a template or a cluster asks for it. */

export interface EtcdSpec {
  volumeSizeGiB: number;
}

export interface ControlPlaneSpec {
  /** Members of etcd and API servers: 1 or 3. */
  replicas: number;
  etcd: EtcdSpec;
}

/** What a template says when nobody says otherwise. */
export const DEFAULT_CONTROL_PLANE: ControlPlaneSpec = {
  replicas: 1,
  etcd: { volumeSizeGiB: 5 },
};
