"""What an outside client sees of a cloud: openstacksdk, nothing of ours. Prints JSON.
outside.py CLOUD[,CLOUD…] listing          everything of every project that the login may see: [{kind, id, name, project, tags, description}]
                                  Several logins see more than one: an admin is not shown other projects' security groups.
outside.py CLOUD,… servers TAG      servers with that tag, in detail
outside.py CLOUD delete-volume ID   asks for it and does not wait: []
outside.py CLOUD delete-server ID   the same
outside.py CLOUD make-group DESCRIPTION   a security group: [{id}]
outside.py CLOUD,… router TAG       [{id, external}] of routers with that tag
"""
import base64
import json
import sys

import openstack


def rows(kind, things):
    for t in things:
        d = t.to_dict()
        yield {'kind': kind, 'id': d['id'], 'name': d.get('name') or '', 'project': d.get('project_id') or d.get('tenant_id') or '',
               'tags': sorted(d.get('tags') or []), 'description': d.get('description') or ''}


def allowed(listing, **more):
    """What the login may list; nothing where the cloud forbids it."""
    try:
        return list(listing(**more))
    except openstack.exceptions.HttpException as e:
        if e.status_code != 403:
            raise
        return []


def every_project(listing, **more):
    return allowed(listing, all_projects=True, **more) or allowed(listing, **more)


def raw(service, path, key):
    answer = service.get(path)
    if answer.status_code != 403:
        openstack.exceptions.raise_from_response(answer)
    return answer.json()[key] if answer.ok else []


def listing():
    net = cloud.network
    yield from rows('server', every_project(cloud.compute.servers, details=True))
    # server groups and trusts are asked for as they are: the sdk drops fields that matter here
    for g in raw(cloud.compute, '/os-server-groups?all_projects=True', 'server_groups'):
        yield {'kind': 'server group', 'id': g['id'], 'name': g['name'], 'project': g.get('project_id', ''), 'tags': [], 'description': ''}
    for t in raw(cloud.identity, '/OS-TRUST/trusts', 'trusts'):
        yield {'kind': 'trust', 'id': t['id'], 'name': '', 'project': t['project_id'], 'tags': [], 'description': t['trustor_user_id']}
    yield from rows('keypair', cloud.compute.keypairs())
    for kind in ('networks', 'subnets', 'routers', 'ports', 'security_groups', 'ips'):
        yield from rows({'ips': 'floating ip'}.get(kind, kind[:-1].replace('_', ' ')), getattr(net, kind)())
    yield from rows('volume', every_project(cloud.block_storage.volumes))
    yield from rows('load balancer', allowed(cloud.load_balancer.load_balancers))
    yield from rows('image', cloud.image.images())
    for c in raw(cloud.identity, f'/users/{cloud.current_user_id}/application_credentials', 'application_credentials'):
        yield {'kind': 'application credential', 'id': c['id'], 'name': c['name'], 'project': c['project_id'], 'tags': [], 'description': c['description'] or ''}


def servers(tag):
    groups = raw(cloud.compute, '/os-server-groups?all_projects=True', 'server_groups')
    for s in every_project(cloud.compute.servers, details=True, tags=tag):
        # 2.26 shows tags, 2.3 and an admin's rights the user data
        d = cloud.compute.get(f'/servers/{s.id}', microversion='2.73').json()['server']
        ports = list(cloud.network.ports(device_id=s.id))
        data = d.get('OS-EXT-SRV-ATTR:user_data')
        yield {'id': s.id, 'name': d['name'], 'status': d['status'], 'project': d['tenant_id'], 'tags': d['tags'],
               'metadata': d['metadata'], 'userData': base64.b64decode(data).decode() if data else None,
               'serverGroups': [g['policy'] if 'policy' in g else g['policies'][0] for g in groups if s.id in g['members']],
               'ports': [{'id': p.id, 'network': p.network_id, 'tags': p.tags, 'securityGroups': p.security_group_ids,
                          'addresses': [f['ip_address'] for f in p.fixed_ips]} for p in ports]}


def router(tag):
    for r in cloud.network.routers(tags=tag):
        gateway = r.external_gateway_info or {}
        yield {'id': r.id, 'external': [f['ip_address'] for f in gateway.get('external_fixed_ips', [])]}


def delete_volume(volume):
    cloud.block_storage.delete_volume(volume)
    return []


def delete_server(server):
    cloud.compute.delete_server(server)
    return []


def make_group(description):
    return [{'id': cloud.network.create_security_group(name='unnoted', description=description).id}]


TASKS = {'listing': listing, 'servers': servers, 'router': router, 'delete-volume': delete_volume, 'delete-server': delete_server, 'make-group': make_group}
seen = {}
for name in sys.argv[1].split(','):
    cloud = openstack.connect(cloud=name)
    for thing in TASKS[sys.argv[2]](*sys.argv[3:]):
        seen.setdefault((thing.get('kind'), thing['id']), thing)
json.dump(list(seen.values()), sys.stdout)
