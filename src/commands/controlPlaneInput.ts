/** The control plane's settings, as input: all optional, each with its bounds. */
import { z } from 'zod';
import { given, tree, wholeNumber } from './parse.ts';

const MAX_ETCD_GIB = 64;

const etcdInput = tree({
  volumeSizeGiB: given(wholeNumber(1, MAX_ETCD_GIB)),
});

/** Two members lose their quorum with either of them. */
export const replicasInput = given(z.literal([1, 3], 'must be 1 or 3'));

export const controlPlaneInput = tree({
  replicas: replicasInput,
  etcd: given(etcdInput),
});
