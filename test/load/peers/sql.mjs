/**
 * `node sql.mjs PORT DATABASE PROJECT`: what `bench depth` asks Seedbed for, by one statement a level written by hand, put together and made text. Nobody's
 * name is asked, and no document is read.
 */
import { createServer } from 'node:http';
import Database from 'better-sqlite3';

const [port, file, project] = process.argv.slice(2);
const database = new Database(file, { readonly: true });
const clusters = database.prepare(
  'select id, name, state, generation from clusters where project_id = ? and deleted_at is null order by created_at, id limit 100',
);
const below = (columns, table, key, order) =>
  database.prepare(`select ${key} as parent, ${columns} from ${table} where ${key} in (select value from json_each(?)) order by ${order}`);
const groups = below('id, name, state', 'node_groups', 'cluster_id', 'created_at, id');
const nodes = below('id, name, state', 'nodes', 'node_group_id', 'created_at, id');
const conditions = below('name, state, message', 'conditions', 'object_id', 'ordinal');

const byParent = (statement, parents) => {
  const lists = new Map(parents.map(({ id }) => [id, []]));
  for (const row of statement.all(JSON.stringify([...lists.keys()]))) lists.get(row.parent)?.push(row);
  return lists;
};

const answer = () => {
  const top = clusters.all(project);
  const groupsOf = byParent(groups, top);
  const nodesOf = byParent(nodes, [...groupsOf.values()].flat());
  const conditionsOf = byParent(conditions, [...nodesOf.values()].flat());
  const conditionOf = ({ name, state, message }) => ({ name, state, message });
  const nodeOf = ({ id, name, state }) => ({ name, state, conditions: conditionsOf.get(id).map(conditionOf) });
  const groupOf = ({ id, name, state }) => ({ name, state, nodes: { nodes: nodesOf.get(id).map(nodeOf) } });
  const clusterOf = ({ id, name, state, generation }) => ({ name, state, generation, nodeGroups: { nodes: groupsOf.get(id).map(groupOf) } });
  return JSON.stringify({ data: { clusters: { nodes: top.map(clusterOf) } } });
};

createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    const body = Buffer.from(answer());
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': body.length }).end(body);
  });
}).listen(Number(port), '127.0.0.1');
