/** A made seed that is upgraded: its machines go to the version one after another, in place, for what clusters keep is in folders of theirs. */
import { imageOf } from '../../../controlPlane/images.ts';
import { buildPackageSource } from '../../../controlPlane/packages.ts';
import { NO_REPOSITORY, UPGRADE_SCRIPT } from '../../../controlPlane/upgradeScript.ts';
import { errorOf, type SeedbedError, Unavailable } from '../../../domain/errors.ts';
import type { SeedMachine, UpgradeTrouble } from '../../../domain/madeSeed.ts';
import { isOlder } from '../../../domain/upgrade.ts';
import { findRelease, getOfferedRelease } from '../../../domain/version.ts';
import { done, type Step, waiting } from '../../../engine/flow.ts';
import { listNodeFacts } from '../../../seeds/probe.ts';
import type { Hindrance } from '../../podHindrance.ts';
import { listRunningTasks, type MachineTaskSight, seeMachineTask, sendMachineTask } from '../machineTask.ts';
import { machinesWanted, madeOf, patchPlace, placeOf } from '../made.ts';
import { mendSeed, type SeedScope } from '../scope.ts';
import { absentOf, machinesBehind, readClusterVersion, runningRelease, unreadyOf, type VersionSight } from '../upgrade.ts';
import { failureIn, stageIn } from '../upgradeStage.ts';
import { apiAnswers } from './apiAnswers.ts';

const LOOK_MS = 2_000;
/** While somebody has to act. */
const HINDERED_LOOK_MS = 5_000;
/** Twice as long after each failure. */
const FIRST_REST_MS = 5_000;
const LONGEST_REST_MS = 600_000;
/** Before the name of its machine. */
const TASK = 'seedbed-upgrade-';
/** A kubelet says its version within seconds of its start. */
const TELLS_MS = 120_000;
/** One that ended longer ago was another machine's of the same name. */
const FORGOTTEN_MS = 600_000;
/** Of what a task said last, in a message. */
const WORDS = 600;

export const machinesUpgraded: Step<SeedScope> = {
  name: 'MachinesUpgraded',
  title: 'Upgrade the machines',
  usuallyMs: 300_000,
  late: 'CLOUD_ADMIN',
  // A seed whose upgrade does not come along holds control planes as well as before.
  optional: true,
  needs: [apiAnswers],
  wanted: ({ row }) => row.made?.upgradedFrom !== undefined,
  ensure: async (scope) => {
    const { kubernetesVersion: wanted } = madeOf(scope);
    // A look that all steps share, and none besides while nothing is to be done.
    if (machinesBehind(scope, await scope.probe()).length === 0) {
      await forgetTrouble(scope);
      return done(`all at ${wanted}`);
    }
    const { kube } = await scope.seed();
    const [nodes, { gitVersion: version }] = await Promise.all([listNodeFacts(kube), kube.version()]);
    const sight = { nodes, version };
    const [next, ...rest] = machinesBehind(scope, sight);
    // The other steps of this pass have seen the seed as it was.
    if (next === undefined) return waiting('the seed to be looked at again', 500);
    const way = `${machinesWanted(scope).length - rest.length - 1} of ${machinesWanted(scope).length} are at ${wanted}`;
    const { what, hindrance } = await upgrade(scope, sight, next);
    if (hindrance === undefined) return waiting(`${what} (${way})`, LOOK_MS);
    return waiting(`${what} (${way})`, HINDERED_LOOK_MS, 'CLOUD_ADMIN', hindrance.reason);
  },
};

/** What is waited for, and what keeps it from coming until somebody acts. */
interface Awaited {
  what: string;
  hindrance?: Hindrance;
}

/** @throws Unavailable or UserError with the last words of what failed in the machine. */
const upgrade = async (scope: SeedScope, sight: VersionSight, machine: SeedMachine): Promise<Awaited> => {
  const { kube } = await scope.seed();
  const wanted = madeOf(scope).kubernetesVersion;
  const name = `${TASK}${machine.name}`;
  const task = await seeMachineTask(kube, name);
  if (task === undefined) {
    const absent = absentOf(scope, sight);
    if (absent !== undefined) return { what: `machine ${absent.name} of the control plane to be Ready` };
    const unready = unreadyOf(scope, sight, machine);
    if (unready !== undefined) return { what: `machine ${unready.name} to be Ready with ${unready.kubeletVersion}` };
    const trouble = troubleOf(scope, machine);
    const restMs = (trouble?.notBefore ?? 0) - scope.clock.now();
    if (trouble !== undefined && restMs > 0) throw errorOf(trouble.problem, restMs);
    const other = await superseded(scope);
    if (other !== undefined) return other;
    await sendMachineTask(kube, taskOf(scope, sight, machine, { name, way: await wayOf(scope, sight, machine) }));
    return { what: `machine ${machine.name} to begin its upgrade to ${wanted}` };
  }
  const { ended } = task;
  if (ended === undefined) {
    // What has not begun is not held on to when it would be asked for otherwise now.
    if (!task.started && (task.goal !== wanted || task.image !== imageFor(scope, sight, machine))) {
      await task.forget();
      return { what: `machine ${machine.name} to begin its upgrade to ${wanted}` };
    }
    return underWay(task);
  }
  const agoMs = scope.clock.now() - ended.atMs;
  if (task.goal === wanted && ended.good && agoMs < TELLS_MS)
    return { what: `the kubelet of machine ${machine.name} to say that it runs ${wanted}` };
  // Or it was on its way to what is not wanted any more.
  const old = task.goal !== wanted || agoMs > FORGOTTEN_MS;
  const failure = old ? undefined : failureOf(machine, wanted, task);
  if (failure !== undefined) await noteTrouble(scope, machine, failure);
  await task.forget();
  if (failure !== undefined) throw failure;
  return { what: `machine ${machine.name} to begin its upgrade to ${wanted}` };
};

