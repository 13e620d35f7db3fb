/** Who calls, as the token says, and what the policy allows. */
import { type Actor, may } from '../domain/actor.ts';
import { ACTIONS, type Action, actionNames } from '../domain/policy.ts';
import { builder } from './builder.ts';

/** For an object of the token's project that is the caller's own. */
const mayHere = (actor: Actor, action: Action): boolean => {
  const { projectId, userId } = actor;
  return may(actor, action, { projectId, userId });
};

const IN_PROJECT = "in the token's project, or in every one";

const ViewerCanType = builder.objectRef<Actor>('ViewerCan').implement({
  description: `What the policy allows the caller ${IN_PROJECT}. By mutation, and what else is guarded; the operator may change each rule.`,
  fields: (t) =>
    Object.fromEntries(
      actionNames.map((action) => [
        action,
        t.boolean({
          description: `${ACTIONS[action].what} Rule ${ACTIONS[action].rule}.`,
          resolve: (actor) => mayHere(actor, action),
        }),
      ]),
    ),
});

const ViewerType = builder.objectRef<Actor>('Viewer').implement({
  description: 'Who calls, and what the token allows.',
  fields: (t) => ({
    userId: t.exposeString('userId', { description: "Keystone's id of the user." }),
    userName: t.exposeString('userName', { description: "The user's name." }),
    userDomainName: t.exposeString('userDomainName', { description: 'The domain of that name.' }),
    projectId: t.exposeString('projectId', { nullable: true, description: "Keystone's id of the token's project; null without one." }),
    projectName: t.exposeString('projectName', { nullable: true, description: "That project's name." }),
    roles: t.exposeStringList('roles', { description: "Keystone's roles in the project, the system or the domain of the token." }),
    isCloudAdmin: t.exposeBoolean('isCloudAdmin', { description: "Is a cloud admin by the policy's rule cloud_admin." }),
    can: t.field({ type: ViewerCanType, description: `What the policy allows ${IN_PROJECT}.`, resolve: (actor) => actor }),
    canRead: t.boolean({
      description: `May read clusters ${IN_PROJECT}.`,
      resolve: (actor) => mayHere(actor, 'readClusters'),
    }),
    canWrite: t.boolean({
      description: "May create, change and delete the project's clusters.",
      resolve: (actor) => (['createCluster', 'updateCluster', 'deleteCluster'] as const).every((action) => mayHere(actor, action)),
    }),
    tokenExpiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the token ends; live streams end with it.' }),
  }),
});

builder.queryField('viewer', (t) => t.field({ type: ViewerType, description: 'Who calls.', resolve: (_root, _args, { actor }) => actor }));
