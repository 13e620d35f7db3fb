/** What a simulated etcd member tells of its disk: each write of the hosted cluster is one fsync of its log and one commit of its data. */

export interface DiskMetrics {
  /** `ms`: about how long the disk takes for an fsync now. */
  wrote(ms: number): void;
  /** In Prometheus' text form, with a few of the other things that etcd tells. */
  text(): string;
}

/** As etcd's: from 1 ms on, each twice the last. */
const BOUNDS = Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i);

interface Histogram {
  observe(seconds: number): void;
  lines(): string[];
}

const createHistogram = (name: string, help: string): Histogram => {
  const counts = BOUNDS.map(() => 0);
  let [sum, total] = [0, 0];
  return {
    observe(seconds) {
      BOUNDS.forEach((bound, i) => {
        if (seconds <= bound) counts[i] = (counts[i] ?? 0) + 1;
      });
      sum += seconds;
      total += 1;
    },
    lines: () => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} histogram`,
      ...BOUNDS.map((bound, i) => `${name}_bucket{le="${bound}"} ${counts[i]}`),
      `${name}_bucket{le="+Inf"} ${total}`,
      `${name}_sum ${sum}`,
      `${name}_count ${total}`,
    ],
  };
};

/** `startedAt`: of the member's process, in milliseconds since the epoch. */
export const createDiskMetrics = (startedAt: number): DiskMetrics => {
  const fsync = createHistogram('etcd_disk_wal_fsync_duration_seconds', 'The latency distributions of fsync called by WAL.');
  const commit = createHistogram('etcd_disk_backend_commit_duration_seconds', 'The latency distributions of commit called by backend.');
  let writes = 0;
  return {
    wrote(ms) {
      // From 0.6 to 1.4 times as long.
      const seconds = (ms * (0.6 + (writes % 9) / 10)) / 1000;
      writes += 1;
      fsync.observe(seconds);
      commit.observe(2 * seconds);
    },
    text: () =>
      [
        ...commit.lines(),
        ...fsync.lines(),
        '# TYPE etcd_server_has_leader gauge',
        'etcd_server_has_leader 1',
        '# TYPE process_start_time_seconds gauge',
        `process_start_time_seconds ${startedAt / 1000}`,
        '',
      ].join('\n'),
  };
};
