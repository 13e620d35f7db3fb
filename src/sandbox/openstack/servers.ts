/** Servers in the simulated Nova: list, show, change, delete, actions, tags, metadata. Creating has a file of its own. */
import type { Server } from './computeState.ts';
import { type Answer, ApiError, accepted, type Call, noContent, ok, type Route } from './http.ts';
import { envelope, optionalInteger, optionalObject, optionalString, stringList, stringMap } from './input.ts';
import { instanceActionRoutes } from './instanceActions.ts';
import { createServer, type ServerDeps } from './serverCreate.ts';
import { denied, listServers } from './serverList.ts';
import { addressesOf, serverDetail, serverSummary, vmState } from './serverView.ts';

const getServer = (deps: ServerDeps, call: Call): Server => {
  const id = call.params.id ?? '';
  const server = deps.compute.servers.get(id);
  if (server === undefined || !(call.actor.isAdmin || server.projectId === call.actor.projectId))
    throw new ApiError(404, `Instance ${id} could not be found.`);
  return server;
};

const writable = (deps: ServerDeps, call: Call, rule: string): Server => {
  const server = getServer(deps, call);
  if (!call.actor.canWrite) throw denied(rule);
  return server;
};

const requireState = (server: Server, action: string, states: Server['status'][]): void => {
  if (server.taskState !== null)
    throw new ApiError(409, `Cannot '${action}' instance ${server.id} while it is in task_state ${server.taskState}`);
  if (!states.includes(server.status))
    throw new ApiError(409, `Cannot '${action}' instance ${server.id} while it is in vm_state ${vmState(server)}`);
};

/** Of a server that is rebooting a hard reboot is taken as well. */
const HARD_OVER = ['rebooting', 'rebooting_hard'];

/** Whether it is a hard one. */
const checkReboot = (server: Server, type: string | undefined): boolean => {
  if (type !== 'SOFT' && type !== 'HARD')
    throw new ApiError(
      400,
      `Invalid input for field/attribute reboot. Value: ${type}. ${type} is not one of ['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']`,
    );
  if (server.locked) throw new ApiError(409, `Instance ${server.id} is locked`);
  if (server.launchedAt === null) throw new ApiError(409, `Cannot 'reboot' instance ${server.id} which has never been active`);
  const hard = type === 'HARD';
  if (!(hard && HARD_OVER.includes(server.taskState ?? '')))
    requireState(server, 'reboot', hard ? ['ACTIVE', 'SHUTOFF', 'ERROR'] : ['ACTIVE']);
  return hard;
};

const checkRebuild = (server: Server, image: string | undefined): void => {
  if (image === undefined) throw new ApiError(400, "Invalid input for field/attribute rebuild. 'imageRef' is a required property");
  if (image !== server.imageId) throw new ApiError(400, `the sandbox rebuilds a server with its own image alone, not with ${image}`);
  if (server.locked) throw new ApiError(409, `Instance ${server.id} is locked`);
  requireState(server, 'rebuild', ['ACTIVE', 'SHUTOFF', 'ERROR']);
};

const consoleOutput = (deps: ServerDeps, server: Server, length: number | undefined): Answer => {
  if (server.host === null || server.launchedAt === null) throw new ApiError(409, `Instance ${server.id} is not ready`);
  const lines = deps.compute.disks.get(server.id)?.console ?? [];
  return ok({ output: (length === undefined || length < 0 ? lines : length === 0 ? [] : lines.slice(-length)).join('\n') });
};

