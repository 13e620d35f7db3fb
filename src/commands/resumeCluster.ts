/** resumeCluster: ends a pause before its time. */
import { z } from 'zod';
import { Conflict } from '../domain/errors.ts';
import { pauseOf } from '../domain/pause.ts';
import type { ClusterAnswer, Command, CommandDeps } from './call.ts';
import { changeCluster } from './clusterCommand.ts';
import { nameOrId, ownInput, parseInput } from './parse.ts';
import { setPause } from './pauseCluster.ts';

const schema = z.strictObject({ clusterId: nameOrId });

export const resumeCluster =
  (deps: CommandDeps): Command<ClusterAnswer> =>
  async (call, raw) => {
    const { clusterId } = parseInput(schema, ownInput(raw));
    return changeCluster(deps, call, {
      mutation: 'resumeCluster',
      raw,
      clusterId,
      write: async (tx, row) => {
        const now = deps.clock.now();
        const pause = pauseOf(row, now);
        if (pause === null) throw new Conflict('CONFLICT', `Cluster ${row.name} is not paused, so there is nothing to resume.`);
        const message = `Cluster ${row.name} goes on, as ${call.actor.userName} asked.`;
        return setPause(deps, call, tx, row, { pause: { ...pause, until: now }, kind: 'RESUME_CLUSTER', message });
      },
    });
  };
