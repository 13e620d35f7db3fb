/** What a customer would run to see whether a cluster works: one echo server a worker, and pods that ask each of them, and a Service by name. */

export const IMAGE = 'docker.io/library/busybox:1.35.0';
const ECHO = { app: 'echo' };
const LIMITS = { requests: { cpu: '10m', memory: '16Mi' } };

/** A Deployment with a pod on every worker, and its Service. */
export const echoObjects = (workers: number): object[] => [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'echo', namespace: 'default' },
    spec: {
      replicas: workers,
      selector: { matchLabels: ECHO },
      template: {
        metadata: { labels: ECHO },
        spec: {
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: ECHO } },
              ],
            },
          },
          containers: [
            {
              name: 'echo',
              image: IMAGE,
              command: ['sh', '-c', 'mkdir /tmp/w && echo "$HOSTNAME" >/tmp/w/index.html && exec httpd -f -p 8080 -h /tmp/w'],
              ports: [{ containerPort: 8080 }],
              readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
              resources: LIMITS,
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'echo', namespace: 'default' },
    spec: { selector: ECHO, ports: [{ port: 80, targetPort: 8080 }] },
  },
];

/**
 * A pod bound to one worker that succeeds once it has reached every URL. It judges by itself, so that nothing need reach into it: there may
 * be no way from the API server to the workers yet.
 */
export const askingPod = (name: string, worker: string, urls: readonly string[]): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels: { app: 'asking' } },
  spec: {
    nodeSelector: { 'kubernetes.io/hostname': worker },
    restartPolicy: 'OnFailure',
    containers: [
      {
        name: 'ask',
        image: IMAGE,
        // The lab's busybox is static and cannot resolve names by itself; it has curl beside it.
        command: [
          'sh',
          '-c',
          'ask() { if command -v curl >/dev/null; then curl -sf -m 5 "$1"; else wget -qO- -T 5 "$1"; fi; }; for u; do ask "$u" || exit 1; done',
          'ask',
          ...urls,
        ],
        resources: LIMITS,
      },
    ],
  },
});

/**
 * A pod that stops the kubelet of the worker it runs on. Its process is there still, so that nothing starts another. With `seconds` it goes on
 * after so long.
 */
export const stoppingPod = (name: string, worker: string, seconds?: number): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'kube-system' },
  spec: {
    nodeName: worker,
    restartPolicy: 'Never',
    hostPID: true,
    containers: [
      {
        name: 'stop',
        image: IMAGE,
        command: ['sh', '-c', `k=$(pidof kubelet); kill -STOP $k${seconds === undefined ? '' : `; sleep ${seconds}; kill -CONT $k`}`],
        securityContext: { privileged: true },
        resources: LIMITS,
      },
    ],
  },
});