const act = (deps: ServerDeps, call: Call): Answer => {
  const [name] = Object.keys(call.body);
  if (name === undefined) throw new ApiError(400, 'There is no such action');
  const server = writable(deps, call, `servers:${name}`);
  if (name === 'os-getConsoleOutput') return consoleOutput(deps, server, optionalInteger(optionalObject(call.body, name) ?? {}, 'length'));
  const fields = optionalObject(call.body, name) ?? {};
  const begin = (action: string): void => deps.compute.actions.begin(server.id, action, call);
  if (name === 'os-stop') {
    requireState(server, 'stop', ['ACTIVE', 'ERROR']);
    begin('stop');
    deps.life.stop(server);
  } else if (name === 'os-start') {
    requireState(server, 'start', ['SHUTOFF']);
    begin('start');
    deps.life.start(server);
  } else if (name === 'reboot') {
    const hard = checkReboot(server, optionalString(fields, 'type'));
    begin('reboot');
    deps.life.reboot(server, hard);
  } else if (name === 'rebuild') {
    checkRebuild(server, optionalString(fields, 'imageRef'));
    begin('rebuild');
    deps.life.rebuild(server);
  } else if (name === 'forceDelete') {
    begin('delete');
    deps.life.destroy(server);
  } else if (name === 'lock' || name === 'unlock') {
    begin(name);
    server.locked = name === 'lock';
    deps.compute.touch(server);
    deps.compute.actions.end(server.id, server.host, null);
  } else throw new ApiError(400, `There is no such action: ${name}`);
  return accepted();
};

const checkTag = (tag: string): string => {
  if (tag.length === 0 || tag.length > 60 || /[,/]/.test(tag))
    throw new ApiError(400, `Invalid input for field/attribute tag. Value: ${tag}.`);
  return tag;
};

const tagRoutes = (deps: ServerDeps): Route[] => {
  const set = (call: Call, change: (tags: string[]) => string[]): Server => {
    const server = writable(deps, call, 'os-server-tags:update');
    server.tags = [...new Set(change(server.tags))];
    return deps.compute.touch(server);
  };
  const tag = (call: Call): string => checkTag(call.params.tag ?? '');
  const require = (call: Call): void => {
    const server = getServer(deps, call);
    if (!server.tags.includes(tag(call))) throw new ApiError(404, `Server ${server.id} has no tag '${tag(call)}'`);
  };
  const base = '/v2.1/servers/{id}/tags';
  return [
    { method: 'GET', template: base, handle: (call) => ok({ tags: getServer(deps, call).tags }) },
    {
      method: 'PUT',
      template: base,
      handle: (call) => ok({ tags: set(call, () => (stringList(call.body, 'tags') ?? []).map(checkTag)).tags }),
    },
    {
      method: 'DELETE',
      template: base,
      handle: (call) => {
        set(call, () => []);
        return noContent;
      },
    },
    {
      method: 'GET',
      template: `${base}/{tag}`,
      handle: (call) => {
        require(call);
        return noContent;
      },
    },
    {
      method: 'PUT',
      template: `${base}/{tag}`,
      handle: (call) => {
        const known = getServer(deps, call).tags.includes(tag(call));
        set(call, (tags) => [...tags, tag(call)]);
        return known ? noContent : { status: 201 };
      },
    },
    {
      method: 'DELETE',
      template: `${base}/{tag}`,
      handle: (call) => {
        require(call);
        set(call, (tags) => tags.filter((t) => t !== tag(call)));
        return noContent;
      },
    },
  ];
};

const metadataRoutes = (deps: ServerDeps): Route[] => {
  const base = '/v2.1/servers/{id}/metadata';
  const set = (call: Call, change: (old: Record<string, string>) => Record<string, string>): Server => {
    const server = writable(deps, call, 'server-metadata:update');
    server.metadata = change(server.metadata);
    return deps.compute.touch(server);
  };
  return [
    { method: 'GET', template: base, handle: (call) => ok({ metadata: getServer(deps, call).metadata }) },
    { method: 'PUT', template: base, handle: (call) => ok({ metadata: set(call, () => stringMap(call.body, 'metadata')).metadata }) },
    {
      method: 'POST',
      template: base,
      handle: (call) => ok({ metadata: set(call, (old) => ({ ...old, ...stringMap(call.body, 'metadata') })).metadata }),
    },
    {
      method: 'DELETE',
      template: `${base}/{key}`,
      handle: (call) => {
        set(call, (old) => Object.fromEntries(Object.entries(old).filter(([key]) => key !== call.params.key)));
        return noContent;
      },
    },
  ];
};

