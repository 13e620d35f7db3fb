/** A bucket of a store that speaks S3: Amazon's, Ceph's, MinIO's or Swift's. URLs are presigned with Signature Version 4. */
import { AwsV4Signer } from 'aws4fetch';
import { Unavailable, UserError } from '../domain/errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { ObjectStore } from './objectStore.ts';
import { createSignedStore } from './signedStore.ts';
import type { WireReply } from './wire.ts';

export interface S3Settings {
  /** https, with or without a path before the bucket. */
  endpoint: string;
  bucket: string;
  region: string;
  accessKey: string;
  secretKey: string;
  /** Null: the authorities that Node trusts, and those that curl's image does. */
  caPem: string | null;
}

export interface S3Deps {
  settings: S3Settings;
  clock: Clock;
  /** Of a call of Seedbed's own. */
  timeoutMs: number;
}

const STORE = 'the object store for backups (S3)';
const BUCKET = 'SEEDBED_BACKUP_S3_BUCKET';
const PLACE = 'SEEDBED_BACKUP_S3_ENDPOINT';

export const openS3Store = ({ settings, clock, timeoutMs }: S3Deps): ObjectStore =>
  createSignedStore({
    store: STORE,
    placeSetting: PLACE,
    caSetting: 'SEEDBED_BACKUP_S3_CA_FILE',
    caPem: settings.caPem,
    timeoutMs,
    clock,
    sign: ({ method, name, ttlMs }) => {
      const url = `${settings.endpoint.replace(/\/+$/, '')}/${settings.bucket}/${name}`;
      return presign({ ...settings, method, url, now: clock.now(), ttlMs });
    },
    isAbsent: (reply) => reply.status === 404 && codeIn(reply) === 'NoSuchKey',
    refusalOf,
  });

/** Of the request only method, host, path and time count: neither headers nor a body are signed. */
export const presign = async (order: {
  method: string;
  url: string;
  region: string;
  accessKey: string;
  secretKey: string;
  now: number;
  ttlMs: number;
}): Promise<string> => {
  const url = new URL(order.url);
  url.searchParams.set('X-Amz-Expires', String(Math.ceil(order.ttlMs / 1000)));
  const signer = new AwsV4Signer({
    method: order.method,
    url: url.href,
    service: 's3',
    region: order.region,
    accessKeyId: order.accessKey,
    secretAccessKey: order.secretKey,
    datetime: new Date(order.now).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    signQuery: true,
  });
  return (await signer.sign()).url.href;
};

/** Only a word that S3's list of errors could have: some repeat the request in their texts. */
const codeIn = ({ body }: WireReply): string => /<Code>([A-Za-z]{1,48})<\/Code>/.exec(body.subarray(0, 4_096).toString())?.[1] ?? '';

const refusalOf = (reply: WireReply): Error => {
  const { status } = reply;
  const code = codeIn(reply);
  const what = `status ${status}${code === '' ? '' : `, ${code}`}`;
  const refused = (message: string) => new UserError('CLOUD_REFUSED', message, { whoMustAct: 'CLOUD_ADMIN' });
  if (status >= 500 || [408, 425, 429].includes(status) || code === 'RequestTimeout' || code === 'OperationAborted')
    return new Unavailable('CLOUD_UNAVAILABLE', `The object store for backups (S3) failed (${what}).`, { whoMustAct: 'CLOUD_ADMIN' });
  if (/Quota/.test(code)) return refused(`${BUCKET} names a bucket whose quota is used up (${what}): raise it, or delete backups.`);
  if ((status >= 300 && status <= 399) || (status === 400 && /Malformed|Location|QueryParameters/.test(code)))
    return refused(
      `The object store for backups (S3) is elsewhere (${what}): set SEEDBED_BACKUP_S3_REGION and ${PLACE} to those of the bucket.`,
    );
  if (status === 401 || status === 403)
    return refused(
      `The object store for backups (S3) does not let Seedbed in (${what}): SEEDBED_BACKUP_S3_ACCESS_KEY and SEEDBED_BACKUP_S3_SECRET_KEY must be those of somebody who may get, put and delete objects in the bucket of ${BUCKET}, and list it; SEEDBED_BACKUP_S3_REGION must be its region, and the clock of this machine right.`,
    );
  if (status === 404) return refused(`${BUCKET} names a bucket that is not at ${PLACE} (${what}): make it, or set the two right.`);
  return refused(`The object store for backups (S3) refused a request (${what}); see ${PLACE} and ${BUCKET}.`);
};
