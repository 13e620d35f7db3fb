/** How node groups are scaled by load, as output and as input in the same words. */
import type { AutoScalingSpec } from '../domain/autoScaling.ts';
import { builder } from './builder.ts';

const TEXT = {
  scanIntervalSeconds: 'How often the cluster-autoscaler looks: from 5 to 600; 10 by default.',
  scaleDownEnabled: 'Whether workers go at all when they are not needed; true by default.',
  scaleDownDelaySeconds: 'How long after a growth no worker goes: from 0 to 86400; 600 by default.',
  scaleDownUnneededSeconds: 'How long a worker must have been of no need before it goes: from 10 to 86400; 600 by default.',
  scaleDownUtilizationPercent:
    'A worker is of no need when its pods ask for less than this share of its processors and of its memory, and fit elsewhere: from 1 to 100; 50 by default.',
} as const;

export const AutoScalingSpecType = builder.objectRef<AutoScalingSpec>('AutoScalingSpec').implement({
  description: 'How node groups with a maxCount are scaled by load, with autoScalingEnabled.',
  fields: (t) => ({
    scanIntervalSeconds: t.exposeInt('scanIntervalSeconds', { description: TEXT.scanIntervalSeconds }),
    scaleDownEnabled: t.exposeBoolean('scaleDownEnabled', { description: TEXT.scaleDownEnabled }),
    scaleDownDelaySeconds: t.exposeInt('scaleDownDelaySeconds', { description: TEXT.scaleDownDelaySeconds }),
    scaleDownUnneededSeconds: t.exposeInt('scaleDownUnneededSeconds', { description: TEXT.scaleDownUnneededSeconds }),
    scaleDownUtilizationPercent: t.exposeInt('scaleDownUtilizationPercent', { description: TEXT.scaleDownUtilizationPercent }),
  }),
});

export const AutoScalingInput = builder.inputType('AutoScalingInput', {
  description: 'How node groups with a maxCount are scaled by load, with autoScalingEnabled; what is left out stays.',
  fields: (t) => ({
    scanIntervalSeconds: t.int({ description: TEXT.scanIntervalSeconds }),
    scaleDownEnabled: t.boolean({ description: TEXT.scaleDownEnabled }),
    scaleDownDelaySeconds: t.int({ description: TEXT.scaleDownDelaySeconds }),
    scaleDownUnneededSeconds: t.int({ description: TEXT.scaleDownUnneededSeconds }),
    scaleDownUtilizationPercent: t.int({ description: TEXT.scaleDownUtilizationPercent }),
  }),
});