/** Of an upgrade that this one took the place of: one that is at work in a machine is waited for, one that never began is taken away. */
const superseded = async (scope: SeedScope): Promise<Awaited | undefined> => {
  const { kube } = await scope.seed();
  const others = await listRunningTasks(kube);
  for (const other of others) if (!other.started && other.goal !== madeOf(scope).kubernetesVersion) await other.forget();
  const atWork = others.find(({ started, goal }) => started || goal === madeOf(scope).kubernetesVersion);
  if (atWork === undefined) return undefined;
  return atWork.started ? { what: `${machineIn(atWork)}, which is still being upgraded` } : underWay(atWork);
};

const machineIn = ({ name }: MachineTaskSight): string => name.replace(TASK, 'machine ');

const underWay = (task: MachineTaskSight): Awaited => {
  const { hindrance, said } = task;
  if (hindrance === undefined) return { what: `${machineIn(task)}, which ${stageIn(said)}` };
  const why = hindrance.message === '' ? '' : ` (${hindrance.message})`;
  return {
    what: `the pod of Job ${task.name} in kube-system to start and upgrade ${machineIn(task)}: ${hindrance.reason}${why}. ${remedyOf(hindrance)}`,
    hindrance,
  };
};

/** It is tried again by the kubelet, and nothing has been changed in the machine yet. */
const remedyOf = ({ reason }: Hindrance): string =>
  /image|registry/i.test(reason)
    ? 'Make that image available to the machine, or set SEEDBED_IMAGE_REGISTRY to a registry that has it; it goes on by itself then'
    : `Mend what keeps it (kubectl -n kube-system describe pod says more); it goes on by itself then`;

const troubleOf = (scope: SeedScope, { name }: SeedMachine): UpgradeTrouble | undefined => {
  const { upgradeTrouble: trouble } = placeOf(scope);
  return trouble?.machine === name && trouble.goal === madeOf(scope).kubernetesVersion ? trouble : undefined;
};

/** A condition forgets how often it failed when it waits again, as it does at each try. */
const noteTrouble = (scope: SeedScope, machine: SeedMachine, failure: SeedbedError): Promise<void> => {
  const failures = (troubleOf(scope, machine)?.failures ?? 0) + 1;
  const restMs = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (failures - 1));
  const notBefore = scope.clock.now() + restMs;
  const goal = madeOf(scope).kubernetesVersion;
  return patchPlace(scope, { upgradeTrouble: { machine: machine.name, goal, problem: failure.toProblem(), failures, notBefore } });
};

const forgetTrouble = async (scope: SeedScope): Promise<void> => {
  if (placeOf(scope).upgradeTrouble !== undefined) await patchPlace(scope, { upgradeTrouble: undefined });
};

/** The first of the control plane takes the cluster to the version, until it has come to its end, and all others follow. */
const wayOf = async (scope: SeedScope, sight: VersionSight, { controlPlane }: SeedMachine): Promise<'apply' | 'node'> => {
  if (!controlPlane) return 'node';
  const behind = new Set(machinesBehind(scope, sight).map(({ name }) => name));
  if (machinesWanted(scope).every((machine) => !machine.controlPlane || behind.has(machine.name))) return 'apply';
  const noted = await readClusterVersion((await scope.seed()).kube);
  return noted !== undefined && isOlder(noted, madeOf(scope).kubernetesVersion) ? 'apply' : 'node';
};

/** Of the release that the machine runs, whose image is on it. */
const imageFor = (scope: SeedScope, { version, nodes }: VersionSight, machine: SeedMachine): string => {
  const has = nodes.find((node) => node.name === machine.name)?.kubeletVersion ?? version;
  const { imageRegistry, imageDigests } = scope.world.settings;
  return imageOf({ imageRegistry, imageDigests, release: runningRelease(scope, has) }, 'pause');
};

const taskOf = (scope: SeedScope, sight: VersionSight, machine: SeedMachine, { name, way }: { name: string; way: 'apply' | 'node' }) => {
  const { packages } = scope.world.settings;
  const wanted = madeOf(scope).kubernetesVersion;
  const release = findRelease(wanted) ?? getOfferedRelease(wanted);
  return {
    name,
    nodeName: machine.name,
    image: imageFor(scope, sight, machine),
    unit: 'seedbed-upgrade',
    script: UPGRADE_SCRIPT,
    args: [wanted, way, packages === null ? '' : buildPackageSource(packages, release)],
    goal: wanted,
  };
};

const failureOf = ({ name }: SeedMachine, wanted: string, { ended, said }: MachineTaskSight): SeedbedError => {
  const reason = failureIn(said);
  if (reason?.endsWith(NO_REPOSITORY))
    return mendSeed(
      `Machine ${name} cannot be upgraded: ${reason}. Configure where packages of Kubernetes are (SEEDBED_PACKAGE_REPOSITORY, SEEDBED_PACKAGE_KEY_FILE), or install kubeadm and kubelet ${wanted} on it; then retry the operation.`,
    );
  const last = said.trim().split('\n').slice(-8).join('\n').slice(-WORDS);
  const what =
    ended?.good === true
      ? `Its upgrade to ${wanted} came to its end, and its kubelet does not say that it runs it`
      : `Its upgrade to ${wanted} failed and is tried again; its console says more`;
  return new Unavailable('SERVER_FAULT', `Machine ${name}: ${what}. ${last === '' ? 'It said nothing.' : `Its last words:\n${last}`}`, {
    whoMustAct: 'CLOUD_ADMIN',
  });
};
