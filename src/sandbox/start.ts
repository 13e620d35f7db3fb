/** Puts the whole sandbox together: world, OpenStack, Kubernetes, control endpoint, and the file that tells where they are. */
import { mkdirSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Log } from '../lib/log.ts';
import type { BootMachine, StartKubernetes } from './contract.ts';
import { createControl } from './control.ts';
import { createCounterBoard } from './counters.ts';
import { createDials } from './dials.ts';
import { createFaultBoard, playFault } from './faults.ts';
import { cloudsYamlPath, type Handover, removeHandover, runningSandbox, writeHandover } from './handover.ts';
import { REGION } from './openstack/authTokens.ts';
import { startOpenStack } from './openstack/start.ts';
import { createWorldFile } from './world.ts';

export interface SandboxOptions {
  dataDir: string;
  /** Port of the OpenStack APIs; null takes the remembered one, or a free one at first. */
  port: number | null;
  /** The loopback addresses of a new world's clusters, 127.range.0.0/16; null takes the first that are free. */
  range: number | null;
  /** How many seeds a world has: one or two. */
  seeds: number;
  /** Keep nothing on disk but the hand-over: for benchmarks. */
  volatile: boolean;
  /** Whoever uses it last ends it. False: it goes on until its own end. */
  shared: boolean;
  /** For a new world: 1 is plausible, 0 is at once. */
  latencyScale: number;
  log: Log;
  startKubernetes: StartKubernetes;
  bootMachine: BootMachine;
  now: () => number;
  random: () => number;
}

export interface Sandbox {
  handover: Handover;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

const listen = async (listener: RequestListener, port: number): Promise<Server> => {
  const server = createServer({ keepAliveTimeout: 65_000 }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  });
  return server;
};

/** The remembered port if it is still free, else any: a sandbox that cannot keep its URLs is better than none. */
const listenAgain = async (listener: RequestListener, remembered: number): Promise<Server> => {
  try {
    return await listen(listener, remembered);
  } catch (error) {
    if (remembered === 0 || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return await listen(listener, 0);
  }
};

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

/** Starts everything; resolves once all of it listens and sandbox.json is written. */
export const startSandbox = async (options: SandboxOptions): Promise<Sandbox> => {
  const { dataDir, log } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const other = await runningSandbox(dataDir);
  if (other !== undefined)
    throw new Error(`A sandbox runs on ${dataDir} already (process ${other.pid}); stop it first, or use another directory.`);
  removeHandover(dataDir);
  const world = createWorldFile(options.volatile ? null : join(dataDir, 'world.jsonl'));
  const dials = createDials(world, { latencyScale: options.latencyScale });
  const counters = createCounterBoard(options.now);
  const faults = createFaultBoard({ random: options.random });
  const ports = world.section('ports', { openstack: 0, control: 0 });

  const { latency } = dials;
  const kubernetes = await options.startKubernetes({
    world,
    dataDir,
    host: HOST,
    range: options.range,
    seeds: options.seeds,
    latency,
    diskMs: dials.diskMs,
    isLostImage: dials.isLostImage,
    counters,
    faults,
    playFault,
    log,
  });
  const { outside, controlPlanes } = kubernetes;
  const bootMachine: BootMachine = (spec) => options.bootMachine(controlPlanes ? { ...spec, controlPlanes } : spec);
  const openstack = startOpenStack({
    world,
    dials,
    counters,
    faults,
    playFault,
    bootMachine,
    ...(outside !== undefined && { outside }),
    now: options.now,
  });
  const api =
    options.port === null ? await listenAgain(openstack.listener, ports.data.openstack) : await listen(openstack.listener, options.port);
  const control = await listenAgain(
    createControl({ counters, faults, dials, openstack, kubernetes, holders: new Set() }),
    ports.data.control,
  );
  Object.assign(ports.data, { openstack: portOf(api), control: portOf(control) });
  ports.changed();

  const handover: Handover = {
    pid: process.pid,
    shared: options.shared,
    controlUrl: `http://${HOST}:${portOf(control)}/control`,
    authUrl: `http://${HOST}:${portOf(api)}/identity/v3`,
    region: REGION,
    seeds: kubernetes.seeds,
    cloudsYaml: cloudsYamlPath(dataDir),
    users: openstack.logins,
  };
  world.flush();
  writeHandover(dataDir, handover);
  return {
    handover,
    close: async () => {
      removeHandover(dataDir);
      await Promise.all([closed(api), closed(control)]);
      await openstack.close();
      await kubernetes.close();
      world.close();
    },
  };
};
