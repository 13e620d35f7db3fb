/** S3 over TLS, against a store that works signatures out by itself. */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Unavailable, UserError } from '../../src/domain/errors.ts';
import { openS3Store, presign, type S3Settings } from '../../src/objectStore/s3.ts';
import { tryStore } from '../../src/objectStore/trial.ts';
import { type FakeS3, startFakeS3 } from './fakeS3.ts';
import { carry, expectNoRedirect, expectToKeep, failureOf, listeningLog, newName, textOf } from './shared.ts';

let s3: FakeS3;
const opened: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  s3 = await startFakeS3();
});
afterEach(() => {
  Object.assign(s3, { instead: null, aheadMs: 0 });
});
afterAll(async () => {
  for (const store of opened) await store.close();
  await s3.close();
});

const open = (settings: Partial<S3Settings> = {}, now: () => number = Date.now) => {
  const { endpoint, bucket, region, accessKey, secretKey, caPem } = s3;
  const store = openS3Store({
    settings: { endpoint, bucket, region, accessKey, secretKey, caPem, ...settings },
    clock: { now },
    timeoutMs: 1_000,
  });
  opened.push(store);
  return store;
};

test("Amazon's own example of a presigned URL comes out as it is printed", async () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
  const url = await presign({
    method: 'GET',
    url: 'https://examplebucket.s3.amazonaws.com/test.txt',
    region: 'us-east-1',
    accessKey: 'AKIAIOSFODNN7EXAMPLE',
    secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    now: Date.parse('2013-05-24T00:00:00Z'),
    ttlMs: 86_400_000,
  });
  expect(Object.fromEntries(new URL(url).searchParams)).toEqual({
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request',
    'X-Amz-Date': '20130524T000000Z',
    'X-Amz-Expires': '86400',
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Signature': 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  });
});

test('objects are kept, and each URL is good for one object and one way', async () => {
  await expectToKeep(open(), (url) => url.replace('.db?', '.keys?'));
  expect(s3.objects.size).toBe(0);
});

test('a URL is over when its time is', async () => {
  const up = await open().upload(newName(), { ttlMs: 60_000, maxBytes: 1 });
  s3.aheadMs = 61_000;
  expect(await carry('PUT', up, Buffer.alloc(1))).toMatchObject({ status: 403 });
});

test('what only the operator can mend names the setting', async () => {
  const name = newName();
  const said = async (settings: Partial<S3Settings>, now?: () => number) => {
    const error = await failureOf(open(settings, now).put(name, Buffer.from('x')));
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ detail: { whoMustAct: 'CLOUD_ADMIN' } });
    expect(textOf(error)).not.toMatch(/X-Amz-Signature|not\/a\+secret/);
    return (error as Error).message;
  };
  expect(await said({ caPem: null })).toMatch(/is not trusted .*SEEDBED_BACKUP_S3_CA_FILE/);
  expect(await said({ endpoint: s3.endpoint.replace('localhost', '127.0.0.1') })).toMatch(/is not trusted .*SEEDBED_BACKUP_S3_ENDPOINT/);
  for (const settings of [{ accessKey: 'AKIDOTHER' }, { secretKey: 'wrong' }])
    expect(await said(settings)).toMatch(/does not let Seedbed in.*SEEDBED_BACKUP_S3_ACCESS_KEY and SEEDBED_BACKUP_S3_SECRET_KEY/);
  expect(await said({}, () => Date.now() - 3_600_000)).toMatch(/403, AccessDenied.*the clock of this machine/);
  expect(await said({ region: 'elsewhere' })).toMatch(/SEEDBED_BACKUP_S3_REGION/);
  expect(await said({ bucket: 'nowhere' })).toMatch(/SEEDBED_BACKUP_S3_BUCKET names a bucket that is not at SEEDBED_BACKUP_S3_ENDPOINT/);
  s3.instead = () => ({ status: 307 });
  expect(await said({})).toMatch(/is elsewhere \(status 307\): set SEEDBED_BACKUP_S3_REGION/);
});

