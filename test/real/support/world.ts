/** Where the suite runs: the lab, or a cloud and a seed that the user names. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { run } from './run.ts';

const environment = process.env;
export const labFolder = environment.LAB ?? environment.SEEDBED_LAB_CACHE ?? '/tmp/seedbed-lab';
export const usesLab = environment.SEEDBED_TEST_CLOUD === undefined || environment.SEEDBED_TEST_SEED === undefined;

/** One way into the cloud, under the name that clouds.yaml gives it. */
export interface Login {
  cloud: string;
  authUrl: string;
  region: string | null;
  username: string;
  password: string;
  userDomain: string;
  project: string;
  projectDomain: string;
}

export interface World {
  cloudsFile: string;
  /** Sees everything; registers the seed and publishes the template. */
  admin: Login;
  /** An ordinary member of a project, for whom the clusters are made; in the lab each story gets a project of its own instead. */
  member: Login;
  /** What Seedbed itself logs in as. */
  service: Login;
  seedKubeconfigPath: string;
  /** For looking at the seed: may list all namespaces. */
  seedAdminKubeconfigPath: string;
  /** To which control planes can move; null where there is but one. */
  secondSeed: SecondSeed | null;
  kubectl: string;
  image: string;
  flavor: string;
  externalNetwork: string;
  /** Gives the seed a route to a tenant's network, as long as there is no tunnel; null where the world does not need or allow it. */
  routeToTenant: ((cidr: string, via: string) => Promise<void>) | null;
  /** Shuts the way from a pod of the seed to an address, or opens it again; null where the world does not allow it. */
  shutWay: ((from: string, to: string, shut: boolean) => Promise<void>) | null;
}

export interface SecondSeed {
  kubeconfigPath: string;
  /** For looking at it: may list all namespaces. */
  adminKubeconfigPath: string;
  /** It is there only while a story needs it. */
  up: () => Promise<void>;
  down: () => Promise<void>;
}

interface CloudEntry {
  region_name?: string;
  auth: Record<string, string | undefined>;
}

/**
 * The lab's world, or with SEEDBED_TEST_CLOUD and SEEDBED_TEST_SEED the user's: names of entries in clouds.yaml (OS_CLIENT_CONFIG_FILE) and a
 * kubeconfig's path. SEEDBED_TEST_SECOND_SEED is another's path, SEEDBED_TEST_ADMIN_CLOUD and SEEDBED_TEST_SERVICE_CLOUD name the other two logins, SEEDBED_TEST_IMAGE, _FLAVOR and
 * _EXTERNAL_NETWORK what servers are made of.
 */
export const openWorld = (): World => (usesLab ? openLab() : openOwn());

const openLab = (): World => {
  const cloudsFile = `${labFolder}/openstack/clouds.yaml`;
  const seed = new URL('../../lab/kubernetes/seed', import.meta.url).pathname;
  return {
    cloudsFile,
    admin: readLogin(cloudsFile, 'admin'),
    member: readLogin(cloudsFile, 'demo'),
    service: readLogin(cloudsFile, 'seedbed'),
    seedKubeconfigPath: `${labFolder}/kubernetes/seed.kubeconfig`,
    seedAdminKubeconfigPath: `${labFolder}/kubernetes/admin.kubeconfig`,
    secondSeed: labSecondSeed(seed),
    kubectl: `${labFolder}/kubernetes/seed/bin/kubectl`,
    image: 'debian-12-node',
    flavor: 'm1.small',
    externalNetwork: 'public',
    routeToTenant: async (cidr, via) => {
      await run(seed, ['exec', 'ip', 'route', 'replace', cidr, 'via', via], { env: { LAB: labFolder } });
    },
    shutWay: async (from, to, shut) => {
      await run(seed, ['exec', 'ip', 'rule', shut ? 'add' : 'del', 'from', from, 'to', to, 'prohibit'], { env: { LAB: labFolder } });
    },
  };
};

const labSecondSeed = (script: string): SecondSeed => {
  // It has the images of the newest release alone, whatever the first has.
  const env = { LAB: labFolder, SEED_NAME: 'seed2', KUBE_VERSIONS: '' };
  const call = (word: string) => run(script, [word], { env, timeoutMs: 600_000 }).then(() => {});
  return {
    kubeconfigPath: `${labFolder}/kubernetes/seed2.kubeconfig`,
    adminKubeconfigPath: `${labFolder}/kubernetes/seed2-admin.kubeconfig`,
    up: () => call('up'),
    down: () => call('down'),
  };
};

const ownSecondSeed = (path: string | undefined): SecondSeed | null => {
  const isThere = async () => {};
  return path === undefined ? null : { kubeconfigPath: path, adminKubeconfigPath: path, up: isThere, down: isThere };
};

const openOwn = (): World => {
  const cloudsFile = environment.OS_CLIENT_CONFIG_FILE ?? `${environment.HOME}/.config/openstack/clouds.yaml`;
  const member = environment.SEEDBED_TEST_CLOUD ?? '';
  const admin = environment.SEEDBED_TEST_ADMIN_CLOUD ?? member;
  const seed = environment.SEEDBED_TEST_SEED ?? '';
  return {
    cloudsFile,
    admin: readLogin(cloudsFile, admin),
    member: readLogin(cloudsFile, member),
    service: readLogin(cloudsFile, environment.SEEDBED_TEST_SERVICE_CLOUD ?? admin),
    seedKubeconfigPath: seed,
    seedAdminKubeconfigPath: seed,
    secondSeed: ownSecondSeed(environment.SEEDBED_TEST_SECOND_SEED),
    kubectl: environment.KUBECTL ?? 'kubectl',
    image: environment.SEEDBED_TEST_IMAGE ?? 'debian-12-node',
    flavor: environment.SEEDBED_TEST_FLAVOR ?? 'm1.small',
    externalNetwork: environment.SEEDBED_TEST_EXTERNAL_NETWORK ?? 'public',
    routeToTenant: null,
    shutWay: null,
  };
};

const readLogin = (file: string, cloud: string): Login => {
  const entry = (parse(readFileSync(file, 'utf8')) as { clouds: Record<string, CloudEntry | undefined> }).clouds[cloud];
  if (entry === undefined) throw new Error(`${file} knows no cloud "${cloud}".`);
  const { auth } = entry;
  return {
    cloud,
    authUrl: auth.auth_url ?? '',
    region: entry.region_name ?? null,
    username: auth.username ?? '',
    password: auth.password ?? '',
    userDomain: auth.user_domain_name ?? 'Default',
    project: auth.project_name ?? '',
    projectDomain: auth.project_domain_name ?? 'Default',
  };
};

/** Keystone's URL without its version. */
export const rootOf = (authUrl: string): string => authUrl.replace(/\/(v3\/?)?$/, '');

/** A project-scoped token and the ids behind it, asked of Keystone directly. */
export const logIn = async (login: Login): Promise<{ token: string; projectId: string; userId: string }> => {
  const answer = await fetch(`${rootOf(login.authUrl)}/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: login.username, password: login.password, domain: { name: login.userDomain } } },
        },
        scope: { project: { name: login.project, domain: { name: login.projectDomain } } },
      },
    }),
  });
  if (!answer.ok) throw new Error(`Keystone refuses ${login.username}: ${answer.status}`);
  const { token } = (await answer.json()) as { token: { project: { id: string }; user: { id: string } } };
  return { token: answer.headers.get('x-subject-token') ?? '', projectId: token.project.id, userId: token.user.id };
};
