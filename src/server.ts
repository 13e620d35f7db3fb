/** Puts the server together: opens what it needs, starts the API and the worker, and closes all of it again. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { isBuiltIn } from './addons/builtIn.ts';
import { type Api, startApi } from './api/server.ts';
import type { ApiDeps } from './api/settings.ts';
import { OperationError } from './api/storedOperation.ts';
import * as clientDocuments from './client/documents.ts';
import type { CommandDeps } from './commands/call.ts';
import { createCommands } from './commands/commands.ts';
import { createScaling } from './commands/scaleNodeGroup.ts';
import { type Config, ConfigError, projectLimitsOf, ratesOf, roleNamesOf } from './config.ts';
import type { PackageRepository } from './controlPlane/packages.ts';
import { checkUserData } from './controlPlane/userData.ts';
import { DATABASE, MIGRATIONS } from './database.ts';
import { isEnforced, reachOfRules } from './domain/accessRule.ts';
import type { Actor } from './domain/actor.ts';
import { tokenKindOf } from './domain/auditLog.ts';
import type { Policy } from './domain/policy.ts';
import { createWorker } from './engine/worker.ts';
import { startHousekeeping } from './housekeeping.ts';
import { loadEncryptionKeys } from './keyFile.ts';
import { systemClock } from './lib/clock.ts';
import { splitHostPort } from './lib/hostPort.ts';
import { newId, randomToken } from './lib/ids.ts';
import { createLog, type Log } from './lib/log.ts';
import { createMetrics } from './lib/metrics.ts';
import { tryStore } from './objectStore/trial.ts';
import { openObjectStore } from './openObjectStore.ts';
import { createProjectCatalogue } from './openstack/catalogue.ts';
import { type Cloud, cloudAs, createCloudFactory } from './openstack/session.ts';
import type { TokenInfo } from './openstack/token.ts';
import { type AuthorityDeps, loadOwnAuthority } from './ownAuthority.ts';
import { issueOwnServer } from './pki/ownServer.ts';
import { issueUserCertificate } from './pki/userCertificate.ts';
import { issueUserKubeconfig } from './pki/userKubeconfig.ts';
import { readPolicy } from './policyFile.ts';
import { createBackupHandler } from './reconcilers/backup/handler.ts';
import { createClouds } from './reconcilers/clouds.ts';
import { createClusterHandler } from './reconcilers/cluster/handler.ts';
import { createWorkloads } from './reconcilers/cluster/workloads.ts';
import { createNetworkSights } from './reconcilers/networkSights.ts';
import { createNodeHandler } from './reconcilers/node/handler.ts';
import { createNodeGroupHandler } from './reconcilers/nodeGroup/handler.ts';
import { createOrphansHandler } from './reconcilers/orphans/handler.ts';
import { createSeedHandler } from './reconcilers/seed/handler.ts';
import { createSeedRegistry } from './reconcilers/seedRegistry.ts';
import { createServerPolls } from './reconcilers/serverPolls.ts';
import { createTenantRegistry } from './reconcilers/tenantRegistry.ts';
import { createTrustSights } from './reconcilers/trustSights.ts';
import type { AutoscalerEnd, World } from './reconcilers/world.ts';
import { parseKubeconfig } from './seeds/kubeconfig.ts';
import { parseManifests } from './seeds/manifests.ts';
import { holdDatabase } from './store/hold.ts';
import { openStore } from './store/open.ts';
import { createSealer } from './store/sealing.ts';
import { createSecrets } from './store/secrets.ts';
import { wakeBackups, wakeHealing } from './store/wake.ts';
import { createQueue } from './store/workItems.ts';
import { watchTlsFiles } from './tlsFiles.ts';

export interface RunningServer {
  url: string;
  log: Log;
  /** Sockets are closed with a code, passes end or are given back, the database is closed. */
  close(graceMs: number): Promise<void>;
}

const USUAL_DRIFT_SECONDS = 600;
/** What was seen of a project serves all looks of a tenth of that time. */
const SIGHTS_SHARE = 0.1;

const packagesOf = ({ packageRepository: url, packageKey: key }: Config): PackageRepository | null =>
  url === null || key === null ? null : { url, key };

