/** Usage: what of a cluster was there for how long, and how that is told. */

/** What is counted, each in its own unit. */
export type UsageKind = 'WORKER_CPU' | 'CONTROL_PLANE_CPU' | 'VOLUME' | 'ADDRESS';

/** CPUs in thousandths, so that all are whole numbers; volumes in GiB; addresses by their number. */
export interface Use {
  kind: UsageKind;
  amount: number;
}

const MILLIS_A_CPU = 1_000;

/** `vcpus`: of a flavor. */
export const workerUse = (vcpus: number): Use => ({ kind: 'WORKER_CPU', amount: vcpus * MILLIS_A_CPU });

/** Amount × milliseconds, by kind. */
export type UsageSums = Partial<Record<UsageKind, number>>;

export interface UsageFigures {
  workerVcpuHours: number;
  controlPlaneVcpuHours: number;
  volumeGiBHours: number;
  addressHours: number;
}

/** Rounded here and nowhere else, so that a total is that of what was, and not of rounded parts. */
export const figuresOf = (sums: UsageSums): UsageFigures => ({
  workerVcpuHours: hours(sums.WORKER_CPU, MILLIS_A_CPU),
  controlPlaneVcpuHours: hours(sums.CONTROL_PLANE_CPU, MILLIS_A_CPU),
  volumeGiBHours: hours(sums.VOLUME),
  addressHours: hours(sums.ADDRESS),
});

const HOUR_MS = 3_600_000;

/** To a thousandth, half up. */
const hours = (sum = 0, of = 1): number => Math.round(sum / ((of * HOUR_MS) / 1_000)) / 1_000;

export const addSums = (a: UsageSums, b: UsageSums): UsageSums => {
  const sums: UsageSums = { ...a };
  for (const [kind, sum] of Object.entries(b) as [UsageKind, number][]) sums[kind] = (sums[kind] ?? 0) + sum;
  return sums;
};

/** Those that used the most CPU first; for each other by name, so that the order never hangs on that of rows. */
export const byUsage = (a: { name: string; sums: UsageSums }, b: { name: string; sums: UsageSums }): number =>
  cpuOf(b.sums) - cpuOf(a.sums) || (a.name < b.name ? -1 : 1);

/** What a list by use goes by. */
export const cpuOf = ({ WORKER_CPU = 0, CONTROL_PLANE_CPU = 0 }: UsageSums): number => WORKER_CPU + CONTROL_PLANE_CPU;
