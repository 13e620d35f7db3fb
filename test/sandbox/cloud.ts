/** A sandbox cloud for tests: the OpenStack half on loopback, with machines that only write to their console, and a small client. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/lib/log.ts';
import type { MachineSpec } from '../../src/sandbox/contract.ts';
import type { LoginName } from '../../src/sandbox/openstack/furnish.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/start.ts';

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  /** The value at a path of the JSON answer; undefined where the path ends early. */
  at(...path: (string | number)[]): unknown;
}

export interface Client {
  token: string;
  projectId: string;
  userId: string;
  call(method: string, path: string, body?: object | null, headers?: Record<string, string>): Promise<Reply>;
}

export interface TestCloud {
  readonly sandbox: Sandbox;
  readonly origin: string;
  dataDir: string;
  booted: MachineSpec[];
  stopped: string[];
  login(name: LoginName): Promise<Client>;
  /** Posts an `auth` document as it stands. */
  authenticate(auth: object): Promise<Reply>;
  /** Calls as whoever the token says. */
  as(token: string): Client['call'];
  control(method: string, path: string, body?: object): Promise<Reply>;
  restart(): Promise<void>;
  /** On the same directory, while the first still runs. */
  startAnother(): Promise<Sandbox>;
  close(): Promise<void>;
}

const reply = async (response: Response): Promise<Reply> => {
  const text = await response.text();
  const at = (...path: (string | number)[]): unknown =>
    path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], JSON.parse(text));
  return { status: response.status, headers: response.headers, text, at };
};

const send = async (method: string, url: string, body: object | null | undefined, headers: Record<string, string>): Promise<Reply> =>
  reply(
    await fetch(url, {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      ...(body == null ? {} : { body: JSON.stringify(body) }),
    }),
  );

export const passwordAuth = (cloud: TestCloud, name: LoginName): object => {
  const { username, password, userDomainName } = cloud.sandbox.handover.users[name];
  return { methods: ['password'], password: { user: { name: username, domain: { name: userDomainName }, password } } };
};

/** Starts a cloud in a directory of its own; `latencyScale` 0 makes everything happen at once. */
export const startCloud = async (latencyScale = 0): Promise<TestCloud> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'seedbed-sandbox-'));
  const booted: MachineSpec[] = [];
  const stopped: string[] = [];
  const start = (): Promise<Sandbox> =>
    startSandbox({
      dataDir,
      port: null,
      volatile: false,
      shared: false,
      range: null,
      seeds: 1,
      latencyScale,
      log: silentLog,
      startKubernetes: async () => ({ seeds: [], snapshot: () => ({}), close: async () => {} }),
      bootMachine: (spec) => {
        booted.push(spec);
        spec.log(`booting ${spec.name}`);
        return {
          stop: async () => {
            stopped.push(spec.name);
          },
        };
      },
      now: Date.now,
      random: Math.random,
    });
  let sandbox = await start();
  const originNow = (): string => new URL(sandbox.handover.authUrl).origin;
  const as =
    (token: string): Client['call'] =>
    (method, path, body, headers) =>
      send(method, originNow() + path, body, { 'X-Auth-Token': token, ...headers });
  const authenticate = (auth: object): Promise<Reply> => send('POST', `${originNow()}/identity/v3/auth/tokens`, { auth }, {});
  const cloud: TestCloud = {
    get sandbox() {
      return sandbox;
    },
    get origin() {
      return originNow();
    },
    dataDir,
    booted,
    stopped,
    authenticate,
    as,
    login: async (name) => {
      const { projectId, userId } = sandbox.handover.users[name];
      const answer = await authenticate({ identity: passwordAuth(cloud, name), scope: { project: { id: projectId } } });
      const token = answer.headers.get('x-subject-token') ?? '';
      return { token, projectId, userId, call: as(token) };
    },
    control: (method, path, body) => send(method, `${sandbox.handover.controlUrl}${path}`, body, {}),
    startAnother: start,
    restart: async () => {
      await sandbox.close();
      sandbox = await start();
      // fetch must hear that its idle connections were closed, or it would send the next call into one of them.
      await new Promise((resolve) => setTimeout(resolve, 50));
    },
    close: async () => {
      await sandbox.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return cloud;
};

/** Tries until it does not throw; for what the cloud does a moment after it answered. */
export const eventually = async <T>(probe: () => Promise<T>, withinMs = 5000): Promise<T> => {
  const until = Date.now() + withinMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
};

/** A network with one subnet, ready for ports. */
export const makeNetwork = async (client: Client, cidr = '10.9.0.0/24'): Promise<{ networkId: string; subnetId: string }> => {
  const network = await client.call('POST', '/network/v2.0/networks', { network: { name: 'net' } });
  const networkId = String(network.at('network', 'id'));
  const subnet = await client.call('POST', '/network/v2.0/subnets', { subnet: { network_id: networkId, cidr, ip_version: 4 } });
  return { networkId, subnetId: String(subnet.at('subnet', 'id')) };
};

/** Ids of the first flavor and of the image debian-12-node. */
export const catalogue = async (client: Client): Promise<{ flavorRef: string; imageRef: string }> => {
  const flavors = await client.call('GET', '/compute/v2.1/flavors');
  const images = await client.call('GET', '/image/v2/images?name=debian-12-node');
  return { flavorRef: String(flavors.at('flavors', 0, 'id')), imageRef: String(images.at('images', 0, 'id')) };
};

export const NOVA = { 'OpenStack-API-Version': 'compute 2.93' };
