/** Opens clouds: one connection pool for all, one login at a time per credential, tokens kept until shortly before they expire. */
import type { Clock } from '../lib/clock.ts';
import { fingerprint } from '../lib/json.ts';
import { type Compute, createCompute } from './compute.ts';
import { endpointOf, identityRoot, offers, portOf, portsOf, type ServiceName } from './endpoint.ts';
import { type CallRecord, createTransport, type Transport, withRequestId } from './http.ts';
import { createIdentity, type Identity } from './identity.ts';
import { createImage, type Image } from './image.ts';
import { createLoadBalancer, type LoadBalancer } from './loadBalancer.ts';
import { createMicroversions, type Microversions } from './microversion.ts';
import { createNetwork, type Network } from './network.ts';
import { createObjectStorage, type ObjectStorage } from './objectStorage.ts';
import { createService, type HeadersOf, type Login, type Service } from './service.ts';
import { type Credential, logIn, type Token } from './token.ts';
import { createUsers, type Users } from './users.ts';
import { createVolume, type Volume } from './volume.ts';

export type { Credential } from './token.ts';

export interface CloudSettings {
  /** Keystone's URL, with or without /v3. */
  authUrl: string;
  region: string | null;
  interface: 'public' | 'internal';
  /** PEM bundle of the cloud's own CA; null trusts what Node trusts. */
  caPem: string | null;
  /** For each call; more than 30 000 counts as 30 000. */
  timeoutMs: number;
}

export interface Cloud {
  /** The same cloud and login; its calls tell the services that they are made for the request of this OpenStack request id. */
  as(requestId: string): Cloud;
  /** The project the credential is scoped to; '' for an unscoped one. */
  projectId(): Promise<string>;
  /** Whether the catalog names the service: Cinder and Octavia are not everywhere. */
  offers(service: ServiceName): Promise<boolean>;
  /** TCP ports at which the cloud's services are, Keystone's among them. */
  ports(): Promise<number[]>;
  identity: Identity;
  users: Users;
  compute: Compute;
  network: Network;
  image: Image;
  volume: Volume;
  loadBalancer: LoadBalancer;
  objectStorage: ObjectStorage;
}

/** `requestId` null: no request is behind the calls. */
export const cloudAs = (cloud: Cloud, requestId: string | null): Cloud => (requestId === null ? cloud : cloud.as(requestId));

export interface CloudFactory {
  /** Cheap and lazy: logs in at the first call. The same credential gives the same cloud, and so the same token. */
  open(credential: Credential): Cloud;
  close(): Promise<void>;
}

export interface CloudFactoryDeps {
  settings: CloudSettings;
  clock: Clock;
  onCall?: (call: CallRecord) => void;
}

/** Clouds kept open; the least recently used goes first. A cloud is a token and a catalog, a few KiB. */
const MOST_CLOUDS = 2_000;

export const createCloudFactory = (deps: CloudFactoryDeps): CloudFactory => {
  const { settings, clock } = deps;
  const { timeoutMs, caPem } = settings;
  const transport = createTransport({ clock, timeoutMs, caPem, ...(deps.onCall === undefined ? {} : { onCall: deps.onCall }) });
  const shared: Shared = { settings, clock, transport, microversions: createMicroversions({ transport, clock }) };
  const clouds = new Map<string, Cloud>();

  return {
    open: (credential) => {
      // A caller's token lives for one request: keeping it would only push the long-lived ones out. A user's login must show the roles of now.
      if (credential.kind === 'token' || credential.kind === 'user') return createCloud(shared, credential);
      const key = fingerprint(credential);
      const cloud = clouds.get(key) ?? createCloud(shared, credential);
      clouds.delete(key);
      clouds.set(key, cloud);
      const oldest = clouds.keys().next().value;
      if (clouds.size > MOST_CLOUDS && oldest !== undefined) clouds.delete(oldest);
      return cloud;
    },
    close: () => transport.close(),
  };
};

interface Shared {
  settings: CloudSettings;
  clock: Clock;
  transport: Transport;
  microversions: Microversions;
}

const createCloud = (shared: Shared, credential: Credential): Cloud =>
  cloudThrough(shared, createLogins(shared, credential), shared.transport);

const cloudThrough = (shared: Shared, loginThrough: LoginThrough, transport: Transport): Cloud => {
  const { settings } = shared;
  const microversions = shared.microversions.through(transport);
  const login = loginThrough(transport);
  const projectOf = (token: Token): string => token.info.projectId ?? '';
  const service = (name: ServiceName, headersOf?: HeadersOf): Service => {
    const baseUrlOf = (token: Token) =>
      endpointOf(token.catalog, name, { region: settings.region, interface: settings.interface, projectId: projectOf(token) });
    return createService({ transport, login, service: name, baseUrlOf, ...(headersOf === undefined ? {} : { headersOf }) });
  };
  // Keystone is called where it was configured: what its catalog says of itself may be an address for others.
  const identity = createService({ transport, login, service: 'identity', baseUrlOf: () => identityRoot(settings.authUrl) });
  return {
    as: (requestId) => cloudThrough(shared, loginThrough, withRequestId(shared.transport, requestId)),
    projectId: async () => projectOf(await login.token()),
    offers: async (name) => offers((await login.token()).catalog, name),
    ports: async () => {
      const others = portsOf((await login.token()).catalog, settings);
      return [...new Set([portOf(settings.authUrl), ...others])].sort((a, b) => a - b);
    },
    identity: createIdentity({ service: identity, login }),
    users: createUsers({ service: identity, login }),
    compute: createCompute({ open: (headersOf) => service('compute', headersOf), microversions }),
    network: createNetwork(service('network')),
    image: createImage(service('image')),
    volume: createVolume({ open: (headersOf) => service('volume', headersOf), microversions }),
    loadBalancer: createLoadBalancer(service('load-balancer')),
    objectStorage: createObjectStorage(service('object-store')),
  };
};

/** A token this close to its end is not used any more: a call and the services behind it must finish with it. */
const EXPIRY_MARGIN_MS = 60_000;

/** One token for all, asked for through the transport of whoever needs it first. */
type LoginThrough = (transport: Transport) => Login;

const createLogins = ({ settings, clock }: Shared, credential: Credential): LoginThrough => {
  const root = identityRoot(settings.authUrl);
  let current: { token: Promise<Token>; settled: Token | null } | null = null;

  const start = (transport: Transport): Promise<Token> => {
    const mine: { token: Promise<Token>; settled: Token | null } = { token: logIn(transport, root, credential), settled: null };
    current = mine;
    mine.token.then(
      (token) => {
        mine.settled = token;
      },
      () => {
        // A failed login is not remembered: the next call tries again.
        if (current === mine) current = null;
      },
    );
    return mine.token;
  };

  const usable = (token: Token): boolean => {
    if (credential.kind === 'token') return true;
    // The margin shrinks for clouds with very short tokens, or each call would log in.
    return token.info.expiresAt - clock.now() > Math.min(EXPIRY_MARGIN_MS, token.lifetimeMs / 4);
  };

  return (transport) => ({
    token: () => (current === null || (current.settled !== null && !usable(current.settled)) ? start(transport) : current.token),
    renew: async (stale) => {
      if (credential.kind === 'token') return false;
      if (current?.settled === stale) current = null;
      return true;
    },
  });
};
