/** Pod Security Admission, level "restricted" and "baseline" as far as control planes meet them (https://kubernetes.io/docs/concepts/security/pod-security-standards/). */
import { array, at, type Dict, dict, dicts, texts } from './objects.ts';

const containersOf = (podSpec: Dict): Dict[] => ['initContainers', 'containers', 'ephemeralContainers'].flatMap((f) => dicts(podSpec[f]));
const security = (container: Dict): Dict => dict(container.securityContext);
const quoted = (containers: Dict[]): string =>
  `container${containers.length > 1 ? 's' : ''} ${containers.map((c) => `"${String(c.name)}"`).join(', ')}`;
const RESTRICTED_VOLUMES = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'];
const BASELINE_CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

const baseline = (podSpec: Dict): string[] => {
  const containers = containersOf(podSpec);
  const found: string[] = [];
  const hosts = ['hostNetwork', 'hostPID', 'hostIPC'].filter((f) => podSpec[f] === true);
  if (hosts.length > 0) found.push(`host namespaces (${hosts.map((h) => `${h}=true`).join(', ')})`);
  const privileged = containers.filter((c) => security(c).privileged === true);
  if (privileged.length > 0) found.push(`privileged (${quoted(privileged)} must not set securityContext.privileged=true)`);
  const mounts = dicts(podSpec.volumes).filter((v) => v.hostPath !== undefined);
  if (mounts.length > 0)
    found.push(`hostPath volumes (volume${mounts.length > 1 ? 's' : ''} ${mounts.map((v) => `"${String(v.name)}"`).join(', ')})`);
  const capable = containers.filter((c) =>
    texts(at(c, 'securityContext', 'capabilities', 'add')).some((a) => !BASELINE_CAPABILITIES.includes(a)),
  );
  if (capable.length > 0)
    found.push(`non-default capabilities (${quoted(capable)} must not include more in securityContext.capabilities.add)`);
  return found;
};

const restricted = (podSpec: Dict): string[] => {
  const containers = containersOf(podSpec);
  const pod = dict(podSpec.securityContext);
  const found: string[] = [];
  const escalating = containers.filter((c) => security(c).allowPrivilegeEscalation !== false);
  if (escalating.length > 0)
    found.push(`allowPrivilegeEscalation != false (${quoted(escalating)} must set securityContext.allowPrivilegeEscalation=false)`);
  const capable = containers.filter((c) => !texts(at(c, 'securityContext', 'capabilities', 'drop')).includes('ALL'));
  if (capable.length > 0) found.push(`unrestricted capabilities (${quoted(capable)} must set securityContext.capabilities.drop=["ALL"])`);
  const volumes = dicts(podSpec.volumes).filter((v) => Object.keys(v).some((k) => k !== 'name' && !RESTRICTED_VOLUMES.includes(k)));
  if (volumes.length > 0)
    found.push(`restricted volume types (${volumes.map((v) => `volume "${String(v.name)}"`).join(', ')} uses a restricted volume type)`);
  const rooted = containers.filter((c) => (security(c).runAsNonRoot ?? pod.runAsNonRoot) !== true);
  if (rooted.length > 0) found.push(`runAsNonRoot != true (pod or ${quoted(rooted)} must set securityContext.runAsNonRoot=true)`);
  if (pod.runAsUser === 0 || containers.some((c) => security(c).runAsUser === 0))
    found.push('runAsUser=0 (pod or containers must not set securityContext.runAsUser=0)');
  const profile = (c: Dict): unknown => at(security(c), 'seccompProfile', 'type') ?? at(pod, 'seccompProfile', 'type');
  const loose = containers.filter((c) => profile(c) !== 'RuntimeDefault' && profile(c) !== 'Localhost');
  if (loose.length > 0)
    found.push(`seccompProfile (pod or ${quoted(loose)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")`);
  return found;
};

/** What the namespace's level forbids in the pod, as one sentence; undefined when it may run. */
export const podSecurityViolation = (level: string | undefined, podSpec: Dict): string | undefined => {
  if (level !== 'restricted' && level !== 'baseline') return undefined;
  const found = level === 'baseline' ? baseline(podSpec) : [...baseline(podSpec), ...restricted(podSpec)];
  return array(found).length > 0 ? `violates PodSecurity "${level}:latest": ${found.join(', ')}` : undefined;
};
