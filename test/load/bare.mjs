/**
 * `node bare.mjs PORT DATABASE PROJECT`: Seedbed's own resolvers and database out of the same build, behind nothing: no token is asked for, no document is
 * measured or checked, and there are no request ids, metrics, logs, limits or deadlines.
 */
import { createServer } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { parse } from 'graphql';
import { compileQuery } from '../../dist/api/compiledQuery.js';
import { createLoaders } from '../../dist/api/loaders.js';
import { buildSchema } from '../../dist/api/schema.js';
import { createPolicy, KEYSTONE_ROLES } from '../../dist/domain/policy.js';
import { openStore } from '../../dist/store/open.js';

// As the program does it.
setFlagsFromString('--heap-growing-percent=15');
const [port, path, projectId] = process.argv.slice(2);
const migrations = new URL('../../drizzle/sqlite', import.meta.url).pathname;
const store = openStore({ path, migrations, clock: { now: Date.now } });
const claims = { userId: 'bare', userName: 'bare', projectId, domainId: null, isSystemScoped: false, roles: ['member', 'reader'] };
const actor = { ...claims, rights: createPolicy(KEYSTONE_ROLES).rightsOf(claims) };
const schema = buildSchema();
const compiledQueries = new Map();

const answer = async (text) => {
  const { query, variables } = JSON.parse(text);
  const compiled = compiledQueries.get(query) ?? compileQuery(schema, parse(query), null);
  compiledQueries.set(query, compiled);
  return `{"data":${await compiled.run({ actor, store, loaders: createLoaders(store.db, actor) }, variables)}}`;
};

createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    const body = Buffer.from(await answer(Buffer.concat(parts).toString()));
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': body.length }).end(body);
  });
}).listen(Number(port), '127.0.0.1');