test('a redirect is not followed, and its signed URL goes nowhere', async () => {
  const errors = await expectNoRedirect(open(), (location, status) => {
    s3.instead = () => ({ status, headers: { location }, body: '<Error><Code>TemporaryRedirect</Code></Error>' });
  });
  for (const error of errors) {
    expect(error).toMatchObject({ code: 'CLOUD_REFUSED', detail: { whoMustAct: 'CLOUD_ADMIN' } });
    expect(error.message).toMatch(
      /is elsewhere \(status 30[27], TemporaryRedirect\): set SEEDBED_BACKUP_S3_REGION and SEEDBED_BACKUP_S3_ENDPOINT to those of the bucket\.$/,
    );
  }
});

test('a web server that is no store does not make backups LOST', async () => {
  s3.instead = () => ({ status: 404, body: '<html>not here</html>' });
  for (const call of ['get', 'stat', 'remove'] as const) expect(await failureOf(open()[call](newName()))).toBeInstanceOf(UserError);
});

test('what passes by itself is Unavailable: 5xx, a connection that is cut or stands still, and nobody there', async () => {
  const store = open();
  for (const instead of [{ status: 503, body: '<Error><Code>SlowDown</Code></Error>' }, { status: 500 }, 'cut', 'stall'] as const) {
    s3.instead = () => instead;
    expect(await failureOf(store.get(newName()))).toBeInstanceOf(Unavailable);
  }
  s3.instead = null;
  const gone = await failureOf(open({ endpoint: 'https://localhost:1' }).get(newName()));
  expect(gone).toBeInstanceOf(Unavailable);
  expect((gone as Error).message).toMatch(/could not be reached \(ECONNREFUSED\); see SEEDBED_BACKUP_S3_ENDPOINT/);
  const nameless = open({ endpoint: 'https://store.invalid' });
  for (const call of [() => nameless.end(), () => nameless.upload(newName(), { ttlMs: 1_000, maxBytes: 1 })])
    expect(await failureOf(call())).toBeInstanceOf(Unavailable);
  // One cut connection is no failure.
  let cuts = 1;
  s3.instead = () => (cuts-- > 0 ? 'cut' : undefined);
  expect(await store.get(newName())).toBeUndefined();
});

test('a store is tried by a probe that goes again, and what is wrong is said with its remedy and without secrets', async () => {
  const signal = new AbortController().signal;
  const good = listeningLog();
  s3.seen.length = 0;
  await tryStore(open(), { log: good.log, signal });
  expect(good.said()).toMatch(/'info'.*does what it is asked for/s);
  expect(s3.seen.map(({ call }) => call.split(' ')[0])).toEqual(['GET', 'PUT', 'GET', 'GET', 'DELETE']);
  expect(s3.objects.size).toBe(0);

  const bad = listeningLog();
  await tryStore(open({ secretKey: 'wrong-but-secret' }), { log: bad.log, signal });
  await tryStore(open({ caPem: null }), { log: bad.log, signal });
  s3.instead = () => 'stall';
  await tryStore(open(), { log: bad.log, signal });
  s3.instead = (method) => (method === 'GET' ? { status: 200, body: 'x' } : undefined);
  await tryStore(open(), { log: bad.log, signal });
  s3.instead = (method, name) =>
    method === 'GET' && !s3.objects.has(name) ? { status: 403, body: '<Code>AccessDenied</Code>' } : undefined;
  await tryStore(open(), { log: bad.log, signal });
  for (const remedy of [
    /SignatureDoesNotMatch.*S3_SECRET_KEY/,
    /S3_CA_FILE/,
    /did not answer in time/,
    /has what nobody put there/,
    /and list it/,
  ])
    expect(bad.said()).toMatch(remedy);
  expect(bad.said()).not.toMatch(/X-Amz-|wrong-but-secret|not\/a\+secret|AKIDSEEDBEDTEST|BEGIN CERTIFICATE/);
});

test('an object is told as large as it is, which is how one that is too large is found', async () => {
  const body = Buffer.alloc(2_000_000, 7);
  const name = newName();
  expect(await carry('PUT', await open().upload(name, { ttlMs: 60_000, maxBytes: 1_000 }), body)).toMatchObject({ status: 200 });
  expect(await open().stat(name)).toEqual({ sizeBytes: body.length, tail: body.subarray(-32) });
  // Of what is not read whole no more is taken in than keys could have.
  expect(((await failureOf(open().get(name))) as Error).message).toMatch(/gives more than is asked for/);
  expect(
    createHash('md5')
      .update(s3.objects.get(name) ?? '')
      .digest('hex'),
  ).toBe(createHash('md5').update(body).digest('hex'));
  await open().remove(name);
});
