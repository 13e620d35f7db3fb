/** wakeCluster: ends a hibernation, from whatever it has come to. */
import { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import { hibernationOf } from '../domain/hibernation.ts';
import type { ClusterAnswer, Command, CommandDeps } from './call.ts';
import { changeCluster } from './clusterCommand.ts';
import { writeHibernation } from './hibernateCluster.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';

const schema = z.strictObject({ clusterId: nameOrId });

export const wakeCluster =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const { clusterId } = parseInput(schema, ownInput(raw));
    return changeCluster(deps, call, {
      mutation: 'wakeCluster',
      raw,
      clusterId,
      write: async (tx, row) => {
        const hibernation = hibernationOf(row);
        if (hibernation === null) throw new Conflict('CONFLICT', `Cluster ${row.name} is not hibernated, so there is nothing to wake.`);
        const message = `Cluster ${row.name} wakes, as ${call.actor.userName} asked.`;
        return writeHibernation(deps, call, tx, row, {
          hibernation: { ...hibernation, phase: 'WAKING' },
          // Whoever wakes it in a window of its schedule wants it awake until the next one opens.
          sleepsFrom: deps.clock.now(),
          kind: 'WAKE_CLUSTER',
          message,
        });
      },
    });
  };
