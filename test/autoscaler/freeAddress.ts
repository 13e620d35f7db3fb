import { createServer } from 'node:net';

/** A host:port of this machine's that was free a moment ago: the address must be known before the server is. */
export const freeAddress = (): Promise<string> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(`127.0.0.1:${port}`));
    });
  });
