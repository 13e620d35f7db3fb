import { createServer } from 'node:net';

/** Below the ports that Linux gives to calls that go out (net.ipv4.ip_local_port_range) and Kubernetes to its nodes. */
const FIRST = 12_000;
const PORTS = 17_000;

/**
 * A host:port of this machine's that nobody listens at: the address must be known before the server is. One from the kernel's own
 * range would do until a call of another test's happened to go out by it.
 */
export const freeAddress = async (): Promise<string> => {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return `127.0.0.1:${port}`;
  }
};

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
