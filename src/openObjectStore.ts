/** The object store for backups, as the configuration says: a folder, Swift or S3. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { splitHostPort } from './lib/hostPort.ts';
import type { Log } from './lib/log.ts';
import { openDirectoryStore } from './objectStore/directory.ts';
import type { ObjectStore } from './objectStore/objectStore.ts';
import { openS3Store } from './objectStore/s3.ts';
import { openSwiftStore } from './objectStore/swift.ts';
import type { ObjectStorage } from './openstack/objectStorage.ts';
import { type AuthorityDeps, loadOwnAuthority, loadOwnKey } from './ownAuthority.ts';
import { issueOwnServer } from './pki/ownServer.ts';

interface ObjectStoreDeps extends AuthorityDeps {
  log: Log;
  /** As Seedbed's own user has it. */
  swift: ObjectStorage;
}

/** How long a call of Seedbed's own may take. */
const TIMEOUT_MS = 30_000;

/** null: the operator has set none up. Neither Swift nor S3 is called yet. */
export const openObjectStore = async (config: Config, deps: ObjectStoreDeps): Promise<ObjectStore | null> =>
  (await openSwift(config, deps)) ?? openS3(config, deps) ?? (await openFolder(config, deps));

const openSwift = async ({ backupSwiftContainer: container, cloudCa: caPem }: Config, deps: ObjectStoreDeps) => {
  if (container === null) return null;
  const urlKey = await loadOwnKey(deps, 'backupUrlKey');
  return openSwiftStore({ account: deps.swift, container, urlKey, caPem, clock: deps.clock, timeoutMs: TIMEOUT_MS });
};

const openS3 = (config: Config, { clock }: ObjectStoreDeps): ObjectStore | null => {
  const { backupS3Endpoint: endpoint, backupS3Bucket: bucket, backupS3AccessKey: accessKey, backupS3Ca: caPem } = config;
  const secretKey = config.backupS3SecretKey ?? config.backupS3SecretKeyFile;
  if (endpoint === null || bucket === null || accessKey === null || secretKey === null) return null;
  const region = config.backupS3Region ?? 'us-east-1';
  return openS3Store({ settings: { endpoint, bucket, region, accessKey, secretKey, caPem }, clock, timeoutMs: TIMEOUT_MS });
};

const openFolder = async (
  { backupListen: listen, backupAddress: address, backupFolder, data }: Config,
  deps: ObjectStoreDeps,
): Promise<ObjectStore | null> => {
  if (listen === null || address === null) return null;
  const authority = await loadOwnAuthority(deps, 'backupAuthority');
  const { cert, key } = await issueOwnServer(authority, splitHostPort(address).host, { now: deps.clock.now });
  const urlKey = createHash('sha256').update('seedbed backup urls').update(authority.key).digest();
  const folder = backupFolder ?? join(data, 'backups');
  const tls = { cert, key, caPem: authority.cert };
  return openDirectoryStore({ folder, listen, address, tls, urlKey, clock: deps.clock, log: deps.log });
};
