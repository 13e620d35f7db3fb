/** A pod that gets into the machine that it is on, and has a unit of systemd's run there. */
import type { MachineShell, Unit } from '../machineRegistry.ts';
import { at, type Dict, dicts, type KubeObject, number, spec, text, texts } from '../objects.ts';
import type { Process } from './process.ts';

/** Undefined for a pod that runs something else. `shell`: of the machine that it is on. Throws what a container runtime says that cannot start it. */
export const playMachineTask = (pod: KubeObject, shell: MachineShell | undefined): Process | undefined => {
  const [container] = dicts(spec(pod).containers);
  const words = [...texts(container?.command), ...texts(container?.args)];
  if (container === undefined || shell === undefined || !words[0]?.endsWith('/nsenter')) return undefined;
  const name = text(container.name);
  const fault = faultOf(pod, container, words);
  if (fault !== undefined) return { check: () => ({ state: 'ended', containers: { [name]: fault } }), stop: () => {} };
  const [, , script = '', , unitName = '', work = '', ...args] = words.slice(words.indexOf('--') + 1);
  if (!script.includes('systemd-run') || !script.includes('--unit="$unit"')) throw new Error('the sandbox plays units of systemd alone');
  const unit = shell.start(unitName, work, args);
  return { check: verdictOf(name, unit), stop: () => {} };
};

const verdictOf = (name: string, { lines, code }: Unit): Process['check'] => {
  let told = 0;
  let last = 'its unit begins';
  return () => {
    const ended = code();
    if (ended !== undefined) return { state: 'ended', containers: { [name]: { code: ended, said: `${lines.join('\n')}\n` } } };
    if (lines.length > told) last = lines.slice(told).join('\n');
    told = lines.length;
    return { state: 'waiting', log: last };
  };
};

/** nsenter comes from the machine, with what it is linked to, and may not get in without being root in all respects. */
const faultOf = (pod: KubeObject, container: Dict, words: readonly string[]): { code: number; said: string } | undefined => {
  const paths = new Map(dicts(spec(pod).volumes).map((volume) => [text(volume.name), text(at(volume, 'hostPath', 'path'))]));
  const mounts = new Map(dicts(container.volumeMounts).map((mount) => [text(mount.mountPath), paths.get(text(mount.name)) ?? '']));
  if (mounts.get('/usr') !== '/usr')
    return { code: 128, said: `exec: "${words[0]}": stat ${words[0]}: no such file or directory: unknown\n` };
  if (!['/lib', '/lib64'].every((path) => mounts.get(path)?.replace(/^\/usr/, '') === path))
    return { code: 128, said: `exec ${words[0]}: no such file or directory\n` };
  const refused = (said: string) => ({ code: 1, said: `nsenter: ${said}\n` });
  const context = { ...(at(pod, 'spec', 'securityContext') as Dict | undefined), ...(container.securityContext as Dict | undefined) };
  if (context.privileged !== true) return refused('cannot open /proc/1/ns/ipc: Permission denied');
  // The image's own user is another.
  if (number(context.runAsUser, 65_535) !== 0) return refused("reassociate to namespace 'ns/ipc' failed: Operation not permitted");
  const target = words[words.indexOf('-t') + 1];
  const inside = spec(pod).hostPID === true && target === '1' && words.includes('-m');
  return inside ? undefined : refused('failed to execute /bin/sh: No such file or directory');
};
