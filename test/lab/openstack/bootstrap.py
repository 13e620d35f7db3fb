"""What a fresh cloud needs before a test: projects, users, quotas, flavors, images, networks; clouds.yaml and rc files.
Makes what is missing, changes nothing else.
usage: bootstrap.py WORK_DIR AUTH_URL PASSWORD"""
import os
import sys
import tempfile

import openstack
import yaml

work, url, password = sys.argv[1:]

# user: project, roles. Roles of services that are not there are left out.
USERS = {
    'demo': ('demo', 'member load-balancer_member creator swiftoperator'),
    'demo-reader': ('demo', 'reader load-balancer_observer observer'),
    'demo-plain': ('demo', 'member'),   # may not make load balancers or secrets
    'small': ('small', 'member load-balancer_member creator swiftoperator'),
    # the control plane service: may ask Keystone about any token, owns its own project, is nobody in the others
    'seedbed': ('seedbed', 'service member load-balancer_member creator swiftoperator'),
}
QUOTAS = {   # compute, network, volume, load balancer
    'demo': ({'instances': 200, 'cores': 800, 'ram': 1 << 20, 'key_pairs': 200, 'server_groups': 100, 'server_group_members': 200},
             {'network': 200, 'subnet': 200, 'port': 2000, 'router': 100, 'floatingip': 150, 'security_group': 400, 'security_group_rule': 4000},
             {'volumes': 400, 'gigabytes': 100000, 'snapshots': 100}, {'load_balancers': 200}),
    'small': ({'instances': 2, 'cores': 4, 'ram': 4096, 'key_pairs': 2, 'server_groups': 1},
              {'network': 2, 'subnet': 2, 'port': 12, 'router': 1, 'floatingip': 1, 'security_group': 4, 'security_group_rule': 30},
              {'volumes': 2, 'gigabytes': 10, 'snapshots': 1}, {'load_balancers': 1}),
}
QUOTAS['seedbed'] = QUOTAS['demo']
FLAVORS = {   # MiB, cores, GB, extra specs
    'm1.tiny': (512, 1, 1, {}),
    'm1.small': (2048, 2, 10, {}),
    'm1.medium': (4096, 2, 20, {}),
    'lab.machine': (2048, 2, 10, {'lab:kind': 'machine'}),
    'lab.nohost': (512, 1, 1000000, {}),   # the scheduler finds no host for it
}
IMAGES = {   # both hold nothing: a machine's files come from the machine's own base tree
    'tiny': {},
    'debian-12-node': {'lab:kind': 'machine', 'os_distro': 'debian', 'os_version': '12', 'os_admin_user': 'debian'},
}
# One more for each release of Kubernetes that was asked for, as an operator's image factory names them.
for version in os.environ.get('KUBE_VERSIONS', '').split():
    IMAGES[f'debian-12-node-{version}'] = {**IMAGES['debian-12-node'], 'lab:kube': f'kube-{version}', 'kube_version': version}


def login(user, project):
    return {'auth': {'auth_url': url, 'username': user, 'password': password, 'project_name': project,
                     'user_domain_name': 'Default', 'project_domain_name': 'Default'},
            'region_name': 'RegionOne', 'identity_api_version': '3', 'interface': 'public'}


cloud = openstack.connect(**login('admin', 'admin'))


def accounts():
    identity, known = cloud.identity, {r.name: r for r in cloud.identity.roles()}
    for name, (project_name, roles) in USERS.items():
        project = identity.find_project(project_name) or identity.create_project(name=project_name, domain_id='default')
        user = identity.find_user(name) or identity.create_user(
            name=name, password=password, domain_id='default', default_project_id=project.id)
        for role in roles.split():
            if role in known:
                identity.assign_project_role_to_user(project, user, known[role])


def quotas():
    for name, (compute, network, volume, balancers) in QUOTAS.items():
        project = cloud.identity.find_project(name)
        cloud.set_compute_quotas(project.id, **compute)
        cloud.set_network_quotas(project.id, **network)
        cloud.set_volume_quotas(project.id, **volume)
        cloud.load_balancer.update_quota(project.id, **balancers)


def flavors_and_images():
    for name, (ram, cores, disk, extra) in FLAVORS.items():
        if not cloud.compute.find_flavor(name):
            flavor = cloud.compute.create_flavor(name=name, ram=ram, vcpus=cores, disk=disk)
            if extra:
                cloud.compute.create_flavor_extra_specs(flavor, extra)
    with tempfile.NamedTemporaryFile() as nothing:
        nothing.truncate(1 << 20)
        for name, properties in IMAGES.items():
            if not cloud.image.find_image(name):
                cloud.create_image(name, filename=nothing.name, disk_format='raw', container_format='bare',
                                   visibility='public', wait=True, meta=properties)


def networks():
    net = cloud.network
    public = net.find_network('public') or net.create_network(
        name='public', is_router_external=True, provider_network_type='flat', provider_physical_network='public')
    # the host is the gateway, 2-9 are free for seeds and test servers that stand outside, 128-254 are the seed's load balancers
    outside = os.environ['LAB_EXTERNAL']
    net.find_subnet('public') or net.create_subnet(
        name='public', network_id=public.id, ip_version=4, cidr=f'{outside}.0/24', gateway_ip=f'{outside}.1', enable_dhcp=False,
        allocation_pools=[{'start': f'{outside}.10', 'end': f'{outside}.126'}])
    project = cloud.identity.find_project('demo').id
    demo = net.find_network('demo') or net.create_network(name='demo', project_id=project)
    subnet = net.find_subnet('demo') or net.create_subnet(
        name='demo', network_id=demo.id, project_id=project, ip_version=4, cidr='10.20.0.0/24')
    if not net.find_router('demo'):
        router = net.create_router(name='demo', project_id=project, external_gateway_info={'network_id': public.id})
        net.add_interface_to_router(router, subnet_id=subnet.id)


def write_logins():
    every = {'admin': 'admin', **{user: project for user, (project, _) in USERS.items()}}
    with open(os.path.join(work, 'clouds.yaml'), 'w') as f:
        yaml.safe_dump({'clouds': {user: login(user, project) for user, project in every.items()}}, f)
    for user, project in every.items():
        with open(os.path.join(work, 'rc', user + '.rc'), 'w') as f:
            f.write(f'export OS_AUTH_URL={url} OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=RegionOne OS_INTERFACE=public\n'
                    f'export OS_USERNAME={user} OS_PASSWORD={password} OS_PROJECT_NAME={project}\n'
                    f'export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default\n')


write_logins()
accounts()
flavors_and_images()
networks()
quotas()
