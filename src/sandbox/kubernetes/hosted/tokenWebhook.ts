/** How a simulated API server asks a webhook in the seed about tokens, and what it makes of the answer. */
import { parse } from 'yaml';
import { authenticated } from '../authentication.ts';
import type { Cluster, User } from '../cluster.ts';
import { type Dict, dict, dicts, text, texts } from '../objects.ts';
import { type CommandLine, fileOf } from './commandLine.ts';
import { parseCertificates, requireHost, requireShown } from './pkiChecks.ts';
import { messageOf } from './process.ts';
import { resolve } from './seedNames.ts';

/** A webhook as it runs in a pod. */
export interface TokenWebhook {
  port: number;
  certPem: string;
  /** The review's status. */
  review(apiVersion: string, token: string): Promise<Dict>;
}

/** By the pod's uid. */
export type Webhooks = Map<string, TokenWebhook>;

interface Kept {
  user: User;
  until: number;
}

/** What asks; undefined without the flag. Throws what the API server says of a file that it cannot use. */
export const readTokenWebhook = (
  seed: Cluster,
  webhooks: Webhooks,
  line: CommandLine,
): ((token: string) => Promise<User | undefined>) | undefined => {
  if (line.flag('authentication-token-webhook-config-file') === undefined) return undefined;
  const config = dict(parse(fileOf(line, 'authentication-token-webhook-config-file')));
  const context = dict(dicts(config.contexts).find((c) => c.name === config['current-context'])?.context);
  const cluster = dict(dicts(config.clusters).find((c) => c.name === context.cluster)?.cluster);
  if (!URL.canParse(text(cluster.server))) throw new Error('failed to instantiate webhook: invalid configuration: no server found');
  const url = new URL(text(cluster.server));
  const caPem = Buffer.from(text(cluster['certificate-authority-data']), 'base64').toString();
  const apiVersion = `authentication.k8s.io/${line.flag('authentication-token-webhook-version') ?? 'v1beta1'}`;
  const ttlMs = durationMs(line.flag('authentication-token-webhook-cache-ttl') ?? '2m0s');
  const kept = new Map<string, Kept>();
  return async (token) => {
    const known = kept.get(token);
    if (known !== undefined && known.until > seed.now()) return known.user;
    kept.delete(token);
    const user = userOf(await ask(seed, webhooks, line, { url, caPem, apiVersion }, token));
    if (user !== undefined) kept.set(token, { user, until: seed.now() + ttlMs });
    return user;
  };
};

/** In Go's words, such as 1m30s. */
const durationMs = (words: string): number => {
  const [, minutes, seconds] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(words) ?? [];
  if (minutes === undefined && seconds === undefined)
    throw new Error(`invalid argument "${words}" for "--authentication-token-webhook-cache-ttl" flag: time: invalid duration`);
  return (60 * Number(minutes ?? 0) + Number(seconds ?? 0)) * 1_000;
};

const ask = async (
  seed: Cluster,
  webhooks: Webhooks,
  line: CommandLine,
  { url, caPem, apiVersion }: { url: URL; caPem: string; apiVersion: string },
  token: string,
): Promise<Dict> => {
  try {
    const { pods, targetPort } = resolve(seed, line.pod, url.hostname, Number(url.port || 443));
    const found = pods.flatMap((pod) => {
      const webhook = webhooks.get(pod.metadata.uid);
      return webhook !== undefined && targetPort(pod) === webhook.port ? [webhook] : [];
    })[0];
    if (found === undefined) throw new Error(`dial tcp ${url.host}: connect: connection refused`);
    requireShown(found.certPem, caPem, seed.now(), url.host);
    const [shown] = parseCertificates(found.certPem, url.host);
    if (shown) requireHost(shown, url.hostname, url.host);
    return await found.review(apiVersion, token);
  } catch (error) {
    seed.log.warn({ webhook: url.host }, `Unable to authenticate the request: ${messageOf(error)}`);
    return {};
  }
};

const userOf = (status: Dict): User | undefined => {
  const user = dict(status.user);
  if (status.authenticated !== true) return undefined;
  return authenticated({ name: text(user.username), groups: texts(user.groups), ...(text(user.uid) ? { uid: text(user.uid) } : {}) });
};
