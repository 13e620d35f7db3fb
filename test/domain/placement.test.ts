import fc from 'fast-check';
import { expect, test } from 'vitest';
import { choosePlacement, type PlacementWish } from '../../src/domain/placement.ts';
import type { SeedCandidate } from '../../src/domain/seed.ts';

const seed = (more: Partial<SeedCandidate>): SeedCandidate => ({
  id: more.name ?? 'a',
  name: 'a',
  region: null,
  labels: {},
  cordoned: false,
  state: 'READY',
  maxClusters: null,
  weight: 100,
  used: 0,
  exposure: 'LOAD_BALANCER',
  cidrs: [],
  free: null,
  ...more,
});
const ANY: PlacementWish = {
  seedId: null,
  region: null,
  selector: {},
  cidrs: ['10.200.0.0/16'],
  kept: false,
  floatingIp: false,
  demand: { cpuMillicores: 50, memoryMiB: 400 },
};

test.each<[string, Partial<SeedCandidate>, Partial<PlacementWish>, RegExp]>([
  ['not ready', { state: 'NOT_READY' }, {}, /not ready/],
  ['cordoned', { cordoned: true }, {}, /cordoned/],
  ['full', { maxClusters: 2, used: 2 }, {}, /full: 2 of 2/],
  ['without cores', { free: { cpuMillicores: 49, memoryMiB: 9_000 } }, {}, /no room: its pods leave 49 millicores, .* asks for 50/],
  ['without memory', { free: { cpuMillicores: 900, memoryMiB: -3 } }, {}, /no room: its pods leave 0 MiB of memory, .* asks for 400/],
  ['of another region', { region: 'r1' }, { region: 'r2' }, /region r1, not r2/],
  ['without a label', { labels: { tier: 'iron' } }, { selector: { tier: 'gold' } }, /tier=gold/],
  ['without a label that objects are born with', {}, { selector: { constructor: 'x' } }, /constructor=x/],
  ['with the same range', { cidrs: ['fd00::/8', '10.192.0.0/12'] }, {}, /10.192.0.0\/12/],
  ['on node ports', { exposure: 'NODE_PORT' }, { kept: true }, /allowedCidrs/],
  ['without floating IPs', { exposure: 'NODE_PORT' }, { floatingIp: true }, /floating IP/],
  ['not the one asked for', {}, { seedId: 'b' }, /by name/],
])('a seed %s takes nothing and says why', (_what, candidate, wish, reason) => {
  const { seedId, reasons } = choosePlacement([seed(candidate)], { ...ANY, ...wish });
  expect(seedId).toBeNull();
  expect(reasons).toEqual([{ seedId: 'a', seedName: 'a', fits: false, reason: expect.stringMatching(reason) }]);
});

const candidates = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1 }),
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    region: fc.constantFrom(null, 'r1', 'r2'),
    labels: fc.constantFrom<Record<string, string>>({}, { tier: 'gold' }),
    cordoned: fc.boolean(),
    state: fc.constantFrom('READY' as const, 'NOT_READY' as const),
    maxClusters: fc.constantFrom(null, 0, 3),
    weight: fc.constantFrom(0, 1, 100, 300),
    used: fc.nat(5),
    exposure: fc.constantFrom('LOAD_BALANCER' as const, 'NODE_PORT' as const),
    cidrs: fc.constantFrom<string[]>([], ['10.200.4.0/24'], ['172.16.0.0/12']),
    free: fc.constantFrom(null, { cpuMillicores: 100, memoryMiB: 500 }, { cpuMillicores: 100, memoryMiB: 100 }),
  }),
  { selector: (s) => s.id, maxLength: 8 },
);
const wishes = fc.record({
  seedId: fc.constant(null),
  region: fc.constantFrom(null, 'r1'),
  selector: fc.constantFrom<Record<string, string>>({}, { tier: 'gold' }),
  cidrs: fc.constantFrom(['10.200.0.0/16'], ['10.1.0.0/16']),
  kept: fc.boolean(),
  floatingIp: fc.boolean(),
  demand: fc.constantFrom({ cpuMillicores: 50, memoryMiB: 400 }, { cpuMillicores: 200, memoryMiB: 50 }),
});

