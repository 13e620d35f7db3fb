/** Loaded before a server (server.ts, `diesAt`): kills it right after its n-th commit, before anybody hears of that one. */
import Database from 'better-sqlite3';

let left = Number(process.env.SEEDBED_TEST_DIES_AT);
const { exec } = Database.prototype;
Database.prototype.exec = function (sql) {
  const result = exec.call(this, sql);
  if (sql === 'commit' && --left === 0) process.kill(process.pid, 'SIGKILL');
  return result;
};
