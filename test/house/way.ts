/** A way to a server that can be cut. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

interface Way {
  /** The server's address by this way. */
  url: string;
  /** Resets every connection, and takes none until it is mended. */
  cut(): void;
  mend(): void;
  /** Connections that were let through so far. */
  count(): number;
  close(): void;
}

/** A way to the server through a proxy of TCP. */
export const openWay = async (to: string): Promise<Way> => {
  const target = new URL(to);
  const open = new Set<Socket>();
  let whole = true;
  let count = 0;
  const server = createServer((near) => {
    if (!whole) return void near.resetAndDestroy();
    count += 1;
    const far = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.pipe(other);
      socket.on('error', () => {});
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const way = new URL(to);
  way.port = String((server.address() as AddressInfo).port);
  const cut = () => {
    whole = false;
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    url: way.href,
    cut,
    mend: () => {
      whole = true;
    },
    count: () => count,
    close: () => {
      cut();
      server.close();
    },
  };
};
