/** Seedbed's public API as any client meets it: POST for calls, graphql-transport-ws for progress. */
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

export type Data = Record<string, unknown>;

export interface Api {
  /** The data of a document, typed by the caller; errors of the call are thrown with their codes. */
  ask<T>(document: string, variables?: Data): Promise<T>;
  /** The payload of a mutation named like its field; a typed error is thrown with its code and message. */
  change<T>(mutation: string, input: Data, fields: string): Promise<T>;
}

export const createApi = (url: string, token: string): Api => {
  const ask = async <T>(query: string, variables: Data = {}): Promise<T> => {
    const answer = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': token },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(30_000),
    });
    const { data, errors } = (await answer.json()) as { data?: T; errors?: unknown[] };
    if (errors !== undefined || data === undefined) throw new Error(`HTTP ${answer.status} ${JSON.stringify(errors)}`);
    return data;
  };
  return {
    ask,
    change: async <T>(mutation: string, input: Data, fields: string) => {
      const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}`;
      const document = `mutation($input: ${type}Input!) { result: ${mutation}(input: $input) {
        __typename ... on ${type}Payload { ${fields} } ... on Problem { code message field } } }`;
      const { result } = await ask<{ result: { __typename: string } & T }>(document, { input });
      if (result.__typename !== `${type}Payload`) throw new Error(`${mutation}: ${JSON.stringify(result)}`);
      return result;
    },
  };
};

export interface ProgressEvent {
  number: number;
  subjectKind: string;
  subjectName: string;
  step: string | null;
  state: string;
  percent: number | null;
  message: string;
  settled: boolean;
}

const PROGRESS = `subscription($id: ID!, $after: Int) { clusterProgress(clusterId: $id, after: $after, until: SETTLED) {
  number subjectKind subjectName step state percent message settled } }`;

/** Follows a cluster from the event after a number on until it comes to rest; each event is handed on as it arrives. */
export const followProgress = (
  url: string,
  token: string,
  clusterId: string,
  after: number,
  onEvent: (event: ProgressEvent) => void,
  seconds: number,
): Promise<void> => {
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { 'X-Auth-Token': token },
    retryAttempts: 0,
  });
  let limit: NodeJS.Timeout | undefined;
  return new Promise<void>((resolve, reject) => {
    limit = setTimeout(() => reject(new Error(`the cluster is not at rest after ${seconds} s`)), seconds * 1000);
    client.subscribe<{ clusterProgress: ProgressEvent }>(
      { query: PROGRESS, variables: { id: clusterId, after } },
      {
        next: ({ data, errors }) => {
          if (data?.clusterProgress) onEvent(data.clusterProgress);
          if (errors !== undefined) reject(new Error(JSON.stringify(errors)));
        },
        error: (error) => reject(error instanceof Error ? error : new Error(describe(error))),
        complete: resolve,
      },
    );
  }).finally(() => {
    clearTimeout(limit);
    return client.dispose();
  });
};

// A closed socket is reported as a CloseEvent, whose fields JSON does not show.
const describe = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error
    ? `socket closed with ${String(error.code)} ${'reason' in error ? String(error.reason) : ''}`
    : JSON.stringify(error);
