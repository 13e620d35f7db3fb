/** The API over real sockets, a real database and the real commands; only Keystone's and the cloud's answers are stand-ins. */
import { Registry } from 'prom-client';
import { afterEach } from 'vitest';
import { type Api, startApi } from '../../src/api/server.ts';
import type { GivenSettings } from '../../src/api/settings.ts';
import type { Actor } from '../../src/domain/actor.ts';
import { type Log, silentLog } from '../../src/lib/log.ts';
import { ADA, ANNA, catalogue, type House, OTTO, openHouse, RITA } from '../commands/house.ts';
import { UNLIMITED } from './unlimited.ts';

export interface Answer {
  status: number;
  headers: Headers;
  data: Record<string, unknown> | null;
  errors: { message: string; path?: (string | number)[]; extensions: { code: string; requestId: string } }[];
}

export interface World extends House {
  readonly api: Api;
  url: string;
  /** Stops the API, and starts it anew at the same address. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
  /** Path on the server's root, such as /healthz. */
  page(path: string): string;
  tokens: Map<string, Actor>;
  /** How often the identity service was asked. */
  asked: string[];
  /** By which OpenStack request ids it was asked. */
  askedFor: (string | null)[];
  /** `hangs`: takes questions and answers none. `before`: waited for with each answer. */
  keystone: { down: Error | null; hangs: boolean; before(): Promise<void> };
  /** How often it was looked whether the server is ready; `before` is waited for. */
  looks: { count: number; before(): Promise<void> };
  /** Warnings and errors. */
  logged: { fields: object; message: string }[];
  /** What is said at the level debug. */
  murmured: { fields: object; message: string }[];
  metrics: Registry;
  post(token: string | null, query: string, variables?: object): Promise<Answer>;
  /** The data; fails the test when there are errors. */
  data<T = Record<string, never>>(token: string, query: string, variables?: object): Promise<T>;
}

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

export const openWorld = async (settings: Partial<GivenSettings> = {}): Promise<World> => {
  const house = openHouse();
  house.cloud.catalogue = catalogue();
  const tokens = new Map<string, Actor>([
    ['anna', ANNA],
    ['rita', RITA],
    ['otto', OTTO],
    ['ada', ADA],
  ]);
  const asked: string[] = [];
  const askedFor: (string | null)[] = [];
  const keystone: World['keystone'] = { down: null, hangs: false, before: async () => {} };
  const looks: World['looks'] = { count: 0, before: async () => {} };
  const logged: World['logged'] = [];
  const note = (fields: object, message: string) => void logged.push({ fields, message });
  const murmured: World['murmured'] = [];
  const murmur = (fields: object, message: string) => void murmured.push({ fields, message });
  const log: Log = { ...silentLog, debug: murmur, warn: note, error: note, child: () => log };
  const metrics = new Registry();
  const start = (port: number) =>
    startApi({
      store: house.store,
      commands: house.commands,
      clock: { now: () => house.time.now },
      log,
      metrics,
      authenticate: async (token, requestId) => {
        asked.push(token);
        askedFor.push(requestId);
        if (keystone.down !== null) throw keystone.down;
        if (keystone.hangs) await new Promise(() => {});
        await keystone.before();
        return tokens.get(token) ?? null;
      },
      loadCloud: async () => house.cloud.catalogue ?? catalogue(),
      peekCatalogue: () => house.cloud.catalogue,
      ready: async () => {
        looks.count += 1;
        await looks.before();
        return { ok: keystone.down === null, reasons: keystone.down === null ? [] : ['Keystone does not answer.'] };
      },
      settings: {
        host: '127.0.0.1',
        introspection: true,
        graphiql: true,
        keystoneUrl: 'https://keystone.example.org/v3',
        allowedOrigins: ['https://dashboard.example.org'],
        projectLimits: house.deps.settings.projectLimits,
        rates: UNLIMITED,
        ...settings,
        port,
      },
    });
  let api = await start(settings.port ?? 0);
  const { url } = api;
  open.push(async () => {
    await api.close(1_000);
    await house.close();
  });
  const post = async (token: string | null, query: string, variables: object = {}): Promise<Answer> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token !== null && { 'x-auth-token': token }) },
      body: JSON.stringify({ query, variables }),
    });
    const body = (await response.json()) as { data?: Answer['data']; errors?: Answer['errors'] };
    return { status: response.status, headers: response.headers, data: body.data ?? null, errors: body.errors ?? [] };
  };
  return {
    ...house,
    get api() {
      return api;
    },
    url,
    restart: async (meanwhile) => {
      await api.close(1_000);
      await meanwhile?.();
      metrics.clear();
      api = await start(Number(new URL(url).port));
    },
    page: (path) => new URL(path, url).href,
    tokens,
    asked,
    askedFor,
    keystone,
    looks,
    logged,
    murmured,
    metrics,
    post,
    data: async <T>(token: string, query: string, variables: object = {}) => {
      const { data, errors } = await post(token, query, variables);
      if (errors.length > 0) throw new Error(JSON.stringify(errors));
      return data as T;
    },
  };
};

export const TEMPLATE_MUTATION = /* GraphQL */ `
  mutation ($input: CreateClusterTemplateInput!) {
    createClusterTemplate(input: $input) {
      __typename
      ... on CreateClusterTemplatePayload { replayed clusterTemplate { id uuid name visibility revision generation spec { flavor } } }
      ... on Problem { code message field retryable whoMustAct }
    }
  }
`;
export const CLUSTER_MUTATION = /* GraphQL */ `
  mutation ($input: CreateClusterInput!) {
    createCluster(input: $input) {
      __typename
      ... on CreateClusterPayload {
        replayed
        cluster { id uuid name state generation nodeGroups { nodes { id uuid name count } } }
        operation { id uuid kind state percent }
      }
      ... on Problem { code message field retryable whoMustAct }
    }
  }
`;

export interface MadeCluster {
  id: string;
  uuid: string;
  generation: number;
  nodeGroup: { id: string; uuid: string };
  operation: { id: string; uuid: string };
}

/** A cluster of the token's project, with a template of its own. */
export const makeCluster = async (world: World, token: string, name = 'web', more: object = {}): Promise<MadeCluster> => {
  await world.post(token, TEMPLATE_MUTATION, { input: { name: 'standard', image: 'debian', flavor: 'small' } });
  const { createCluster: answer } = await world.data<{
    createCluster: {
      __typename: string;
      message?: string;
      cluster: { id: string; uuid: string; generation: number; nodeGroups: { nodes: { id: string; uuid: string }[] } };
      operation: { id: string; uuid: string };
    };
  }>(token, CLUSTER_MUTATION, { input: { name, clusterTemplate: 'standard', ...more } });
  const nodeGroup = answer.cluster?.nodeGroups.nodes[0];
  if (answer.__typename !== 'CreateClusterPayload' || nodeGroup === undefined) throw new Error(JSON.stringify(answer));
  return { ...answer.cluster, nodeGroup, operation: answer.operation };
};
