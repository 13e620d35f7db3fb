/** The inventory: every outside thing we make, written down before it is made. */

export type InventoryService = 'IDENTITY' | 'COMPUTE' | 'NETWORK' | 'VOLUME' | 'IMAGE' | 'LOAD_BALANCER' | 'SEED' | 'CLUSTER';
export type InventoryState = 'CREATING' | 'PRESENT' | 'DELETING' | 'GONE';
export type MadeBy = 'SEEDBED' | 'CLOUD_CONTROLLER' | 'CSI' | 'USER';
