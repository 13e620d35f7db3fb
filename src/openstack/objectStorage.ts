/** Swift: a container of the project's and the keys that sign URLs to what is in it (TempURL). Objects themselves go by such URLs. */
import { orUndefined } from './errors.ts';
import { part, type Service } from './service.ts';

export interface ObjectStorage {
  /** Of the project's account, such as https://swift.example.org/v1/AUTH_0123. A cloud without Swift throws UserError. */
  accountUrl(): Promise<string>;
  /** Its two keys for TempURLs, '' for one that it has not, shown to who may change them, and who may read it; undefined: there is no such container. */
  findContainer(name: string): Promise<{ keys: readonly [string, string]; readers: string } | undefined>;
  /** Makes it where it is not there, and sets one of the keys. */
  putContainer(name: string, key: { slot: 0 | 1; value: string }): Promise<void>;
}

const KEYS = ['x-container-meta-temp-url-key', 'x-container-meta-temp-url-key-2'] as const;

export const createObjectStorage = (service: Service): ObjectStorage => ({
  accountUrl: async () => (await service.place()).baseUrl,
  findContainer: async (name) => {
    const header = await orUndefined(service.look(`/${part(name)}`));
    return header && { keys: [header(KEYS[0]) ?? '', header(KEYS[1]) ?? ''], readers: header('x-container-read') ?? '' };
  },
  putContainer: (name, { slot, value }) => service.send('PUT', `/${part(name)}`, { headers: { [KEYS[slot]]: value } }),
});
