/** The clients other people wrote, against the sandbox: the `openstack` command and openstacksdk. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pythonWith } from '../house/python.ts';
import { startCloud, type TestCloud } from './cloud.ts';

const IMPORTS = 'import openstack, openstackclient.shell, octaviaclient';

/** A Python that has the clients: the system's, else an environment of our own. */
const findPython = (): string => {
  const ofSystem = spawnSync('/usr/bin/python3', ['-c', IMPORTS]).status === 0;
  return ofSystem ? '/usr/bin/python3' : pythonWith(join(import.meta.dirname, 'requirements.txt'));
};

let cloud: TestCloud;
let python: string;

beforeAll(async () => {
  python = findPython();
  cloud = await startCloud(0.1);
}, 300_000);
afterAll(() => cloud.close());

const run = async (script: string, input: string): Promise<unknown> => {
  const path = join(import.meta.dirname, script);
  if (!existsSync(path)) throw new Error(`${path} is missing`);
  const env = { PATH: process.env.PATH ?? '', HOME: cloud.dataDir, OS_CLIENT_CONFIG_FILE: cloud.sandbox.handover.cloudsYaml };
  const child = spawn(python, [path], { env });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  child.stdin.end(input);
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${script} failed: ${err}`);
  return JSON.parse(out);
};

interface Outcome {
  code: number;
  out: string;
  err: string;
}

type Who = 'member' | 'reader' | 'other' | 'admin';

/** Runs command lines (split at blanks) and gives their outcomes in order. */
const openstack = async (lines: [Who, string][]): Promise<Outcome[]> => {
  const commands = lines.map(([who, line]) => [`sandbox-${who}`, ...line.split(' ')]);
  return (await run('outsideClient.py', JSON.stringify(commands))) as Outcome[];
};

const succeed = async (lines: string[]): Promise<string[]> => {
  const outcomes = await openstack(lines.map((line) => ['member', line]));
  outcomes.forEach((o, i) => {
    expect(o.code, `openstack ${lines[i]}: ${o.err}`).toBe(0);
  });
  return outcomes.map((o) => o.out.trim());
};

test('the openstack command makes, shows and removes what a cluster needs', { timeout: 120_000 }, async () => {
  const { member, service } = cloud.sandbox.handover.users;
  const made = await succeed([
    'flavor list -f value -c Name',
    'image show debian-12-node -f value -c status',
    'network create cli -f value -c status',
    'subnet create --network cli --subnet-range 10.80.0.0/24 --dns-nameserver 192.0.2.1 cli -f value -c gateway_ip',
    'router create --external-gateway public cli -f value -c status',
    'router add subnet cli cli',
    'security group create cli -f value -c name',
    'security group rule create --protocol tcp --dst-port 10250 --remote-group cli cli -f value -c protocol',
    'port create --network cli --security-group cli --tag seedbed:1 cli -f value -c tags',
    'server group create --policy soft-anti-affinity cli -f value -c policy',
    'server create --flavor m1.small --image debian-12-node --port cli --wait cli -f value -c status',
    'server list --name ^cli$ -f value -c Name -c Status',
    'console log show cli',
    'floating ip create --port cli public -f value -c status',
    'port list --tags seedbed:1 -f value -c Name',
    'volume create --size 1 cli -f value -c size',
    'volume type list -f value -c Name',
    'keypair create cli',
    `trust create --project ${member.projectId} --role member ${member.userId} ${service.userId} -f value -c project_id`,
    'application credential create cli -f value -c name',
    'loadbalancer create --name cli --vip-subnet-id cli -f value -c name',
    'quota show -f json',
    'limits show --absolute -f value -c Name',
    'availability zone list --compute -f value',
  ]);
  expect(made[0]?.split('\n')).toContain('m1.large');
  expect(made.slice(1, 5)).toEqual(['active', 'ACTIVE', '10.80.0.1', 'ACTIVE']);
  expect(made.slice(6, 15)).toEqual([
    'cli',
    'tcp',
    "['seedbed:1']",
    'soft-anti-affinity',
    'ACTIVE',
    'cli ACTIVE',
    'booting cli',
    'ACTIVE',
    'cli',
  ]);
  expect(made[21]).toMatch(/"instances"/);
  expect(made[18]).toBe(member.projectId);
  expect(made[17]).toMatch(/^-----BEGIN [A-Z ]*PRIVATE KEY-----/);
  const refused = await openstack([
    ['reader', 'server delete cli'],
    ['reader', 'port create --network cli no'],
    ['reader', 'volume create --size 1 no'],
    ['member', 'router delete cli'],
    ['member', 'user list'],
    ['other', 'server show cli'],
    ['other', 'network show cli'],
  ]);
  expect(refused.map((o) => o.code)).toEqual(refused.map(() => 1));
  const seen = await openstack([
    ['other', 'server list -f value'],
    ['other', 'port list -f value'],
    ['reader', 'server list -f value -c Name'],
    ['admin', 'server list --all-projects -f value -c Name'],
    ['admin', 'user list -f value -c Name'],
  ]);
  expect(seen.map((o) => o.out.trim().split('\n')[0])).toEqual(['', '', 'cli', 'cli', 'sandbox-admin']);
  await succeed([
    'server delete --wait cli',
    'volume delete cli',
    'loadbalancer delete cli --wait',
    'port delete cli',
    'router remove subnet cli cli',
    'router delete cli',
    'network delete cli',
    'security group delete cli',
    'server group delete cli',
    'keypair delete cli',
    'application credential delete cli',
  ]);
  const world = (await cloud.control('GET', '/world')).at('openstack', 'network', 'ports') as unknown[];
  expect(world).toEqual([]);
});

test('openstacksdk walks through every service', { timeout: 120_000 }, async () => {
  expect(await run('outsideSdk.py', '')).toEqual({
    kube_version: 'v1.36.3',
    ports_by_tag: ['sdk'],
    server: 'ACTIVE',
    address: true,
    groups: ['sdk'],
    group_members: true,
    listed: ['sdk'],
    console: 'booting sdk',
    floating: 'ACTIVE',
    volume: 'available',
    trusted_sees: ['sdk'],
    credentials: ['sdk'],
    stranger_sees: [],
    stranger_gets: true,
    reader_refused: [403, 403, 403, 403],
    in_use: [409, 409],
    port_kept: true,
  });
});
