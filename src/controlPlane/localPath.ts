/** Volumes of a made seed: folders of the machine that a pod is on, by rancher's local-path-provisioner. */
import { type ImageSource, imageFrom } from './images.ts';
import type { KubernetesObject, ObjectMeta } from './object.ts';
import { bind, rule, serviceAccountSubject } from './rbac.ts';

const NAMESPACE = 'local-path-storage';
const NAME = 'local-path-provisioner';
const VERSION = 'v0.0.30';
const BUSYBOX = '1.35.0';
const SELECTOR = { app: NAME };

/** In an order that can be applied one by one. What its rights are is what its documentation asks for. */
export const buildLocalPath = (images: ImageSource): KubernetesObject[] => [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: within(NAME) },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: NAME },
    rules: [
      rule('', 'nodes persistentvolumeclaims configmaps pods pods/log', 'get list watch'),
      rule('', 'persistentvolumes', 'get list watch create patch update delete'),
      rule('', 'events', 'create patch'),
      rule('storage.k8s.io', 'storageclasses', 'get list watch'),
    ],
  },
  bind({ name: NAME }, 'ClusterRole', NAME, [serviceAccountSubject(NAMESPACE, NAME)]),
  // Pods that make and remove the folders, in its own namespace only.
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: within('helper-pods'),
    rules: [rule('', 'pods', 'get list watch create patch update delete')],
  },
  bind(within('helper-pods'), 'Role', 'helper-pods', [serviceAccountSubject(NAMESPACE, NAME)]),
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: within('local-path-config'), data: configOf(images) },
  buildDeployment(images),
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'local-path', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'rancher.io/local-path',
    volumeBindingMode: 'WaitForFirstConsumer',
    reclaimPolicy: 'Delete',
  },
];

const within = (name: string): ObjectMeta => ({ name, namespace: NAMESPACE });

const configOf = (images: ImageSource): Record<string, string> => ({
  'config.json': JSON.stringify({ nodePathMap: [{ node: 'DEFAULT_PATH_FOR_NON_LISTED_NODES', paths: ['/opt/local-path-provisioner'] }] }),
  setup: 'mkdir -m 0777 -p "$VOL_DIR"',
  teardown: 'rm -rf "$VOL_DIR"',
  'helperPod.yaml': JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'helper' },
    spec: {
      priorityClassName: 'system-node-critical',
      containers: [{ name: 'helper', image: imageFrom(images, `docker.io/library/busybox:${BUSYBOX}`), imagePullPolicy: 'IfNotPresent' }],
    },
  }),
});

const buildDeployment = (images: ImageSource): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: within(NAME),
  spec: {
    selector: { matchLabels: SELECTOR },
    template: {
      metadata: { labels: SELECTOR },
      spec: {
        serviceAccountName: NAME,
        containers: [
          {
            name: 'provisioner',
            image: imageFrom(images, `docker.io/rancher/local-path-provisioner:${VERSION}`),
            command: ['local-path-provisioner', 'start', '--config', '/etc/config/config.json', '--service-account-name', NAME],
            env: [
              { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
              { name: 'CONFIG_MOUNT_PATH', value: '/etc/config/' },
            ],
            volumeMounts: [{ name: 'config', mountPath: '/etc/config/' }],
          },
        ],
        volumes: [{ name: 'config', configMap: { name: 'local-path-config' } }],
      },
    },
  },
});
