/**
 * A server that watches its own event loop. Run by apart.ts as a process of its own: who attacks it must not count.
 * The settings come in WATCHED as JSON. It sends its URL, and a report for each message. NAMES may hold a resolver's answers, as JSON: by name,
 * each time the next one (addresses with commas between them), and the last one for ever.
 */
import dns from 'node:dns';
import { readConfig } from '../../src/config.ts';
import { startServer } from '../../src/server.ts';
import { watchLoop } from './watch.ts';

const names = JSON.parse(process.env['NAMES'] ?? '{}') as Record<string, string[]>;
const { lookup } = dns;
/** Of the forms of `lookup` that which asks for all addresses, as the guard of seeds' addresses does. */
const answer = (hostname: string, options: object, callback: (error: Error | null, found: dns.LookupAddress[]) => void): void => {
  const [next, ...later] = names[hostname] ?? [];
  if (next === undefined) return void (lookup as (...args: unknown[]) => void)(hostname, options, callback);
  if (later.length > 0) names[hostname] = later;
  const found = next.split(',').map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  process.nextTick(callback, null, found);
};
Object.assign(dns, { lookup: answer });

startServer(readConfig({}, JSON.parse(process.env['WATCHED'] ?? ''))).then(
  (server) => {
    const report = watchLoop();
    process.on('message', (message) => {
      if (message === 'close') void server.close(2_000).then(() => process.exit());
      else process.send?.(report());
    });
    process.send?.(server.url);
  },
  (error: unknown) => {
    process.stderr.write(`${error}\n`);
    process.exit(1);
  },
);
