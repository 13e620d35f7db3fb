/** The simulated Swift: containers of a project's account, and objects that are reached by a token or by a signed URL (TempURL). Not in segments. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { World } from '../contract.ts';
import { type Answer, ApiError, type Call, noContent, type Route } from './http.ts';
import type { Service } from './service.ts';

interface Container {
  /** "AUTH_project/container". */
  path: string;
  keys: [string, string];
}

interface StoredObject {
  /** Of its container. */
  container: string;
  name: string;
  /** In base64. */
  body: string;
}

export interface ObjectStorageDeps {
  world: World;
  now: () => number;
}

/** Swift's operator_roles. */
const OPERATORS = new Set(['admin', 'swiftoperator', 'member']);
const KEY_HEADERS = ['x-container-meta-temp-url-key', 'x-container-meta-temp-url-key-2'] as const;
/** What a URL that is signed for one method may do as well. */
const ALSO: Record<string, readonly string[]> = { HEAD: ['HEAD', 'GET', 'PUT'], GET: ['GET'], PUT: ['PUT'], DELETE: ['DELETE'] };
const LONGEST_NAME = 1_024;

export const objectStorageService = ({ world, now }: ObjectStorageDeps): Service => {
  const containers = world.table<Container>('objectStorage/containers');
  const objects = world.table<StoredObject>('objectStorage/objects');

  const ownAccount = ({ actor, params }: Call): string => {
    const account = params.account ?? '';
    const own = account === `AUTH_${actor.projectId}` && actor.roles.some(({ name }) => OPERATORS.has(name));
    if (!own) throw new ApiError(actor.userId === '' ? 401 : 403, 'Access was denied to this resource.', 'Forbidden');
    return account;
  };
  const find = (call: Call): Container => {
    const found = containers.get(`${ownAccount(call)}/${call.params.container}`);
    if (found === undefined) throw new ApiError(404, 'The resource could not be found.', 'Not Found');
    return found;
  };
  const putContainer = (call: Call): Answer => {
    const path = `${ownAccount(call)}/${call.params.container}`;
    const there = containers.get(path);
    const given = KEY_HEADERS.map((header) => call.headers[header]);
    const keyAt = (slot: 0 | 1): string => (given[slot] === undefined ? (there?.keys[slot] ?? '') : String(given[slot]));
    containers.set(path, { path, keys: [keyAt(0), keyAt(1)] });
    return { status: there === undefined ? 201 : 202 };
  };
  const showContainer = (call: Call): Answer => {
    const { keys } = find(call);
    return { status: 204, headers: Object.fromEntries(KEY_HEADERS.flatMap((header, i) => (keys[i] ? [[header, keys[i]]] : []))) };
  };
  const removeContainer = (call: Call): Answer => {
    const { path } = find(call);
    if ([...objects.values()].some(({ container }) => container === path))
      throw new ApiError(409, 'There was a conflict when trying to complete your request.', 'Conflict');
    containers.delete(path);
    return noContent;
  };

  /** By a token, or by a signature; what a container's key does not sign is refused, whether there is such a container or not. */
  const objectAt = (call: Call): { container: Container; path: string } => {
    const { account, container: name } = call.params;
    const path = decodeURIComponent(call.path).slice('/v1/'.length);
    if (path.length > LONGEST_NAME) throw new ApiError(412, 'Precondition Failed', 'Precondition Failed');
    if (!call.query.has('temp_url_sig') && !call.query.has('temp_url_expires')) return { container: find(call), path };
    const container = containers.get(`${account}/${name}`);
    if (container === undefined || !isSigned(call, container, now())) throw new ApiError(401, 'Temp URL invalid', 'Unauthorized');
    return { container, path };
  };
  const putObject = (call: Call): Answer => {
    const { container, path } = objectAt(call);
    if (call.headers['content-length'] === undefined && call.headers['transfer-encoding'] === undefined)
      throw new ApiError(411, 'Content-Length header required.', 'Length Required');
    if (call.bytes === null) throw new ApiError(413, 'The body of your request was too large for this server.', 'Request Entity Too Large');
    objects.set(path, { container: container.path, name: path.slice(container.path.length + 1), body: call.bytes.toString('base64') });
    return { status: 201, headers: { Etag: md5(call.bytes) } };
  };
  const getObject = (call: Call): Answer => {
    const found = objects.get(objectAt(call).path);
    if (found === undefined) throw new ApiError(404, 'The resource could not be found.', 'Not Found');
    return partOf(Buffer.from(found.body, 'base64'), call.headers.range);
  };
  const removeObject = (call: Call): Answer => {
    const { path } = objectAt(call);
    if (objects.get(path) === undefined) throw new ApiError(404, 'The resource could not be found.', 'Not Found');
    objects.delete(path);
    return noContent;
  };

  const container = '/v1/{account}/{container}';
  // As many parts as Seedbed's names have; Swift takes any number.
  const object = `${container}/{folder}/{name}`;
  const routes: Route[] = [
    { method: 'PUT', template: container, handle: putContainer },
    { method: 'GET', template: container, handle: showContainer },
    { method: 'DELETE', template: container, handle: removeContainer },
    { method: 'PUT', template: object, open: true, handle: putObject },
    { method: 'GET', template: object, open: true, handle: getObject },
    { method: 'DELETE', template: object, open: true, handle: removeObject },
  ];
  return {
    name: 'object-store',
    prefix: '/object-store',
    routes,
    bytes: true,
    errorBody: ({ kind, message }) => ({ body: `<html><h1>${kind}</h1><p>${message}</p></html>`, contentType: 'text/html; charset=UTF-8' }),
  };
};

/** https://docs.openstack.org/swift/latest/api/temporary_url_middleware.html */
const isSigned = ({ method, path, query }: Call, { keys }: Container, now: number): boolean => {
  const expires = query.get('temp_url_expires') ?? '';
  if (!/^\d+$/.test(expires) || Number(expires) * 1000 <= now) return false;
  const given = Buffer.from(query.get('temp_url_sig') ?? '');
  return (ALSO[method] ?? []).some((signed) =>
    keys.some((key) => {
      const right = Buffer.from(
        createHmac('sha256', key)
          .update([signed, expires, decodeURIComponent(path)].join('\n'))
          .digest('hex'),
      );
      return key !== '' && given.length === right.length && timingSafeEqual(given, right);
    }),
  );
};

/** "bytes=first-last", "bytes=first-" or "bytes=-length"; other ranges are not looked at. */
const partOf = (body: Buffer, range: string | undefined): Answer => {
  const headers = { Etag: md5(body), 'Accept-Ranges': 'bytes' };
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === '' && last === '') return { status: 200, body, headers };
  const from = first === '' ? Math.max(0, body.length - Number(last)) : Number(first);
  const to = first === '' || last === '' ? body.length - 1 : Math.min(Number(last), body.length - 1);
  if (from > to) throw new ApiError(416, 'The Range requested is not available.', 'Requested Range Not Satisfiable');
  return { status: 206, body: body.subarray(from, to + 1), headers: { ...headers, 'Content-Range': `bytes ${from}-${to}/${body.length}` } };
};

const md5 = (body: Buffer): string => createHash('md5').update(body).digest('hex');
