/** What all of Neutron's resources share: their listing, tags, and a clear word when an extension is missing. */
import { z } from 'zod';
import { NotFound, UserError } from '../domain/errors.ts';
import { part, type Query, type Service } from './service.ts';

/** The path part of each kind, as the tags API wants it too. */
export type NetworkResource = 'networks' | 'subnets' | 'routers' | 'ports' | 'security-groups' | 'floatingips';

/** Exact values; every one given must match. Seedbed puts its own id into `description` with the first call, and tags with a second. */
export interface CommonFilter {
  id?: string;
  name?: string;
  description?: string;
  tag?: string;
  /** For a cloud administrator's token, which is shown all projects' things. */
  projectId?: string;
}

export interface Neutron {
  /** `extension` is named when Neutron does not know the collection. */
  list<T extends Marks>(item: z.ZodType<T>, resource: Collection, filter: CommonFilter, more?: Query): Promise<T[]>;
  create<T>(item: z.ZodType<T>, resource: Collection, fields: object): Promise<T>;
  get<T>(item: z.ZodType<T>, resource: Collection, id: string): Promise<T>;
  update<T>(item: z.ZodType<T>, resource: Collection, id: string, fields: object): Promise<T>;
  remove(resource: Collection, id: string): Promise<boolean>;
  addTag(resource: NetworkResource, id: string, tag: string): Promise<void>;
  /** Aliases of the extensions that this cloud has. */
  extensions(): Promise<Set<string>>;
  service: Service;
}

export interface Collection {
  /** 'security-groups' */
  path: string;
  /** 'security_group': the key of one in a body; the list's key has an s. */
  one: string;
  /** The extension that brings it; null for the core. */
  extension: string | null;
}

/** What things are told apart by; floating IPs have no name. */
interface Marks {
  id: string;
  name?: string;
  description: string;
  tags: string[];
}

const queryOf = ({ id, name, description, tag, projectId }: CommonFilter): Query => ({
  id,
  name,
  description,
  tags: tag,
  project_id: projectId,
});

/** Whose a thing is, where that is asked for. */
const OWNED = z.object({ project_id: z.string() });

/** A cloud that takes no notice of a filter answers with everybody's things, and what is found is adopted, or deleted. */
const matches =
  ({ id, name, description, tag, projectId }: CommonFilter) =>
  (thing: Marks & { project_id?: string }): boolean =>
    (id === undefined || thing.id === id) &&
    (name === undefined || thing.name === name) &&
    (description === undefined || thing.description === description) &&
    (projectId === undefined || thing.project_id === projectId) &&
    (tag === undefined || thing.tags.includes(tag));

export const createNeutron = (service: Service): Neutron => {
  const extensions = async (): Promise<Set<string>> =>
    new Set((await service.list(z.object({ alias: z.string() }), '/extensions', 'extensions')).map((extension) => extension.alias));

  /** Neutron answers 404 for a path it does not know, which would read like a missing object. */
  const needing = async <T>(extension: string | null, call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      if (!(error instanceof NotFound) || extension === null || (await extensions()).has(extension)) throw error;
      const message = `This cloud's network service lacks the extension "${extension}", which Seedbed needs.`;
      throw new UserError('CLOUD_REFUSED', message, { whoMustAct: 'CLOUD_ADMIN', cause: error });
    }
  };

  const pick = async <T>(
    item: z.ZodType<T>,
    { one, extension }: Collection,
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    fields?: object,
  ) => {
    const request = fields === undefined ? {} : { body: { [one]: fields } };
    const schema = z.object({ [one]: item }).transform((body) => body[one] as T);
    return needing(extension, service.call(schema, method, path, request));
  };

  return {
    service,
    extensions,
    list: async <T extends Marks>(item: z.ZodType<T>, { path, one, extension }: Collection, filter: CommonFilter, more: Query = {}) => {
      const schema = (filter.projectId === undefined ? item : z.intersection(item, OWNED)) as z.ZodType<T>;
      const found = await needing(extension, service.list(schema, `/${path}`, `${one}s`, { ...queryOf(filter), ...more }));
      return found.filter(matches(filter));
    },
    create: (item, kind, fields) => pick(item, kind, 'POST', `/${kind.path}`, fields),
    get: (item, kind, id) => pick(item, kind, 'GET', `/${kind.path}/${part(id)}`),
    update: (item, kind, id, fields) => pick(item, kind, 'PUT', `/${kind.path}/${part(id)}`, fields),
    remove: ({ path }, id) => service.remove(`/${path}/${part(id)}`),
    addTag: (resource, id, tag) => needing('standard-attr-tag', service.send('PUT', `/${resource}/${part(id)}/tags/${part(tag)}`)),
  };
};
