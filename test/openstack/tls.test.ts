/** A cloud behind its own CA: trusted with the bundle, refused with a useful sentence without. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createCloudFactory } from '../../src/openstack/session.ts';
import { failing, password } from './fakeCloud.ts';

const certificateFor = async (address: string): Promise<{ cert: string; key: string }> => {
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=cloud',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new SubjectAlternativeNameExtension([{ type: 'ip', value: address }])],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { cert: certificate.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
};

const loginFailure = async (port: number, caPem: string | null): Promise<unknown> => {
  const settings = { authUrl: `https://127.0.0.1:${port}`, region: null, interface: 'public', caPem, timeoutMs: 2_000 } as const;
  const factory = createCloudFactory({ settings, clock: systemClock });
  const error = await failing(factory.open(password).projectId());
  await factory.close();
  return error;
};

test('the CA bundle decides', async () => {
  const { cert, key } = await certificateFor('127.0.0.1');
  const elsewhere = await certificateFor('127.0.0.2');
  const server = createServer({ cert, key }, (_req, res) => res.writeHead(401, { 'content-type': 'application/json' }).end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const untrusted = { code: 'CLOUD_UNAVAILABLE', message: expect.stringContaining('not trusted'), detail: { whoMustAct: 'CLOUD_ADMIN' } };
  expect(await loginFailure(port, cert)).toMatchObject({ code: 'CLOUD_CREDENTIAL' });
  expect(await loginFailure(port, null)).toMatchObject(untrusted);
  expect(await loginFailure(port, elsewhere.cert)).toMatchObject(untrusted);
  await new Promise((resolve) => server.close(resolve));
});
