/** What the sandbox leaves in its data directory for those who use it: sandbox.json and clouds.yaml. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { REGION } from './openstack/authTokens.ts';
import type { LoginName } from './openstack/furnish.ts';
import type { Login } from './openstack/start.ts';

export interface Handover {
  pid: number;
  /** True: the last of those that hold it (GET hold of the control endpoint) ends it. */
  shared: boolean;
  controlUrl: string;
  authUrl: string;
  region: string;
  seeds: { name: string; kubeconfigFile: string; adminKubeconfigFile: string }[];
  /** Path of the clouds.yaml with the clouds sandbox-admin, -member, -reader, -other and -service. */
  cloudsYaml: string;
  users: Record<LoginName, Login>;
}

/** Complete or not there, and for its owner only: it holds passwords. */
const writeSecret = (path: string, content: string): void => {
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
};

const cloudsOf = (authUrl: string, users: Record<LoginName, Login>): object =>
  Object.fromEntries(
    Object.values(users).map((login) => [
      login.username,
      {
        auth: {
          auth_url: authUrl,
          username: login.username,
          password: login.password,
          project_name: login.projectName,
          user_domain_name: login.userDomainName,
          project_domain_name: login.projectDomainName,
        },
        region_name: REGION,
        identity_api_version: 3,
      },
    ]),
  );

const handoverPath = (dataDir: string): string => join(dataDir, 'sandbox.json');

/** Takes the hand-over away: while there is none, nobody may think that the sandbox runs. */
export const removeHandover = (dataDir: string): void => rmSync(handoverPath(dataDir), { force: true });

/** The hand-over of the sandbox that runs on this directory now; undefined when none answers. */
export const runningSandbox = async (dataDir: string): Promise<Handover | undefined> => {
  if (!existsSync(handoverPath(dataDir))) return undefined;
  const handover = JSON.parse(readFileSync(handoverPath(dataDir), 'utf8')) as Handover;
  const alive = await fetch(`${handover.controlUrl}/health`, { signal: AbortSignal.timeout(2000) }).then(
    async (r) => r.ok && ((await r.json()) as { pid?: number }).pid === handover.pid,
    () => false,
  );
  return alive ? handover : undefined;
};

export const cloudsYamlPath = (dataDir: string): string => join(dataDir, 'clouds.yaml');

/** Writes clouds.yaml, then sandbox.json: whoever finds the latter finds everything. */
export const writeHandover = (dataDir: string, handover: Handover): void => {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeSecret(handover.cloudsYaml, stringify({ clouds: cloudsOf(handover.authUrl, handover.users) }));
  writeSecret(handoverPath(dataDir), `${JSON.stringify(handover, null, 2)}\n`);
};
