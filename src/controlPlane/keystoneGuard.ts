/**
 * What stands before k8s-keystone-auth, as text: two small modules for Node.js, mounted into a pod.
 *
 * By itself k8s-keystone-auth lets everybody in who has a token of any project, in their bare name and in the groups that Keystone says they
 * are in. Whoever may make groups or users in a domain of their own would make one that is called system:masters, or system:kube-scheduler,
 * and own every cluster of the cloud. An API server takes over what a webhook says, and lets system:masters past all authorizers.
 */

/** Judges an answer of k8s-keystone-auth: pure, so that it can be tried without a server. */
const JUDGE = `export const judge = (answer, project) => {
  const { authenticated, user } = answer?.status ?? {};
  const extra = user?.extra ?? {};
  // From the token itself, where nobody can write.
  const listOf = (name) => (Array.isArray(extra[IDENTITY + name]) ? extra[IDENTITY + name] : []);
  const [projectId, ...others] = listOf('project/id');
  const [domainId] = listOf('user/domain/id');
  const known = [project, user?.username, domainId].every((text) => typeof text === 'string' && text !== '');
  if (authenticated !== true || !known || projectId !== project || others.length > 0) return { authenticated: false };
  // Somebody by name and domain, in one group for each role. Nothing of Kubernetes' own begins so.
  const groups = listOf('roles').map((role) => PREFIX + role);
  return { authenticated: true, user: { username: PREFIX + domainId + '/' + user.username, uid: user.uid, groups, extra } };
};
const IDENTITY = 'alpha.kubernetes.io/identity/';
const PREFIX = 'keystone:';
`;

/** Usage: node guard.mjs <folder with server.crt, server.key and ca.crt> <port> <port of k8s-keystone-auth> <project>. */
const GUARD = `import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import { judge } from "./judge.mjs";

const [folder, port, upstream, project] = process.argv.slice(2);
const read = (name) => readFileSync(folder + '/' + name);
const ca = read('ca.crt');
const LARGEST = 65536;
const PATIENCE_MS = 5000;
const MOST_WAITING = 50;
const DRAIN_MS = 5000;
// Longer than API servers keep a silent connection (90 s), so that none is shut while a question is under way.
const KEEP_MS = 120000;

const textOf = async (stream) => {
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
    if (text.length > LARGEST) throw new Error('too long');
  }
  return text;
};

const ask = (method, body) =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: upstream, path: '/webhook', method, ca, servername: 'localhost', headers: { 'content-type': 'application/json' } };
    const asked = request(options, (answer) => textOf(answer).then(resolve, reject));
    const timer = setTimeout(() => asked.destroy(Object.assign(new Error('Keystone takes too long'), { slow: true })), PATIENCE_MS);
    asked.on('close', () => clearTimeout(timer));
    asked.on('error', reject);
    asked.end(body);
  });

// One after the other: all questions to k8s-keystone-auth share one client, in which each puts its own token.
let last = Promise.resolve();
let waiting = 0;
const inTurn = async (work) => {
  waiting += 1;
  const mine = last.then(work);
  last = mine.catch(() => {});
  return mine.finally(() => {
    waiting -= 1;
  });
};

const statusFor = async (token) => {
  if (typeof token !== 'string' || token === '') return { authenticated: false };
  if (waiting >= MOST_WAITING) return { authenticated: false, error: 'too many tokens at once' };
  const review = { apiVersion: 'authentication.k8s.io/v1beta1', kind: 'TokenReview', spec: { token } };
  try {
    return judge(JSON.parse(await inTurn(() => ask('POST', JSON.stringify(review)))), project);
  } catch (error) {
    if (error.slow || error instanceof SyntaxError) return { authenticated: false, error: error.message };
    throw error;
  }
};

const answer = async (incoming) => {
  // An API server puts its patience behind the path, as ?timeout=30s.
  const [path] = incoming.url.split('?');
  if (path === '/livez') return [200, 'ok'];
  if (path === '/readyz') {
    await ask('GET', '');
    return [200, 'ok'];
  }
  if (incoming.method !== 'POST' || path !== '/webhook') return [404, 'not found'];
  const { apiVersion, kind, spec } = JSON.parse(await textOf(incoming));
  return [200, JSON.stringify({ apiVersion, kind, status: await statusFor(spec?.token) })];
};

let ending = false;
const server = createServer({ cert: read('server.crt'), key: read('server.key'), minVersion: 'TLSv1.2', keepAliveTimeout: KEEP_MS }, (incoming, response) => {
  answer(incoming)
    // An API server tries again after a 500, and anew: perhaps with another pod.
    .catch((error) => [error instanceof SyntaxError ? 400 : 500, error.message])
    .then(([status, text]) => {
      response.shouldKeepAlive = status === 200 && !ending;
      response.writeHead(status, { 'content-type': status === 200 && text !== 'ok' ? 'application/json' : 'text/plain' });
      response.end(text);
    });
});
server.listen(Number(port), '0.0.0.0', () => console.log('serving at port ' + port));
process.on('SIGTERM', () => {
  ending = true;
  setTimeout(() => process.exit(0), DRAIN_MS);
});
`;

/** By file name. */
export const GUARD_FILES = { 'guard.mjs': GUARD, 'judge.mjs': JUDGE };

/** Of the guard, in its pod and at its Service. */
export const KEYSTONE_AUTH_PORT = 8443;

/** Any Node.js of 20 or later runs it. */
export const GUARD_IMAGE = 'docker.io/library/node:24.11.1-alpine';
