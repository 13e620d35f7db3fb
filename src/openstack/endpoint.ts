/** Finds a service's URL in Keystone's catalog and puts it into one form, with its version and without a trailing slash. */
import { UserError } from '../domain/errors.ts';

export type ServiceName = 'compute' | 'network' | 'image' | 'volume' | 'load-balancer' | 'object-store';

export interface CatalogEntry {
  type: string;
  endpoints: { interface: string; region: string | null; url: string }[];
}

export interface EndpointChoice {
  region: string | null;
  interface: 'public' | 'internal';
  projectId: string;
}

/** Types by the service-types authority, official first, then the aliases that clouds still use. */
const TYPES: Record<ServiceName, readonly string[]> = {
  compute: ['compute'],
  network: ['network'],
  image: ['image'],
  volume: ['block-storage', 'volumev3', 'block-store'],
  'load-balancer': ['load-balancer'],
  'object-store': ['object-store'],
};

/** Whether the catalog names the service at all. */
export const offers = (catalog: readonly CatalogEntry[], service: ServiceName): boolean =>
  catalog.some((entry) => TYPES[service].includes(entry.type) && entry.endpoints.length > 0);

/** The base URL for the service's calls. Throws UserError CLOUD_REFUSED that says what the catalog lacks. */
export const endpointOf = (catalog: readonly CatalogEntry[], service: ServiceName, choice: EndpointChoice): string => {
  const type = TYPES[service].find((name) => catalog.some((entry) => entry.type === name && entry.endpoints.length > 0));
  if (type === undefined) throw lacking(`This cloud's catalog has no ${service} service.`);
  const all = catalog.filter((entry) => entry.type === type).flatMap((entry) => entry.endpoints);
  const reachable = all.filter((endpoint) => endpoint.interface === choice.interface);
  const here = reachable.filter((endpoint) => choice.region === null || endpoint.region === choice.region);
  const regions = [...new Set(here.map((endpoint) => endpoint.region ?? ''))];
  if (regions.length > 1)
    throw lacking(`The ${service} service has the regions ${regions.join(', ')}: one must be named in the configuration.`);
  const found = here[0];
  if (found === undefined)
    throw lacking(`The catalog has no ${choice.interface} endpoint of the ${service} service${where(choice.region)}.`);
  return versioned(service, found.url.replace(/\/+$/, ''), choice.projectId);
};

/** TCP ports of the services that the catalog names, as far as a cluster's controllers need them, in order. */
export const portsOf = (catalog: readonly CatalogEntry[], { region, interface: face }: Omit<EndpointChoice, 'projectId'>): number[] => {
  const { 'object-store': _, ...controlled } = TYPES;
  const known = Object.values(controlled).flat();
  const endpoints = catalog.filter((entry) => known.includes(entry.type)).flatMap((entry) => entry.endpoints);
  const chosen = endpoints.filter((endpoint) => endpoint.interface === face && (region === null || endpoint.region === region));
  return [...new Set(chosen.map((endpoint) => portOf(endpoint.url)))].sort((a, b) => a - b);
};

/** @throws TypeError for what is no URL. */
export const portOf = (url: string): number => {
  const { port, protocol } = new URL(url);
  return Number(port) || (protocol === 'https:' ? 443 : 80);
};

/** Keystone's v3 root from what people write as OS_AUTH_URL, with or without /v3. */
export const identityRoot = (authUrl: string): string => `${authUrl.replace(/\/+$/, '').replace(/\/v(3|2\.0)$/, '')}/v3`;

/** Where the service's version document is: the base URL up to its version, so without a project. */
export const versionRoot = (base: string): string => `${base.replace(/(\/v\d+(?:\.\d+)?)\/[^/]+$/, '$1')}/`;

const where = (region: string | null): string => (region === null ? '' : ` in region ${region}`);

const lacking = (message: string): UserError => new UserError('CLOUD_REFUSED', message, { whoMustAct: 'CLOUD_ADMIN' });

/** Nova's URL may carry a project, Cinder's must, Neutron's, Glance's and Octavia's mostly lack the version; Swift's is of the account. */
const versioned = (service: ServiceName, url: string, projectId: string): string => {
  switch (service) {
    case 'compute':
      return /\/v2\.1(\/[^/]+)?$/.test(url) ? url : `${url.replace(/\/v2(\/[^/]+)?$/, '')}/v2.1`;
    case 'volume': {
      if (/\/v3\/[^/]+$/.test(url)) return url;
      return url.endsWith('/v3') ? `${url}/${projectId}` : `${url}/v3/${projectId}`;
    }
    case 'network':
      return url.endsWith('/v2.0') ? url : `${url}/v2.0`;
    case 'image':
      return /\/v2(\.\d+)?$/.test(url) ? url : `${url}/v2`;
    case 'object-store':
      return url;
    case 'load-balancer':
      return /\/v2(\.0)?$/.test(url) ? url : `${url}/v2`;
  }
};
