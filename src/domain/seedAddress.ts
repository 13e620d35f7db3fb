/** To which machine of a made seed's control plane its floating IP leads, while the one that it leads to does not answer. */
import type { AddressRound } from './madeSeed.ts';

export interface AddressSight {
  /** In milliseconds since the epoch, as all times here. */
  now: number;
  silentSince: number | null;
  /** Index of the machine that it leads to. */
  at: number;
  movedAt: number | undefined;
  round: AddressRound | undefined;
  /** Of the control plane, in the order of their indices. `status`: Nova's word. */
  machines: readonly { index: number; status: string; isMember: boolean }[];
  /** Since when other seeds have been silent. */
  othersSilentSince: readonly number[];
}

export interface AddressMove {
  index: number;
  why: 'DOWN' | 'SILENT';
  /** Of a move for silence. */
  round?: AddressRound;
}

/** Silent for longer than an API server takes to be started again. */
const SILENT_MS = 20_000;
/** Nor is it led on sooner: who dials it has to find out. */
const PAUSE_MS = 20_000;
/** Once each machine has had its turn, for each move cuts what may be well and only Seedbed does not reach. */
const REST_MS = 600_000;
/** Seeds that fell silent within this time of each other did so for one reason, which is likelier Seedbed's own way to them. */
const TOGETHER_MS = 60_000;

/**
 * In these a machine surely does not run; in others (MIGRATING, VERIFY_RESIZE, REBOOT, PASSWORD) it does, or is back within seconds.
 * https://docs.openstack.org/nova/latest/reference/vm-states.html, https://docs.openstack.org/api-guide/compute/server_concepts.html
 */
const DOWN = new Set([
  ...['GONE', 'NEVER_MADE', 'BUILD', 'REBUILD', 'DELETED', 'SOFT_DELETED', 'ERROR', 'SHUTOFF', 'STOPPED'],
  ...['PAUSED', 'SUSPENDED', 'RESCUE', 'SHELVED', 'SHELVED_OFFLOADED'],
]);

/** Undefined: it stays. For silence it makes one round, which ends where it began, and goes on with a move in ten minutes. */
export const chooseHolder = (sight: AddressSight): AddressMove | undefined => {
  const { now, silentSince, at, movedAt = 0, machines } = sight;
  if (now - movedAt <= PAUSE_MS) return undefined;
  const holder = machines.find(({ index }) => index === at);
  const others = [...machines.filter(({ index }) => index > at), ...machines.filter(({ index }) => index < at)].filter(
    // One that has not joined yet has nothing to answer with.
    ({ isMember }) => isMember,
  );
  if (holder === undefined || DOWN.has(holder.status)) {
    const next = others.find(({ status }) => status === 'ACTIVE');
    return next && { index: next.index, why: 'DOWN' };
  }
  if (silentSince === null || now - silentSince <= SILENT_MS || isOurs(sight, silentSince)) return undefined;
  const running = others.filter(({ status }) => !DOWN.has(status));
  const [next] = running;
  if (next === undefined) return undefined;
  const moves = sight.round?.since === silentSince ? sight.round.moves : 0;
  if (moves > running.length && now - movedAt <= REST_MS) return undefined;
  return { index: next.index, why: 'SILENT', round: { since: silentSince, moves: moves + 1 } };
};

/** Not for ever, for machines of several seeds may have been on one host that died. */
const isOurs = ({ now, othersSilentSince }: AddressSight, silentSince: number): boolean =>
  now - silentSince <= REST_MS && othersSilentSince.some((since) => Math.abs(since - silentSince) <= TOGETHER_MS);
