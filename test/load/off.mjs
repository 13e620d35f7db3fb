/**
 * `node off.mjs PORT DATABASE PROJECT off`: the same build as the server that has this database, with the same settings and a copy of what it holds, but with nothing
 * of what keeps it safe that a query meets: tokens are asked about once and never again, nobody is counted, and documents are not measured. An answer
 * without an error has nothing to redact, and a query is not in the audit log. Without the last word all of it is on: what is compared was started alike.
 */
import { cpSync, rmSync } from 'node:fs';
import { register } from 'node:module';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';

const dist = new URL('../../dist/', import.meta.url).href;
const OFF = {
  'api/auth.js': `
    export const createAuthenticator = ({ validate }) => {
      const known = new Map();
      return async (token) => {
        if (!known.has(token)) known.set(token, await validate(token, null, { allowExpired: false }));
        return known.get(token);
      };
    };`,
  'api/rates.js': 'export const createRates = () => ({ takeRequest() {}, takeCall() {}, takeMutations() {}, isNoted: () => false });',
  'api/limits.js': `
    export * from ${JSON.stringify(`${dist}api/limits.js?on`)};
    export const measureDocument = () => ({ costs: new Map(), errors: [] });`,
};
const hooks = `
  const off = ${JSON.stringify(Object.fromEntries(Object.entries(OFF).map(([file, source]) => [dist + file, source])))};
  export const load = (url, context, next) =>
    off[url] === undefined ? next(url, context) : { format: 'module', source: off[url], shortCircuit: true };`;
const [port, file, , off] = process.argv.slice(2);
if (off === 'off') register(`data:text/javascript,${encodeURIComponent(hooks)}`);
const data = dirname(file);
const copy = `${data}-${port}`;
cpSync(data, copy, { recursive: true, filter: (source) => !source.startsWith(file) });
const database = new Database(file, { readonly: true });
database.exec(`vacuum into '${join(copy, 'seedbed.db')}'`);
database.close();
process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
Object.assign(process.env, {
  ...JSON.parse(process.env.SEEDBED_BENCH_SETTINGS),
  SEEDBED_DATA: copy,
  SEEDBED_LISTEN: `127.0.0.1:${port}`,
});
process.argv.splice(2, Number.POSITIVE_INFINITY, 'serve');
await import(`${dist}main.js`);
