"""Walks through the simulated cloud with openstacksdk as a member would, and prints what it found as JSON."""
import base64
import json

import openstack
from openstack import exceptions

member = openstack.connect(cloud='sandbox-member')
other = openstack.connect(cloud='sandbox-other')
reader = openstack.connect(cloud='sandbox-reader')
service = openstack.connect(cloud='sandbox-service')
found = {}

flavor = member.compute.find_flavor('m1.small', ignore_missing=False)
image = member.image.find_image('debian-12-node', ignore_missing=False)
found['kube_version'] = (image.properties or {}).get('kube_version')
external = next(member.network.networks(is_router_external=True))
network = member.network.create_network(name='sdk')
member.network.set_tags(network, ['sdk:1'])
subnet = member.network.create_subnet(network_id=network.id, cidr='10.70.0.0/24', ip_version=4, name='sdk')
router = member.network.create_router(name='sdk', external_gateway_info={'network_id': external.id})
member.network.add_interface_to_router(router, subnet_id=subnet.id)
group = member.network.create_security_group(name='sdk')
member.network.create_security_group_rule(security_group_id=group.id, direction='ingress', protocol='tcp', port_range_min=22, port_range_max=22)
port = member.network.create_port(name='sdk', network_id=network.id, security_groups=[group.id])
member.network.set_tags(port, ['sdk:1'])
found['ports_by_tag'] = [p.name for p in member.network.ports(tags='sdk:1')]
apart = member.compute.create_server_group(name='sdk', policy='soft-anti-affinity')

server = member.compute.create_server(
    name='sdk', image_id=image.id, flavor_id=flavor.id, networks=[{'port': port.id}], scheduler_hints={'group': apart.id},
    user_data=base64.b64encode(b'#cloud-config\n').decode())
server = member.compute.wait_for_server(server, wait=30, interval=0.1)
found['server'] = server.status
found['address'] = server.addresses['sdk'][0]['addr'] == port.fixed_ips[0]['ip_address']
found['groups'] = [g['name'] for g in server.security_groups]
found['group_members'] = member.compute.get_server_group(apart.id).member_ids == [server.id]
found['listed'] = [s.name for s in member.compute.servers(name='^sdk$')]
found['console'] = member.compute.get_server_console_output(server.id)['output']
floating = member.network.create_ip(floating_network_id=external.id, port_id=port.id)
found['floating'] = floating.status
volume = member.create_volume(size=1, name='sdk', wait=True, timeout=30)
found['volume'] = volume.status

user, project = member.current_user_id, member.current_project_id
trust = member.identity.create_trust(
    trustor_user_id=user, trustee_user_id=service.current_user_id, project_id=project, impersonation=True, roles=[{'name': 'member'}])
trusted = openstack.connect(
    auth_type='v3password', auth={
        'auth_url': service.config.config['auth']['auth_url'], 'username': service.config.config['auth']['username'],
        'password': service.config.config['auth']['password'], 'user_domain_name': 'Default', 'trust_id': trust.id},
    region_name='RegionOne', load_yaml_config=False, load_envvars=False)
found['trusted_sees'] = [s.name for s in trusted.compute.servers(name='^sdk$')]
member.identity.delete_trust(trust)
credential = member.identity.create_application_credential(user, 'sdk')
found['credentials'] = [c.name for c in member.identity.application_credentials(user)]
member.identity.delete_application_credential(user, credential)

found['stranger_sees'] = [s.name for s in other.compute.servers()] + [p.name for p in other.network.ports()] + [v.name for v in other.block_storage.volumes()]
found['stranger_gets'] = other.compute.find_server(server.id) is None


def refused(act):
    try:
        act()
    except exceptions.HttpException as error:
        return error.status_code
    return None


found['reader_refused'] = [
    refused(lambda: reader.network.create_network(name='no')),
    refused(lambda: reader.compute.delete_server(server.id, ignore_missing=False)),
    refused(lambda: reader.block_storage.create_volume(size=1)),
    refused(lambda: reader.compute.create_server_group(name='no', policy='affinity')),
]
found['in_use'] = [refused(lambda: member.network.delete_network(network)), refused(lambda: member.network.delete_router(router))]

member.delete_volume(volume.id, wait=True, timeout=30)
member.network.delete_ip(floating)
member.delete_server(server.id, wait=True, timeout=30)
found['port_kept'] = member.network.get_port(port.id).device_id == ''
member.network.delete_port(port)
member.network.remove_interface_from_router(router, subnet_id=subnet.id)
member.network.delete_router(router)
member.network.delete_network(network)
member.network.delete_security_group(group)
member.compute.delete_server_group(apart)
print(json.dumps(found))