export const startServer = async (config: Config): Promise<RunningServer> => {
  const clock = systemClock;
  const log = createLog(config.logLevel);
  const registry = new Registry();
  const metrics = createMetrics(registry);
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  const keys = loadEncryptionKeys(config.encryptionKeyFile, config.data);
  const path = join(config.data, DATABASE);
  const hold = holdDatabase(path);
  const store = openStore({ path, migrations: MIGRATIONS, clock });
  const secrets = createSecrets(createSealer(keys));
  const addresses = { allowPrivate: true, allowLoopback: config.seedsOnLoopback };

  const factory = createCloudFactory({
    settings: {
      authUrl: config.keystoneUrl,
      region: config.region,
      interface: config.cloudInterface,
      caPem: config.cloudCa,
      timeoutMs: config.cloudTimeoutSeconds * 1000,
    },
    clock,
    onCall: metrics.cloudCall,
  });
  const login = {
    username: config.keystoneUsername,
    password: config.keystonePassword,
    userDomainName: config.keystoneUserDomain,
    projectName: config.keystoneProject,
    projectDomainName: config.keystoneProjectDomain,
  };
  const service = factory.open({ kind: 'password', ...login });
  const catalogues = createProjectCatalogue({ clock });
  const clouds = createClouds({ factory, login, userDomain: config.userDomain, secrets });
  /** How long what a project has is believed. */
  const maxAgeMs = SIGHTS_SHARE * config.driftSeconds * 1000;
  const autoscaler = await autoscalerEnd(config, { store, secrets, clock });
  const objects = await openObjectStore(config, { store, secrets, clock, log, swift: service.objectStorage });
  const world: World = {
    store,
    secrets,
    clock,
    random: Math.random,
    log,
    settings: {
      driftFactor: config.driftSeconds / USUAL_DRIFT_SECONDS,
      cutOffMs: config.cutOffSeconds * 1000,
      drainMs: config.drainSeconds * 1000,
      imageRegistry: config.imageRegistry,
      imageDigests: config.imageDigests,
      packages: packagesOf(config),
      cloud: { authUrl: config.keystoneUrl, region: config.region, caPem: config.cloudCa, interface: config.cloudInterface },
      egressCidrs: config.egressCidrs,
      trustRoles: config.trustRoles,
      sourceCidrs: config.sourceCidrs,
      projectLimits: projectLimitsOf(config),
    },
    clouds,
    seeds: createSeedRegistry({ store, secrets, clock, policy: addresses, onCall: metrics.seedCall }),
    tenants: createTenantRegistry({ store, secrets, clock, policy: addresses }),
    servers: createServerPolls({ store, clock, log }),
    autoscaler,
    objects,
    networks: createNetworkSights({ clock, maxAgeMs }),
    trusts: createTrustSights({ clock, maxAgeMs, listIds: () => clouds.asTrustee().identity.lentTrustIds() }),
  };

  const queue = createQueue({ store, clock });
  // One process owns a SQLite file, so a lease that is still held is a dead predecessor's, and what it listened to has gone unheard since.
  await queue.takeOver();
  // What broke while nobody watched is found at once, and not at the next look for drift.
  await store.transaction((tx) => wakeHealing(tx, clock.now()));
  await store.transaction((tx) => wakeBackups(tx, clock.now()));
  const worker = createWorker({
    queue,
    handlers: {
      SEED: createSeedHandler(world),
      CLUSTER: createClusterHandler(world),
      NODE_GROUP: createNodeGroupHandler(world),
      NODE: createNodeHandler(world),
      ORPHANS: createOrphansHandler(world),
      BACKUP: createBackupHandler(world),
    },
    clock,
    random: Math.random,
    log,
    onPass: metrics.pass,
  });

  const load = (actor: Actor, token: string, requestId: string | null) =>
    catalogues.load(cloudAs(factory.open({ kind: 'token', token }), requestId), actor.projectId ?? '', actor.userId);
  const commandDeps: CommandDeps = {
    store,
    secrets,
    clock,
    newId,
    randomToken,
    parseKubeconfig,
    parseManifests,
    isBuiltIn,
    checkUserData,
    peekCatalogue: catalogues.peek,
    peekQuotas: catalogues.peekQuotas,
    buildKubeconfig: issueUserKubeconfig,
    signCertificate: issueUserCertificate,
    workloadsOf: createWorkloads(world.settings, autoscaler !== null),
    settings: {
      trustRoles: config.trustRoles,
      clustersHaveUsers: config.userDomain !== null,
      knowsItsAddresses: config.sourceCidrs.length > 0,
      egressCidrs: config.egressCidrs,
      projectLimits: projectLimitsOf(config),
      backupsAreKept: objects !== null,
    },
  };
  const policy = readPolicy(config.policyFile, roleNamesOf(config));
  const tls = config.tlsCertFile !== null && config.tlsKeyFile !== null ? { cert: config.tlsCertFile, key: config.tlsKeyFile } : null;
  const api = await startedApi({
    store,
    commands: createCommands(commandDeps),
    clock,
    log,
    newId,
    metrics: registry,
    authenticate: async (token, requestId, how) =>
      actorOf({ policy, serviceType: config.serviceType }, await cloudAs(service, requestId).identity.validateToken(token, how)),
    loadCloud: load,
    peekCatalogue: catalogues.peek,
    warmCloud: (actor, token, requestId) => {
      // Only so that input can be checked against it; a cloud that is down will say so elsewhere.
      if (actor.projectId !== null) load(actor, token, requestId).catch(() => {});
    },
    ready: () => readiness(service),
    settings: {
      ...splitHostPort(config.listen),
      introspection: config.introspection,
      serves: { autoScaling: autoscaler !== null },
      graphiql: config.introspection,
      keystoneUrl: config.keystonePublicUrl ?? config.keystoneUrl,
      allowedOrigins: config.allowedOrigins,
      serviceTokenRoles: config.serviceTokenRoles,
      maxSocketsPerActor: config.liveConnectionsPerUser,
      operations: config.operations,
      // The command line's own: it is to go on working where no others are run.
      persisted: [...config.persisted, ...Object.values(clientDocuments)],
      onlyKnown: config.onlyKnownOperations,
      pathPrefix: config.pathPrefix ?? '',
      projectLimits: projectLimitsOf(config),
      rates: ratesOf(config),
      trustedProxies: config.trustedProxies,
      tls: tls && { cert: tls.cert.text, key: tls.key.text },
    },
  });
  const renewal =
    tls &&
    watchTlsFiles({ cert: tls.cert.path, key: tls.key.path }, { cert: tls.cert.text, key: tls.key.text }, { take: api.renewTls, log });
  const provider = await serveAutoscalers(config, autoscaler, commandDeps, log);
  worker.start();
  const closing = new AbortController();
  // Not waited for: a store that is away must not keep the rest from being served.
  if (objects !== null) void tryStore(objects, { log, signal: closing.signal });
  const endHousekeeping = startHousekeeping({ store, clock, log, auditDays: config.auditDays });
  log.info({ url: api.url }, 'seedbed serves');

  return {
    url: api.url,
    log,
    close: async (graceMs) => {
      closing.abort();
      endHousekeeping();
      renewal?.close();
      await Promise.all([api.close(graceMs), provider?.close(graceMs), worker.stop(graceMs)]);
      await objects?.close();
      world.servers.close();
      world.tenants.closeAll();
      world.seeds.closeAll();
      await factory.close();
      await store.close();
      hold.release();
    },
  };
};

