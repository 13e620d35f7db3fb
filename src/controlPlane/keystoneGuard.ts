/**
 * What stands before k8s-keystone-auth, as text: three small modules for Node.js, mounted into a pod.
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

/**
 * Whose turn it is: k8s-keystone-auth is asked one question after the other, for all share one client, in which each puts its own token.
 * Anybody can send tokens, so those that were good lately go first, and of the others any: in the order of their coming, or against it, whoever
 * sends one whenever one was answered would shut out others for good. `ask` judges one token, and may throw; what is returned judges any, in turn.
 */
const TURNS = `export const createTurns = (ask) => {
  const [good, bad] = [createMemory(GOOD_MS), createMemory(BAD_MS)];
  const [first, others] = [[], []];
  let busy = false;
  const next = async () => {
    const turn = busy ? undefined : (first.shift() ?? others.splice(Math.floor(Math.random() * others.length), 1)[0]);
    if (turn === undefined) return;
    busy = true;
    clearTimeout(turn.timer);
    await ask(turn.token).then(turn.resolve, turn.reject);
    busy = false;
    next();
  };
  const drop = (turn, lane) => {
    clearTimeout(turn.timer);
    lane.splice(lane.indexOf(turn), 1);
    turn.resolve(CROWDED);
  };
  const inTurn = (token, lane) =>
    new Promise((resolve, reject) => {
      const turn = { token, resolve, reject };
      turn.timer = setTimeout(() => drop(turn, lane), WAIT_MS);
      lane.push(turn);
      if (lane.length > MOST_WAITING) drop(lane[0], lane);
      next();
    });
  return async (token) => {
    if (typeof token !== 'string' || !FORMS.some((form) => form.test(token))) return { authenticated: false };
    const key = createHash('sha256').update(token).digest('base64');
    if (bad.has(key)) return { authenticated: false };
    const status = await inTurn(token, good.has(key) ? first : others);
    if (status.authenticated) good.add(key);
    else if (status.error === undefined) bad.add(key);
    return status;
  };
};
import { createHash } from 'node:crypto';

// Keystone makes two forms, Fernet and JWS. What cannot be either is not worth a question.
const FORMS = [/^gAAAA[A-Za-z0-9_-]{75,2000}={0,2}$/, /^eyJ[A-Za-z0-9_-]{10,2000}[.][A-Za-z0-9_-]{10,4000}[.][A-Za-z0-9_-]{10,1000}$/];
const MOST_WAITING = 250;
// API servers wait for 30 s.
const WAIT_MS = 15000;
// As long as Keystone's tokens usually live.
const GOOD_MS = 3600000;
const BAD_MS = 10000;
const MOST_KEPT = 5000;
// With an error an API server does not keep the answer: the same token may be good the next time.
const CROWDED = { authenticated: false, error: 'too many tokens at once' };

const createMemory = (ms) => {
  const until = new Map();
  return {
    has: (key) => until.get(key) > performance.now(),
    add: (key) => {
      until.delete(key);
      until.set(key, performance.now() + ms);
      if (until.size > MOST_KEPT) until.delete(until.keys().next().value);
    },
  };
};
`;

/** Usage: node guard.mjs <folder with server.crt, server.key and ca.crt> <port> <port of k8s-keystone-auth> <project>. */
const GUARD = `import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import { judge } from "./judge.mjs";
import { createTurns } from "./turns.mjs";

const [folder, port, upstream, project] = process.argv.slice(2);
const read = (name) => readFileSync(folder + '/' + name);
const ca = read('ca.crt');
const LARGEST = 65536;
const PATIENCE_MS = 5000;
const DRAIN_MS = 5000;
// Longer than API servers keep a silent connection (90 s), so that none is shut while a question is under way.
const KEEP_MS = 120000;

const textOf = async (stream) => {
  let text = '';
  stream.setEncoding('utf8');
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
    asked.on('error', (error) => {
      const cut = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      // A kept connection may have been shut before the question.
      if (cut && asked.reusedSocket) resolve(ask(method, body));
      else reject(Object.assign(error, { cut }));
    });
    asked.end(body);
  });

const statusFor = createTurns(async (token) => {
  const review = { apiVersion: 'authentication.k8s.io/v1beta1', kind: 'TokenReview', spec: { token } };
  try {
    return judge(JSON.parse(await ask('POST', JSON.stringify(review))), project);
  } catch (error) {
    // Older ones hang up on tokens without a project.
    if (error.cut || error.slow || error instanceof SyntaxError) return { authenticated: false, error: error.message };
    throw error;
  }
});

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
export const GUARD_FILES = { 'guard.mjs': GUARD, 'judge.mjs': JUDGE, 'turns.mjs': TURNS };

/** Of the guard, in its pod and at its Service. */
export const KEYSTONE_AUTH_PORT = 8443;

/** Any Node.js of 20 or later runs it. */
export const GUARD_IMAGE = 'docker.io/library/node:24.11.1-alpine';
