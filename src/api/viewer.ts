/** Who calls, as the token says. */
import { type Actor, mayRead, mayWrite } from '../domain/actor.ts';
import { builder } from './builder.ts';

const ViewerType = builder.objectRef<Actor>('Viewer').implement({
  description: 'Who calls, and what the token allows.',
  fields: (t) => ({
    userId: t.exposeString('userId', { description: "Keystone's id of the user." }),
    userName: t.exposeString('userName', { description: "The user's name." }),
    userDomainName: t.exposeString('userDomainName', { description: 'The domain of that name.' }),
    projectId: t.exposeString('projectId', { nullable: true, description: "Keystone's id of the token's project; null without one." }),
    projectName: t.exposeString('projectName', { nullable: true, description: "That project's name." }),
    roles: t.exposeStringList('roles', { description: "Keystone's roles in the project." }),
    isCloudAdmin: t.exposeBoolean('isCloudAdmin', { description: 'All projects, seeds and public templates.' }),
    canRead: t.boolean({ description: "May read the project's clusters.", resolve: mayRead }),
    canWrite: t.boolean({ description: "May create, change and delete the project's clusters.", resolve: mayWrite }),
    tokenExpiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the token ends; live streams end with it.' }),
  }),
});

builder.queryField('viewer', (t) => t.field({ type: ViewerType, description: 'Who calls.', resolve: (_root, _args, { actor }) => actor }));
