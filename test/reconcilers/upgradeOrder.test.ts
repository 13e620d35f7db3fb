/** What is noted of an upgrade on its way. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Upgrade } from '../../src/domain/upgrade.ts';
import type { ClusterScope } from '../../src/reconcilers/cluster/scope.ts';
import { checkWayBack } from '../../src/reconcilers/cluster/upgradeOrder.ts';
import { type ClusterRow, loadCluster, patchCluster } from '../../src/store/reconcile.ts';
import { ANNA, call, type House, openHouse, TEMPLATE } from '../commands/house.ts';

const [OLD, NEW] = ['v1.35.4', 'v1.36.3'];
let house: House;
let row: ClusterRow;

beforeEach(async () => {
  house = openHouse();
  await house.commands.createClusterTemplate(call(ANNA), TEMPLATE);
  const { cluster } = await house.commands.createCluster(call(ANNA), { name: 'blue', clusterTemplate: TEMPLATE.name });
  await write(
    { runningVersion: OLD, spec: { ...cluster.spec, kubernetesVersion: NEW }, upgrade: { newestApiServer: OLD, controlPlaneOnly: true } },
    cluster.id,
  );
  row = (await loadCluster(house.store.db, cluster.id)) as ClusterRow;
});
afterEach(() => house.close());

const write = (patch: Partial<ClusterRow>, id = row.id) => house.store.transaction((tx) => patchCluster(tx, id, patch));

const image = `registry.k8s.io/kube-apiserver:${NEW}`;
const running = {
  spec: { containers: [{ name: 'kube-apiserver', image }] },
  status: { containerStatuses: [{ name: 'kube-apiserver', restartCount: 0, state: { running: {} } }] },
};

/** Looks at API servers of the new version, while somebody asks for `meanwhile`. */
const look = async (meanwhile: Upgrade): Promise<Upgrade | null> => {
  const list = async () => {
    await write({ upgrade: meanwhile });
    return { items: [running] };
  };
  await checkWayBack({
    row,
    write: house.store.transaction,
    hosted: async () => ({ namespace: 'blue', shortId: row.shortId }),
    seed: async () => ({ kube: { list } }),
  } as unknown as ClusterScope);
  return (await loadCluster(house.store.db, row.id))?.upgrade ?? null;
};

test('which version has run is noted, and takes nothing from an upgrade that was asked for during the look: its backup comes first', async () => {
  const asked = { newestApiServer: OLD, controlPlaneOnly: false, backupId: 'before' };
  expect(await look(asked)).toEqual({ ...asked, newestApiServer: NEW });
  expect(row.upgrade).toEqual({ newestApiServer: NEW, controlPlaneOnly: true });
});
