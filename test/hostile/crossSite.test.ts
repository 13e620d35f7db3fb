/** What a foreign page can make a browser send: nothing of it is executed. The caller's token is with it each time, as the worst case. */
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openStory, type Story } from '../reconcilers/story.ts';
import { serveApart } from './apart.ts';

const DASHBOARD = 'https://dashboard.example.org';
const WRITE = 'mutation { createClusterTemplate(input: { name: "forged", image: "debian-12-node", flavor: "m1.small" }) { __typename } }';
const JSON_BODY = JSON.stringify({ query: WRITE });
const FORM = `query=${encodeURIComponent(WRITE)}`;
const part = (name: string, text: string) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`;

let story: Story;
beforeAll(async () => {
  story = await openStory({ serve: serveApart('crossSite'), settings: { allowedOrigins: [DASHBOARD] } });
});
afterAll(() => story.close());

interface Sent {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** Over node:http, which sends what it is told: fetch forbids headers that other programs do not. */
const send = ({
  method = 'POST',
  path = '',
  headers = {},
  body,
}: Sent): Promise<{ status: number; text: string; allowed: string | undefined }> =>
  new Promise((resolve, reject) => {
    const call = request(`${story.served.url}${path}`, { method, headers: { 'x-auth-token': story.member, ...headers } }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, allowed: response.headers['access-control-allow-origin'] }),
      );
    });
    call.on('error', reject);
    call.end(body);
  });

const json = { 'content-type': 'application/json' };
/** A page's script can send these to anybody without being asked first (the Fetch standard's CORS-safelisted request headers). */
const SIMPLE = ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain'];
const BODIES: Record<string, string> = {
  JSON: JSON_BODY,
  'JSON as a form names it': `{"query":${JSON.stringify(WRITE)},"a":"="}`,
  form: FORM,
  multipart: `${part('query', WRITE)}--x--`,
  'multipart, as uploads are sent': `${part('operations', JSON_BODY)}${part('map', '{}')}--x--`,
};
const TYPES = [
  ...SIMPLE,
  'text/plain; charset=application/json',
  'text/plain, application/json',
  'application/json, text/plain',
  'application/x-www-form-urlencoded; application/json',
  'application/graphql',
  'application/jsonp',
  'application/json; charset=utf-16',
  'application/json;text/plain',
  '',
];

const CASES: [string, Sent][] = [
  ...TYPES.flatMap((type) =>
    Object.entries(BODIES).map(([name, body]): [string, Sent] => [
      `POST of ${name} as "${type}"`,
      { headers: type === '' ? {} : { 'content-type': type }, body },
    ]),
  ),
  ...['GET', 'HEAD', 'DELETE', 'PUT', 'PATCH', 'TRACE'].flatMap((method): [string, Sent][] => [
    [`${method} with a query in the URL`, { method, path: `?${FORM}` }],
    [`${method} of a page with a query in the URL`, { method, path: `?${FORM}`, headers: { accept: 'text/html' } }],
    [`${method} of a stream`, { method, path: `?${FORM}`, headers: { accept: 'text/event-stream' } }],
  ]),
  ['GET with a body', { method: 'GET', headers: json, body: JSON_BODY }],
  ['POST with the query in the URL', { path: `?${FORM}`, headers: json, body: '{}' }],
  ['POST with nothing but a URL', { path: `?${FORM}` }],
  ['POST that says it is a GET', { path: `?${FORM}`, headers: { ...json, 'x-http-method-override': 'GET' }, body: '' }],
  ['GET that says it is a POST', { method: 'GET', path: `?${FORM}`, headers: { ...json, 'x-http-method-override': 'POST' } }],
  ['a batch', { headers: json, body: `[${JSON_BODY},${JSON_BODY}]` }],
  ['a batch of one', { headers: json, body: `[${JSON_BODY}]` }],
  ['an empty batch', { headers: json, body: '[]' }],
  ...[
    'https://evil.example',
    'null',
    'http://dashboard.example.org',
    'https://dashboard.example.org.evil.example',
    'https://dashboard.example.org:444',
    'https://evil.example/https://dashboard.example.org',
    'file://',
    'about:blank',
    'chrome-extension://abc',
    '',
  ].flatMap((origin): [string, Sent][] => [
    [`POST from a page of "${origin}"`, { headers: { ...json, origin }, body: JSON_BODY }],
    [`stream from a page of "${origin}"`, { headers: { ...json, origin, accept: 'text/event-stream' }, body: JSON_BODY }],
  ]),
];

test(`${CASES.length} ways of a foreign page: none is executed, and none may read an answer`, async () => {
  const wrong: string[] = [];
  for (const [name, sent] of CASES) {
    const { status, text, allowed } = await send(sent);
    if (status < 400 || status >= 500) wrong.push(`${name}: ${status}`);
    if (text.includes('"data"')) wrong.push(`${name}: ${text}`);
    if (allowed !== undefined && allowed !== DASHBOARD) wrong.push(`${name}: may be read by ${allowed}`);
  }
  expect(wrong).toEqual([]);
  expect(story.rows("select name from templates where name = 'forged'")).toEqual([]);
  expect(CASES.length).toBeGreaterThan(60);
});

test('what a browser asks first is answered to allowed pages only, and never lets cookies along', async () => {
  const ask = (origin: string) =>
    send({
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-auth-token' },
    });
  expect(await ask('https://evil.example')).toMatchObject({ status: 403, allowed: undefined });
  expect(await ask('null')).toMatchObject({ status: 403, allowed: undefined });
  expect(await ask(DASHBOARD)).toMatchObject({ status: 204, allowed: DASHBOARD });
});

test('a socket from a foreign page is refused before a word is said, whatever else it brings', async () => {
  const dial = (origin: string, headers: Record<string, string> = {}) =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(story.served.url.replace('http', 'ws'), 'graphql-transport-ws', {
        headers: { 'x-auth-token': story.member, origin, ...headers },
      });
      socket.on('open', () => {
        resolve('open');
        socket.terminate();
      });
      socket.on('error', (error) => resolve(error.message));
    });
  for (const origin of ['https://evil.example', 'null', `${DASHBOARD}.evil.example`, 'http://dashboard.example.org'])
    for (const headers of [
      {},
      { cookie: `token=${story.member}` },
      { 'sec-fetch-site': 'same-origin' },
      { 'x-forwarded-host': new URL(origin === 'null' ? DASHBOARD : origin).host },
    ])
      expect(await dial(origin, headers)).toContain('403');
  expect(await dial(DASHBOARD)).toBe('open');
});
