/** A simulated k8s-keystone-auth: it asks the cloud's Keystone over HTTP, as the real one does, and what it says goes through the guard beside it. */
import type { Cluster } from '../cluster.ts';
import { isConnectionAllowed } from '../networkPolicies.ts';
import { array, type Dict, dict, dicts, type KubeObject, spec, text, texts } from '../objects.ts';
import { type CommandLine, checkCommandLine, fileOf } from './commandLine.ts';
import { parseCertificates, parsePair, requireHost, requireShown, requireUsage } from './pkiChecks.ts';
import { containerFiles } from './podFiles.ts';
import { messageOf, type Process } from './process.ts';
import type { Webhooks } from './tokenWebhook.ts';

const EXTRA = 'alpha.kubernetes.io/identity';
/** A cloud whose address is a name is somewhere outside. */
const OUTSIDE = '203.0.113.7';

export const startKeystoneAuth = (seed: Cluster, webhooks: Webhooks, line: CommandLine): Process => {
  checkCommandLine(line);
  const url = line.flag('keystone-url') ?? '';
  if (!URL.canParse(url)) throw new Error('failed to validate the input parameters');
  const certPem = fileOf(line, 'tls-cert-file');
  requireUsage(parsePair(certPem, fileOf(line, 'tls-private-key-file'), 'tls'), 'server', 'serving certificate');
  const guard = readGuard(seed, line, certPem);
  const { uid } = line.pod.metadata;
  webhooks.set(uid, {
    port: guard.port,
    certPem,
    review: async (apiVersion, token) => {
      // Of the guard's own making, whatever the API server speaks.
      if (!apiVersion.startsWith('authentication.k8s.io/')) return { authenticated: false };
      return guard.judge({ status: await statusOf(seed, line.pod, url.replace(/\/+$/, ''), token) });
    },
  });
  return { check: () => ({ state: 'ready' }), stop: () => webhooks.delete(uid) };
};

interface Guard {
  port: number;
  judge: (answer: Dict) => Promise<Dict>;
}

/** The container before it, which runs the very module that it mounts. Throws what either would log. */
const readGuard = (seed: Cluster, { pod, flag }: CommandLine, certPem: string): Guard => {
  const container = dicts(spec(pod).containers).find((c) => /\/guard\.mjs$/.test(text(texts(c.command)[1])));
  if (container === undefined) throw new Error('the sandbox plays k8s-keystone-auth behind its guard alone');
  const [, script = '', folder = '', port = '', upstream = '', project = ''] = texts(container.command);
  const files = containerFiles(seed, pod, container);
  const read = (path: string): string => {
    const content = files.read(path);
    if (content === undefined) throw new Error(`Error: ENOENT: no such file or directory, open '${path}'`);
    return content;
  };
  read(script);
  parsePair(read(`${folder}/server.crt`), read(`${folder}/server.key`), 'guard');
  if (flag('listen') !== `127.0.0.1:${upstream}`) throw new Error(`connect ECONNREFUSED 127.0.0.1:${upstream}`);
  requireShown(certPem, read(`${folder}/ca.crt`), seed.now(), 'localhost');
  const [shown] = parseCertificates(certPem, 'localhost');
  if (shown) requireHost(shown, 'localhost', 'localhost');
  const module = `data:text/javascript,${encodeURIComponent(read(script.replace(/guard\.mjs$/, 'judge.mjs')))}`;
  return {
    port: Number(port),
    judge: async (answer) => ((await import(module)) as { judge: (answer: Dict, project: string) => Dict }).judge(answer, project),
  };
};

/** As the real one answers: any token of any project is somebody. */
const statusOf = async (seed: Cluster, pod: KubeObject, url: string, token: string): Promise<Dict> => {
  try {
    const { hostname, port, protocol } = new URL(url);
    const address = /^[\d.]+$/.test(hostname) ? hostname : OUTSIDE;
    if (!isConnectionAllowed(seed, { from: { pod }, to: { address }, port: Number(port) || (protocol === 'https:' ? 443 : 80) }))
      throw new Error(`dial tcp ${hostname}: i/o timeout`);
    const headers = { 'x-auth-token': token, 'x-subject-token': token };
    const get = async (path: string): Promise<Dict> => {
      const answer = await fetch(`${url}${path}`, { headers });
      if (!answer.ok) throw new Error(`expected HTTP response code [200 203] when accessing [GET ${path}], but got ${answer.status}`);
      return dict(await answer.json());
    };
    const found = dict((await get('/auth/tokens')).token);
    const [user, project] = [dict(found.user), dict(found.project)];
    if (text(project.id) === '') throw new Error('failed to extract project information from Keystone response');
    const groups = dicts((await get(`/users/${text(user.id)}/groups`)).groups).map((group) => text(group.name));
    const extra = {
      [`${EXTRA}/roles`]: array(found.roles).map((role) => text(dict(role).name)),
      [`${EXTRA}/project/id`]: [text(project.id)],
      [`${EXTRA}/project/name`]: [text(project.name)],
      [`${EXTRA}/user/domain/id`]: [text(dict(user.domain).id)],
      [`${EXTRA}/user/domain/name`]: [text(dict(user.domain).name)],
    };
    return { authenticated: true, user: { username: text(user.name), uid: text(user.id), groups: [...groups, text(project.id)], extra } };
  } catch (error) {
    seed.log.warn({}, `failed to authenticate: ${messageOf(error)}`);
    return { authenticated: false };
  }
};
