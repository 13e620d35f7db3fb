import { expect, test } from 'vitest';
import { afterDiskLook, type DiskReading, diskAdviceOf, type EtcdDisk, isDiskLookDue, readDiskMetrics } from '../../src/domain/etcdDisk.ts';

const MINUTE = 60_000;
const BOUNDS = Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i);

/** `fast` writes took 1.5 ms, `slow` ones `ms`. */
const reading = (fast: number, slow = 0, ms = 100, started = '1'): DiskReading => {
  const counts = [...BOUNDS, Number.POSITIVE_INFINITY].map((bound) => (bound >= 0.0015 ? fast : 0) + (bound * 1000 >= ms ? slow : 0));
  const histogram = { bounds: BOUNDS, counts };
  return { started, fsync: histogram, commit: histogram };
};
/** What each look found in the only member, one after the other. */
const after = (...readings: (DiskReading | null)[]): EtcdDisk =>
  readings.reduce<EtcdDisk | null>((disk, found, i) => afterDiskLook(disk, new Map([[0, found]]), 100, i * MINUTE), null) as EtcdDisk;

test('etcd says it all in its metrics, or nothing is taken', () => {
  const lines = (name: string) =>
    `etcd_disk_${name}_duration_seconds_bucket{le="0.001"} 4\netcd_disk_${name}_duration_seconds_bucket{le="+Inf"} 5\n`;
  const metrics = `${lines('wal_fsync')}${lines('backend_commit')}process_start_time_seconds 1.7958821541e+09\n`;
  const histogram = { bounds: [0.001], counts: [4, 5] };
  expect(readDiskMetrics(metrics)).toEqual({ started: '1.7958821541e+09', fsync: histogram, commit: histogram });
  for (const part of ['wal_fsync', 'backend_commit', 'process_start']) expect(readDiskMetrics(metrics.replaceAll(part, 'x'))).toBeNull();
  expect(readDiskMetrics('curl: (28) Connection timed out')).toBeNull();
});

test('the first look comes ten minutes after the making; one has no figures yet, and two that are well are half an hour apart', () => {
  expect(isDiskLookDue({ etcdDisk: null, createdAt: 0 }, 10 * MINUTE - 1)).toBe(false);
  expect(isDiskLookDue({ etcdDisk: null, createdAt: 0 }, 10 * MINUTE)).toBe(true);
  const first = after(reading(1_000, 1_000));
  expect(first).toMatchObject({ lookAt: 10 * MINUTE, members: [{ number: 0, fsyncP99Ms: null, seenAt: null, slow: [] }] });
  const second = after(reading(1_000, 1_000), reading(2_000, 1_000));
  expect(second).toMatchObject({ lookAt: 31 * MINUTE, members: [{ fsyncP99Ms: 2, commitP99Ms: 2, seenAt: MINUTE, slow: [] }] });
  expect(diskAdviceOf(second, 100)).toBeNull();
  expect(isDiskLookDue({ etcdDisk: second, createdAt: 0 }, 31 * MINUTE)).toBe(true);
});

test('what was slow since the last look is told with figures and with whose move it is, and looked at again sooner', () => {
  const disk = after(reading(1_000), reading(1_900, 100, 30));
  expect(disk).toMatchObject({ lookAt: 11 * MINUTE, members: [{ slow: ['fsync', 'commit'] }] });
  const advice = diskAdviceOf(disk, 100);
  expect(advice).toContain('for its heartbeat of 100 ms: 99 of 100 times of member 0');
  expect(advice).toContain("the log's fsync takes up to 32 ms, and it should take no more than 10");
  expect(advice).toContain("the data's commit takes up to 32 ms, and it should take no more than 25");
  expect(advice).toContain('A cloud administrator should give it a faster StorageClass');
  expect(advice).not.toContain('longer than a heartbeat');
  expect(diskAdviceOf(after(reading(1_000), reading(1_900, 100, 500)), 100)).toContain('longer than a heartbeat');
});

test('what is too slow hangs on the heartbeat', () => {
  const looks = [reading(1_000), reading(1_900, 100, 30)];
  const with1s = looks.reduce<EtcdDisk | null>((disk, found) => afterDiskLook(disk, new Map([[0, found]]), 1_000, 0), null);
  expect(diskAdviceOf(with1s, 1_000)).toBeNull();
});

test('advice is taken back when the disk is well below the limit, not at it', () => {
  const slow = [reading(1_000), reading(1_000, 1_000, 30)];
  // All within 16 ms: 99 of 100 within 15.9. Then within 10 ms, as if a few took longer than 8: above four fifths of the limit.
  const atLimit = reading(1_970, 1_000, 30);
  atLimit.fsync = { bounds: BOUNDS, counts: atLimit.fsync.counts.map((count, i) => count + (i >= 4 ? 30 : i === 3 ? 18 : 0)) };
  const still = after(...slow, atLimit);
  expect(still.members[0]?.fsyncP99Ms).toBeGreaterThan(8);
  expect(still.members[0]?.fsyncP99Ms).toBeLessThan(10);
  expect(still.members[0]?.slow).toEqual(['fsync']);
  expect(after(reading(1_000, 1_000, 30), atLimit).members[0]).toMatchObject({ fsyncP99Ms: still.members[0]?.fsyncP99Ms, slow: [] });
  expect(diskAdviceOf(after(...slow, reading(2_000, 1_000, 30)), 100)).toBeNull();
});

test('few writes say nothing and are counted on; another process begins anew; who does not answer keeps what is known', () => {
  const few = after(reading(1_000), reading(1_060, 1), reading(1_099, 1));
  expect(few.members[0]).toMatchObject({ fsyncP99Ms: 2, seenAt: 2 * MINUTE });
  expect(after(reading(1_000), reading(1_060)).members[0]).toMatchObject({ fsyncP99Ms: null, seenAt: null });
  const slow = [reading(1_000), reading(1_000, 1_000)];
  expect(diskAdviceOf(after(...slow), 100)).not.toBeNull();
  // It counts further than the one before, which alone would look like one and the same.
  expect(after(...slow, reading(5_000, 5_000, 100, '2')).members[0]).toMatchObject({ fsyncP99Ms: null, seenAt: null, slow: [] });
  const silent = after(...slow, null);
  expect(silent).toMatchObject({ unread: true, lookAt: 32 * MINUTE, members: after(...slow).members });
  expect(after(null)).toEqual({ unread: true, lookAt: 30 * MINUTE, members: [] });
});

test('a member that is not asked any more is forgotten', () => {
  const two = afterDiskLook(
    null,
    new Map([
      [0, reading(1)],
      [1, reading(1)],
    ]),
    100,
    0,
  );
  expect(two.members.map(({ number }) => number)).toEqual([0, 1]);
  expect(afterDiskLook(two, new Map([[0, reading(1)]]), 100, 0).members.map(({ number }) => number)).toEqual([0]);
});
