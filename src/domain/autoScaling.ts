/** Automatic scaling: how soon and by what measure workers that are not needed go. */

export interface AutoScalingSpec {
  scanIntervalSeconds: number;
  scaleDownEnabled: boolean;
  scaleDownDelaySeconds: number;
  scaleDownUnneededSeconds: number;
  scaleDownUtilizationPercent: number;
}

/** The cluster-autoscaler's own. */
export const DEFAULT_AUTO_SCALING: AutoScalingSpec = {
  scanIntervalSeconds: 10,
  scaleDownEnabled: true,
  scaleDownDelaySeconds: 600,
  scaleDownUnneededSeconds: 600,
  scaleDownUtilizationPercent: 50,
};
