/** How far a machine is on its way to another version, by the stages that its upgrade says. */

/** Each goes on after "which". */
const WORDS: Readonly<Record<string, string>> = {
  kubeadm: 'installs kubeadm',
  apply: 'takes the control plane to the version',
  node: 'adopts the version of the control plane',
  kubelet: 'installs the kubelet',
  restart: 'starts its kubelet anew',
};

export const stageIn = (said: string): string => {
  const [, stage = '', attempt] = [...said.matchAll(/^seedbed: stage (\w+)(?:, attempt (\d+))?\s*$/gm)].at(-1) ?? [];
  const words = WORDS[stage] ?? 'begins its upgrade';
  return attempt === undefined ? words : `${words}, attempt ${attempt}`;
};

/** Why it gave up, in its own words; undefined: it did not say. */
export const failureIn = (said: string): string | undefined => [...said.matchAll(/^seedbed: failed: (.*)$/gm)].at(-1)?.[1];
