import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { createAuthority, openAuthority } from '../../src/pki/authority.ts';
import { issueLeaf } from '../../src/pki/certificate.ts';
import { buildKubeconfig, buildKubeconfigText } from '../../src/pki/kubeconfig.ts';

const deps = { now: () => Date.now() };
const open = async (name: string) => {
  const pair = await createAuthority(name, deps);
  return { pair, authority: await openAuthority(pair) };
};

test('a server and a client made by one authority shake hands over TLS; a stranger is turned away', async () => {
  const [ours, theirs] = [await open('kubernetes'), await open('kubernetes')];
  const server = await issueLeaf(
    ours.authority,
    { commonName: 'kube-apiserver', usages: ['server'], sans: { dns: [], ips: ['127.0.0.1'] } },
    deps,
  );
  const profile = { commonName: 'alice', organizations: ['team:a', 'team:b'], usages: ['client'] as const };
  const [client, stranger] = [await issueLeaf(ours.authority, profile, deps), await issueLeaf(theirs.authority, profile, deps)];
  const seen: { cn: unknown; o: unknown }[] = [];
  const listener = createServer(
    { cert: server.cert, key: server.key, ca: ours.pair.cert, requestCert: true, rejectUnauthorized: true },
    (socket: TLSSocket) => {
      const { CN, O } = socket.getPeerCertificate().subject;
      seen.push({ cn: CN, o: O });
      socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
    },
  );
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  const call = (who: { cert: string; key: string }, ca: string) =>
    new Promise<number | string>((resolve) => {
      const call = request({ host: '127.0.0.1', port, ca, cert: who.cert, key: who.key, agent: false }, (answer) =>
        resolve(answer.statusCode ?? 0),
      );
      call.on('error', (error) => resolve(error.message)).end();
    });
  expect(await call(client, ours.pair.cert)).toBe(204);
  expect(seen).toEqual([{ cn: 'alice', o: ['team:a', 'team:b'] }]);
  expect(await call(stranger, ours.pair.cert)).not.toBe(204);
  expect(await call(client, theirs.pair.cert)).toMatch(/self-signed|signature|unable to verify/i);
  listener.close();
});

test.each(['a, CN=system:admin', 'a+O=system:masters', 'a\nO=system:masters', '"quoted"', 'ünï😀', '#00'])(
  'a name cannot become more than one name: %j',
  async (commonName) => {
    const { authority } = await open('kubernetes');
    const { cert } = await issueLeaf(authority, { commonName, organizations: ['kc:viewer'], usages: ['client'] }, deps);
    const subject = new X509Certificate(cert).toLegacyObject().subject;
    expect({ ...subject }).toEqual({ O: 'kc:viewer', CN: commonName });
  },
);

test('kubeconfigs hold one user with everything inline', () => {
  const input = { clusterName: 'on: {e', server: 'https://192.0.2.1:6443', caPem: 'CA', userName: 'alice' };
  const text = buildKubeconfigText({ ...input, credential: { cert: 'C'.repeat(300), key: 'K' } });
  const config = parse(text);
  expect(config).toEqual(buildKubeconfig({ ...input, credential: { cert: 'C'.repeat(300), key: 'K' } }));
  expect(Buffer.from(config.users[0].user['client-certificate-data'], 'base64').toString()).toBe('C'.repeat(300));
  expect(config.contexts[0]).toEqual({ name: config['current-context'], context: { cluster: 'on: {e', user: 'alice' } });
  expect(buildKubeconfig({ ...input, credential: { token: 't' } }).users).toEqual([{ name: 'alice', user: { token: 't' } }]);
});
