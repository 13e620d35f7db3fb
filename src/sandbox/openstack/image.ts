/** The simulated Glance: a catalogue of images to look at. Of an upload only the name counts, not the data. */
import { randomUUID } from 'node:crypto';
import type { World } from '../contract.ts';
import { type Collection, createCollection } from './collection.ts';
import { ApiError, type Call, noContent, ok, type Route } from './http.ts';
import { optionalInteger, optionalString } from './input.ts';
import type { Service } from './service.ts';
import type { Actor } from './tokens.ts';

export interface Image {
  id: string;
  name: string;
  status: string;
  visibility: 'public' | 'private' | 'shared' | 'community';
  owner: string;
  min_disk: number;
  min_ram: number;
  size: number;
  created_at: string;
  updated_at: string;
  tags: string[];
  disk_format: string;
  container_format: string;
  checksum: string;
  protected: boolean;
  os_hidden: boolean;
  /** os_distro, kube_version and the like; shown at the top level. */
  properties: Record<string, string>;
}

export interface ImageState {
  images: Collection<Image>;
  find(actor: Actor, id: string): Image | undefined;
}

export const createImageState = (world: World): ImageState => {
  const images = createCollection<Image>(world.table('image/images'), { name: (i) => i.name });
  const visible = (actor: Actor, image: Image): boolean =>
    actor.isAdmin || image.owner === actor.projectId || image.visibility === 'public' || image.visibility === 'community';
  return {
    images,
    find: (actor, id) => {
      const image = images.get(id);
      return image !== undefined && visible(actor, image) ? image : undefined;
    },
  };
};

const describe = (image: Image): object => {
  const { properties, ...rest } = image;
  const path = `/v2/images/${image.id}`;
  return {
    ...properties,
    ...rest,
    virtual_size: null,
    os_hash_algo: 'sha512',
    os_hash_value: null,
    self: path,
    file: `${path}/file`,
    schema: '/v2/schemas/image',
  };
};

const NOT_FILTERS = new Set(['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'tag', 'member_status']);

/** `in:a,b` is Glance's way to ask for one of several. */
const fits = (value: unknown, wanted: string): boolean =>
  (wanted.startsWith('in:') ? wanted.slice(3).split(',') : [wanted]).some((w) => w.replace(/^"|"$/g, '') === String(value));

const list = (state: ImageState, call: Call): object => {
  const { query } = call;
  const name = query.get('name');
  const rows = name === null || name.startsWith('in:') ? [...state.images.all()].reverse() : state.images.by('name', name);
  const tests = [...query].filter(([key]) => !NOT_FILTERS.has(key));
  const found = rows.filter((image) => {
    if (state.find(call.actor, image.id) === undefined || !query.getAll('tag').every((t) => image.tags.includes(t))) return false;
    const shown: Record<string, unknown> = { ...image.properties, ...image };
    return tests.every(([key, value]) => (key === 'os_hidden' ? String(image.os_hidden) === value.toLowerCase() : fits(shown[key], value)));
  });
  const limit = Number(query.get('limit') ?? 25);
  const marker = query.get('marker');
  const from = marker === null ? 0 : found.findIndex((i) => i.id === marker) + 1;
  const page = found.slice(from, from + limit);
  const last = page.at(-1);
  const next = new URLSearchParams(query);
  if (last !== undefined) next.set('marker', last.id);
  const more = from + page.length < found.length ? { next: `/v2/images?${next.toString()}` } : {};
  return { images: page.map(describe), first: '/v2/images', schema: '/v2/schemas/images', ...more };
};

const get = (state: ImageState, call: Call): Image => {
  const id = call.params.id ?? '';
  const image = state.find(call.actor, id);
  if (image === undefined) throw new ApiError(404, `No image found with ID ${id}`);
  return image;
};

const own = (state: ImageState, call: Call, action: string): Image => {
  const image = get(state, call);
  if (!call.actor.canWrite || (image.owner !== call.actor.projectId && !call.actor.isAdmin))
    throw new ApiError(403, `You are not authorized to complete ${action} action.`);
  return image;
};

const create = (state: ImageState, call: Call): Image => {
  if (!call.actor.canWrite) throw new ApiError(403, 'You are not authorized to complete add_image action.');
  const at = `${new Date().toISOString().slice(0, 19)}Z`;
  return state.images.put({
    id: randomUUID(),
    name: optionalString(call.body, 'name') ?? '',
    status: 'queued',
    visibility: 'shared',
    owner: call.actor.projectId,
    min_disk: optionalInteger(call.body, 'min_disk') ?? 0,
    min_ram: optionalInteger(call.body, 'min_ram') ?? 0,
    size: 0,
    created_at: at,
    updated_at: at,
    tags: [],
    disk_format: optionalString(call.body, 'disk_format') ?? 'qcow2',
    container_format: optionalString(call.body, 'container_format') ?? 'bare',
    checksum: '',
    protected: false,
    os_hidden: false,
    properties: {},
  });
};

export const imageService = (state: ImageState): Service => {
  const versions = (call: Call): object => ({
    versions: ['v2.15', 'v2.9', 'v2.3', 'v2.0'].map((id, i) => ({
      id,
      status: i === 0 ? 'CURRENT' : 'SUPPORTED',
      links: [{ rel: 'self', href: `${call.baseUrl}/v2/` }],
    })),
  });
  const routes: Route[] = [
    { method: 'GET', template: '/', open: true, handle: (call) => ({ status: 300, body: versions(call) }) },
    { method: 'GET', template: '/versions', open: true, handle: (call) => ok(versions(call)) },
    { method: 'GET', template: '/v2/images', handle: (call) => ok(list(state, call)) },
    { method: 'GET', template: '/v2/images/{id}', handle: (call) => ok(describe(get(state, call))) },
    { method: 'POST', template: '/v2/images', handle: (call) => ({ status: 201, body: describe(create(state, call)) }) },
    {
      method: 'PUT',
      template: '/v2/images/{id}/file',
      handle: (call) => {
        const image = own(state, call, 'upload_image');
        if (image.status !== 'queued') throw new ApiError(409, `Image status transition from ${image.status} to saving is not allowed`);
        state.images.put(Object.assign(image, { status: 'active' }));
        return noContent;
      },
    },
    {
      method: 'DELETE',
      template: '/v2/images/{id}',
      handle: (call) => {
        state.images.remove(own(state, call, 'delete_image').id);
        return noContent;
      },
    },
  ];
  const titles: Record<number, string> = { 400: 'Bad Request', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed' };
  return {
    name: 'image',
    prefix: '/image',
    routes,
    errorBody: (error) => {
      const title = `${error.status} ${titles[error.status] ?? 'Error'}`;
      const body = `<html>\n <head>\n  <title>${title}</title>\n </head>\n <body>\n  <h1>${title}</h1>\n  ${error.message}<br /><br />\n\n\n\n </body>\n</html>`;
      return { body, contentType: 'text/html; charset=UTF-8' };
    },
  };
};
