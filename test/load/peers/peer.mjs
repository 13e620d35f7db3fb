/** `node peer.mjs mercurius|yoga PORT FILE`: a plain server that answers everything with the data of a file, from memory, to anybody. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [which, port, file] = process.argv.slice(2);
const { data } = JSON.parse(readFileSync(file, 'utf8'));
const typeDefs = readFileSync(new URL('../../../schema/schema.graphql', import.meta.url), 'utf8');
const resolvers = { Query: Object.fromEntries(Object.entries(data).map(([field, value]) => [field, () => value])) };

const servers = {
  mercurius: async () => {
    const { default: fastify } = await import('fastify');
    const { default: mercurius } = await import('mercurius');
    const app = fastify();
    await app.register(mercurius, { schema: typeDefs, resolvers, jit: 1 });
    await app.listen({ port: Number(port), host: '127.0.0.1' });
  },
  yoga: async () => {
    const { createSchema, createYoga } = await import('graphql-yoga');
    const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false });
    createServer(yoga).listen(Number(port), '127.0.0.1');
  },
};
await servers[which]();
