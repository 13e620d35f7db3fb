/** The list of addons, in the order they are applied; a new one is a file and a word here. */
import type { Addon } from './addon.ts';
import { calico } from './calico.ts';
import { certManager } from './certManager.ts';
import { cilium } from './cilium.ts';
import { cinderCsi } from './cinderCsi.ts';
import { cloudController } from './cloudController.ts';
import { coreDns } from './coreDns.ts';
import { dashboard } from './dashboard.ts';
import { flannel } from './flannel.ts';
import { ingressController } from './ingressController.ts';
import { kubeProxy } from './kubeProxy.ts';
import { metricsServer } from './metricsServer.ts';
import { nodeProblemDetector } from './nodeProblemDetector.ts';

export const addons: readonly Addon[] = [
  kubeProxy,
  flannel,
  calico,
  cilium,
  coreDns,
  metricsServer,
  certManager,
  dashboard,
  nodeProblemDetector,
  cloudController,
  cinderCsi,
  ingressController,
];
