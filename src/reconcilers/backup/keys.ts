/** A cluster's keys as they lie beside its snapshot: sealed with Seedbed's own, for one backup. */
import type { ClusterPki } from '../../pki/bundle.ts';
import type { World } from '../world.ts';

type Sealing = Pick<World, 'secrets'>;

const placeOf = (backupId: string): string => `backup/${backupId}`;

export const sealKeys = ({ secrets }: Sealing, backupId: string, pki: ClusterPki): string =>
  secrets.seal(JSON.stringify(pki), placeOf(backupId));

export const openKeys = ({ secrets }: Sealing, backupId: string, sealed: string): ClusterPki =>
  JSON.parse(secrets.open(sealed, placeOf(backupId))) as ClusterPki;