test('the choice fits, is loaded least for its weight of those that fit, and hangs on no order', () => {
  fc.assert(
    fc.property(candidates, wishes, fc.integer(), (list, wish, turn) => {
      const { seedId, reasons } = choosePlacement(list, wish);
      expect(reasons).toHaveLength(list.length);
      const fits = list.filter((s) => reasons.find((r) => r.seedId === s.id)?.fits);
      const chosen = list.find((s) => s.id === seedId);
      expect(chosen === undefined).toBe(fits.length === 0);
      if (chosen !== undefined) {
        expect(chosen.state === 'READY' && !chosen.cordoned && chosen.used < (chosen.maxClusters ?? 99)).toBe(true);
        expect((chosen.free?.memoryMiB ?? 999) >= wish.demand.memoryMiB).toBe(true);
        const loadOf = (s: SeedCandidate) => (s.weight === 0 ? 1e9 + s.used : (s.used + 1) / s.weight);
        expect(fits.every((s) => loadOf(s) > loadOf(chosen) || (loadOf(s) === loadOf(chosen) && s.name >= chosen.name))).toBe(true);
      }
      const k = list.length === 0 ? 0 : Math.abs(turn % list.length);
      expect(choosePlacement([...list.slice(k), ...list.slice(0, k)].reverse(), wish)).toEqual({ seedId, reasons });
    }),
  );
});

test('with one weight for all, the fewest clusters decide, whatever the weight is', () => {
  fc.assert(
    fc.property(candidates, wishes, fc.constantFrom(0, 1, 1_000), (list, wish, weight) => {
      const { seedId, reasons } = choosePlacement(
        list.map((s) => ({ ...s, weight })),
        wish,
      );
      const fits = list.filter((s) => reasons.find((r) => r.seedId === s.id)?.fits);
      const fewest = fits.sort((a, b) => a.used - b.used || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1))[0];
      expect(seedId).toBe(fewest?.id ?? null);
      expect(reasons.every(({ reason }) => !reason.includes('weight'))).toBe(true);
    }),
  );
});

test('each seed gets no fewer clusters than its weight is of all weights, rounded down, and one with a weight of 0 none', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(weights, (given) => {
      const whole = given.reduce((a, b) => a + b);
      const list = [0, ...given].map((weight, i) => seed({ id: `${i}`, name: `${i}`, weight }));
      const clusters = 60;
      for (let i = 0; i < clusters; i += 1) {
        const { seedId } = choosePlacement(list, ANY);
        for (const s of list) if (s.id === seedId) s.used += 1;
      }
      expect(list[0]?.used).toBe(0);
      // A divisor method may give a seed more than the next whole number, but never less than the last.
      for (const s of list) expect(s.used).toBeGreaterThanOrEqual(Math.floor((clusters * s.weight) / whole));
    }),
  );
});

test('a seed with a weight of 0 takes what fits nowhere else, and the reasons say what was weighed', () => {
  const heavy = seed({ id: 'h', name: 'h', weight: 300, used: 5 });
  const light = seed({ id: 'l', name: 'l', weight: 100, used: 2 });
  const spare = seed({ id: 's', name: 's', weight: 0 });
  expect(choosePlacement([light, spare, heavy], ANY)).toEqual({
    seedId: 'h',
    reasons: [
      {
        seedId: 'h',
        seedName: 'h',
        fits: true,
        reason: 'Chosen: it has the fewest clusters for its weight (5, with a weight of 300).',
      },
      { seedId: 'l', seedName: 'l', fits: true, reason: 'Fits, with 2 clusters and a weight of 100.' },
      { seedId: 's', seedName: 's', fits: true, reason: 'Fits, with 0 clusters and a weight of 0.' },
    ],
  });
  const full = [heavy, light].map((s) => ({ ...s, maxClusters: s.used }));
  expect(choosePlacement([...full, spare], ANY)).toMatchObject({
    seedId: 's',
    reasons: [{ fits: false }, { fits: false }, { reason: 'Chosen: it has the fewest clusters (0).' }],
  });
});