/** What the operator's documents do wrong is a mistake in the configuration. */
const startedApi = async (deps: ApiDeps): Promise<Api> => {
  try {
    return await startApi(deps);
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    throw new ConfigError(`The operations of SEEDBED_OPERATIONS_FOLDER have mistakes:\n${error.message.replace(/^/gm, '  ')}`);
  }
};

const autoscalerEnd = async (config: Config, deps: AuthorityDeps): Promise<AutoscalerEnd | null> =>
  config.autoscalerAddress === null
    ? null
    : { ...splitHostPort(config.autoscalerAddress), authority: await loadOwnAuthority(deps, 'autoscalerAuthority') };

/** Only where it is configured: gRPC takes a while to load. */
const serveAutoscalers = async ({ autoscalerListen: listen }: Config, end: AutoscalerEnd | null, deps: CommandDeps, log: Log) => {
  if (listen === null || end === null) return undefined;
  const { authority, host } = end;
  const server = await issueOwnServer(authority, host, { now: deps.clock.now });
  const { startAutoscalerProvider } = await import('./autoscaler/server.ts');
  const tls = { caPem: authority.cert, cert: server.cert, key: server.key };
  const provider = await startAutoscalerProvider({ store: deps.store, scaling: createScaling(deps), log, settings: { listen, tls } });
  log.info({ port: provider.port }, 'seedbed serves cluster-autoscalers');
  return provider;
};

/** An application credential's or a trust's token is the user's, with its roles. What is empty is not there. */
const actorOf = (by: { policy: Policy; serviceType: string | null }, info: TokenInfo | null): Actor | null => {
  if (info === null || info.userId === '') return null;
  const { userId, userName, userDomainName, projectName, roles, isSystemScoped, expiresAt } = info;
  const projectId = info.projectId || null;
  const { policy, serviceType } = by;
  const claims = { userId, projectId, domainId: info.domainId || null, isSystemScoped, roles };
  return {
    userId,
    userName,
    userDomainName,
    projectId,
    projectName,
    roles,
    isCloudAdmin: policy.isCloudAdmin(claims),
    rights: policy.rightsOf(claims),
    tokenKind: tokenKindOf(info),
    credentialId: info.applicationCredentialId ?? info.trustId,
    reach: reachOfRules(info, serviceType),
    isRulesKept: info.accessRules === null || isEnforced(info.serviceTypes, serviceType),
    expiresAt,
  };
};

const readiness = async (service: Cloud): Promise<{ ok: boolean; reasons: string[] }> => {
  try {
    await service.identity.checkLogin();
    return { ok: true, reasons: [] };
  } catch {
    return { ok: false, reasons: ['Keystone does not let the service user in.'] };
  }
};
