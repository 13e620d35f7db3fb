/** The whole schema: naming a file here is what brings its types in. */
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import './addonBundleMutations.ts';
import './auditLog.ts';
import './backupMutations.ts';
import './certificate.ts';
import './changes.ts';
import './cloud.ts';
import './cloudLists.ts';
import './clusterLists.ts';
import './clusterMutations.ts';
import './clusterQueries.ts';
import './controlPlaneMove.ts';
import './hibernation.ts';
import './restore.ts';
import './kubeconfigMutations.ts';
import './nodeGroupMutations.ts';
import './nextMaintenance.ts';
import './nodeMutations.ts';
import './orphanMutations.ts';
import './progress.ts';
import './plan.ts';
import './projectQuota.ts';
import './seedDrain.ts';
import './seedMutations.ts';
import './seedQueue.ts';
import './serverInfo.ts';
import './templateMutations.ts';
import './pause.ts';
import './templateMove.ts';
import './upgrade.ts';
import './usage.ts';
import './version.ts';
import './viewer.ts';
import { builder } from './builder.ts';

let schema: GraphQLSchema | null = null;

/** Built once: it holds no state but its types. */
export const buildSchema = (): GraphQLSchema => {
  schema ??= builder.toSchema();
  return schema;
};

/** The schema as text, in a stable order. */
export const printedSchema = (): string => `${printSchema(lexicographicSortSchema(buildSchema()))}\n`;
