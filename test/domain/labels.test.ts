import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../src/domain/errors.ts';
import { listIgnoredLabels } from '../../src/domain/ignoredLabels.ts';
import { listMappedLabels, readLabels } from '../../src/domain/labels.ts';
import { faultOfLabel } from '../../src/domain/names.ts';

test('no label is both mapped and ignored, and each ignored one is kept as given', () => {
  const mapped = new Set(listMappedLabels());
  expect(listIgnoredLabels().filter((name) => mapped.has(name))).toEqual([]);
  const given = Object.fromEntries(listIgnoredLabels().map((name) => [name, `value of ${name}`]));
  expect(readLabels(given, 'FLANNEL')).toEqual({ fields: {}, origins: {}, ignored: given });
});

test('the pod range comes from the label of the network driver in effect', () => {
  const labels = { flannel_network_cidr: '10.1.0.0/16', calico_ipv4pool: '10.2.0.0/16', cilium_ipv4pool: '10.3.0.0/16' };
  expect(readLabels(labels, 'FLANNEL').fields).toEqual({ podCidr: '10.1.0.0/16' });
  expect(readLabels(labels, 'CALICO').fields).toEqual({ podCidr: '10.2.0.0/16' });
  expect(readLabels(labels, 'CILIUM').origins).toEqual({ podCidr: 'cilium_ipv4pool' });
  expect(Object.keys(readLabels(labels, 'NONE').ignored)).toHaveLength(3);
});

test('a boot volume of 0 is none, as in Magnum', () => {
  expect(readLabels({ boot_volume_size: '0' }, 'NONE').fields).toEqual({ rootVolume: null });
});

test("of Magnum's ingress controllers one is served, none is none, and the others are refused with what to do", () => {
  const wanted = (value: string) => readLabels({ ingress_controller: value }, 'NONE').fields.addons?.ingressController?.enabled;
  expect(['traefik', ' Traefik', ''].map(wanted)).toEqual([true, true, false]);
  for (const other of ['nginx', 'octavia'])
    expect(() => wanted(other)).toThrow(/"ingress_controller" is not served.* say "traefik", or leave/);
  expect(() => wanted('toString')).toThrow(/must be "traefik" or empty/);
});

test('ranges are given separated by commas, and what is none is refused', () => {
  expect(readLabels({ master_lb_allowed_cidrs: '10.1.2.3/8, 203.0.113.7' }, 'NONE').fields).toEqual({
    controlPlane: { allowedCidrs: ['10.0.0.0/8', '203.0.113.7/32'] },
  });
  expect(() => readLabels({ master_lb_allowed_cidrs: '10.0.0.0/8,all' }, 'NONE')).toThrow(/IPv4 ranges/);
});

test('any other name is refused as unknown, also one that every object has', () => {
  const known = new Set([...listMappedLabels(), ...listIgnoredLabels(), 'grafana_admin_passwd']);
  const unknown = fc
    .oneof(fc.string(), fc.constantFrom('constructor', 'toString', '__proto__', 'hasOwnProperty'))
    .filter((name) => !known.has(name));
  fc.assert(
    fc.property(unknown, (name) => {
      const labels: Record<string, string> = JSON.parse(`{${JSON.stringify(name)}: "x"}`);
      expect(() => readLabels(labels, 'FLANNEL')).toThrow(expect.objectContaining({ code: 'UNKNOWN_LABEL' }));
    }),
  );
});

test('values are bounded', () => {
  expect(() => readLabels({ etcd_tag: 'x'.repeat(256) }, 'NONE')).toThrow(UserError);
  expect(() => readLabels(Object.fromEntries(Array.from({ length: 151 }, (_, i) => [`l${i}`, ''])), 'NONE')).toThrow(/At most 150/);
});

test('names are DNS labels and nothing else', () => {
  for (const good of ['a', '1', 'a-b', 'a'.repeat(40)]) expect(faultOfLabel(good, 40)).toBeNull();
  for (const bad of ['', '-a', 'a-', 'A', 'a_b', 'a.b', 'ä', 'a\n', 'a'.repeat(41), 'a b'])
    expect(faultOfLabel(bad, 40)).toContain('1 to 40');
});
