/** An errand to a machine of a made seed: a Job on its node that gets into the machine itself, since Seedbed has no other way there than the seed's API. */
import type { KubernetesObject } from './object.ts';

const NAMESPACE = 'kube-system';
/** Of what ended and was not read, because its reason went away. */
const KEPT_SECONDS = 3_600;
/** The Job gives up then; what it began in the machine goes on. */
const LONGEST_SECONDS = 3_600;

/** The only container's name. */
export const MACHINE_TASK_CONTAINER = 'machine';

export interface MachineTask {
  /** One of a name at a time, and one in a machine. */
  name: string;
  nodeName: string;
  /** Any that is on the machine, such as that of a pod's pause: nothing of it is run. */
  image: string;
  /** Of the unit in the machine that does the work. */
  unit: string;
  /** A constant: what differs is in `args`. */
  script: string;
  args: readonly string[];
  /** What it is for, such as a version: one with another goal is another errand. */
  goal: string;
}

const GOAL = 'seedbed.io/goal';
/** All of them have it, and nothing else. */
const COMPONENT = { 'app.kubernetes.io/component': 'machine-task' };

/** What all of them are found by. */
export const machineTasks = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  namespace: NAMESPACE,
  labelSelector: Object.entries(COMPONENT)
    .map(([key, value]) => `${key}=${value}`)
    .join(','),
};

export const goalOf = ({ metadata }: Pick<KubernetesObject, 'metadata'>): string => metadata.annotations?.[GOAL] ?? '';

export const machineTaskRef = (name: string) => ({ apiVersion: 'batch/v1', kind: 'Job', namespace: NAMESPACE, name });

/** Folder in the machine for what a task runs and what that says. */
const FOLDER = '/run/seedbed-task';

/**
 * Runs in the machine, as `sh -c … NAME UNIT SCRIPT ARGUMENT…`. The work is a unit of systemd's, so it goes on when the pod goes, the kubelet restarts or
 * the API server is away; whoever comes while it runs tells what it says, and begins it anew when it has ended: scripts skip what is done. The script
 * goes by way of a file, for systemd puts its own values in place of what looks like a variable in a command.
 */
export const RUN_IN_MACHINE = `set -u
unit=$1
work=${FOLDER}/$1
script=$2
shift 2
mkdir -p -m 0700 ${FOLDER}
tell() {
  tail -n +1 -f "$work.log" &
  teller=$!
}
hush() {
  sleep 1
  kill "$teller" 2>/dev/null
}
if systemctl -q is-active "$unit.service"; then
  tell
  while systemctl -q is-active "$unit.service"; do sleep 2; done
  hush
fi
printf '%s' "$script" >"$work"
: >"$work.log"
tell
systemd-run -q --unit="$unit" --collect --wait -p StandardOutput="append:$work.log" -p StandardError="append:$work.log" /bin/sh "$work" "$@"
code=$?
hush
exit "$code"
`;

/** nsenter is the machine's own, with the loader and libraries that it needs; a system without /lib64 gets an empty one. */
const TOOLS = ['/usr', '/lib', '/lib64'];

/** In the machine's own network, so that it runs where the pod network does not. */
export const buildMachineTask = ({ name, nodeName, image, unit, script, args, goal }: MachineTask): KubernetesObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: NAMESPACE, labels: { 'app.kubernetes.io/name': name, ...COMPONENT }, annotations: { [GOAL]: goal } },
  spec: {
    backoffLimit: 0,
    activeDeadlineSeconds: LONGEST_SECONDS,
    ttlSecondsAfterFinished: KEPT_SECONDS,
    template: {
      metadata: { labels: { 'app.kubernetes.io/name': name } },
      spec: {
        nodeName,
        hostPID: true,
        hostNetwork: true,
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        priorityClassName: 'system-node-critical',
        tolerations: [{ operator: 'Exists' }],
        containers: [
          {
            name: MACHINE_TASK_CONTAINER,
            image,
            imagePullPolicy: 'IfNotPresent',
            command: [
              '/usr/bin/nsenter',
              ...['-t', '1', '-m', '-u', '-i', '-n', '-p', '--'],
              ...['/bin/sh', '-c', RUN_IN_MACHINE, name, unit, script, ...args],
            ],
            // The image says another user.
            securityContext: { privileged: true, runAsUser: 0, runAsGroup: 0 },
            volumeMounts: TOOLS.map((path) => ({ name: path.slice(1), mountPath: path, readOnly: true })),
          },
        ],
        volumes: TOOLS.map((path) => ({ name: path.slice(1), hostPath: { path } })),
      },
    },
  },
});