const rename = (deps: ServerDeps, call: Call): Server => {
  const server = writable(deps, call, 'servers:update');
  const fields = envelope(call.body, 'server');
  server.name = optionalString(fields, 'name') ?? server.name;
  if ('description' in fields) server.description = optionalString(fields, 'description') ?? null;
  return deps.compute.touch(server);
};

const portsOf = (deps: ServerDeps, server: Server): object[] =>
  server.ports.flatMap(({ portId }) => {
    const port = deps.network.state.ports.get(portId);
    return port === undefined
      ? []
      : [{ port_id: port.id, net_id: port.network_id, mac_addr: port.mac_address, port_state: port.status, fixed_ips: port.fixed_ips }];
  });

export const serverRoutes = (deps: ServerDeps): Route[] => {
  const create = (call: Call): Answer => {
    const body = createServer(deps, call) as { server: { id: string } };
    return { status: 202, body, headers: { Location: `${call.baseUrl}/v2.1/servers/${body.server.id}` } };
  };
  return [
    { method: 'POST', template: '/v2.1/servers', handle: create },
    // Old clients post servers with volumes here.
    { method: 'POST', template: '/v2.1/os-volumes_boot', handle: create },
    { method: 'GET', template: '/v2.1/servers', handle: (call) => ok(listServers(deps, call, (s) => serverSummary(s, call))) },
    { method: 'GET', template: '/v2.1/servers/detail', handle: (call) => ok(listServers(deps, call, (s) => serverDetail(deps, s, call))) },
    { method: 'GET', template: '/v2.1/servers/{id}', handle: (call) => ok({ server: serverDetail(deps, getServer(deps, call), call) }) },
    { method: 'PUT', template: '/v2.1/servers/{id}', handle: (call) => ok({ server: serverDetail(deps, rename(deps, call), call) }) },
    {
      method: 'DELETE',
      template: '/v2.1/servers/{id}',
      handle: (call) => {
        const server = writable(deps, call, 'servers:delete');
        if (server.taskState === 'deleting') return noContent;
        deps.compute.actions.begin(server.id, 'delete', call);
        deps.life.destroy(server);
        return noContent;
      },
    },
    { method: 'POST', template: '/v2.1/servers/{id}/action', handle: (call) => act(deps, call) },
    { method: 'GET', template: '/v2.1/servers/{id}/ips', handle: (call) => ok({ addresses: addressesOf(deps, getServer(deps, call)) }) },
    {
      method: 'GET',
      template: '/v2.1/servers/{id}/os-interface',
      handle: (call) => ok({ interfaceAttachments: portsOf(deps, getServer(deps, call)) }),
    },
    {
      method: 'GET',
      template: '/v2.1/servers/{id}/os-volume_attachments',
      handle: (call) => {
        const server = getServer(deps, call);
        return ok({
          volumeAttachments: server.volumes.map((v) => ({
            id: v.volumeId,
            volumeId: v.volumeId,
            serverId: server.id,
            device: v.device,
            delete_on_termination: v.deleteOnTermination,
            tag: null,
          })),
        });
      },
    },
    ...instanceActionRoutes(deps.compute.actions, (call) => {
      const deleted = call.microversion >= 21 ? deps.compute.deletedServers.get(call.params.id ?? '') : undefined;
      const isSeen = deleted !== undefined && (call.actor.isAdmin || deleted.projectId === call.actor.projectId);
      return isSeen ? deleted.id : getServer(deps, call).id;
    }),
    ...tagRoutes(deps),
    ...metadataRoutes(deps),
  ];
};
