"""A live list of clusters with Python's gql: `live.py URL TOKEN`. Prints the clusters as a line of JSON whenever they change, and makes a cluster
for each name on stdin, whose answer is a line, too. A connection that broke is made anew, and the list is asked for again."""
import asyncio
import json
import sys

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport

LIST = gql('{ clusters(first: 100) { nodes { id name state } } }')
CHANGES = gql('subscription { clusters { what resync cluster { id name state } } }')
CREATE = gql('''
  mutation ($input: CreateClusterInput!) {
    createCluster(input: $input) { ... on CreateClusterPayload { cluster { name } } ... on Problem { message field } }
  }
''')
AGAIN_SECONDS = 0.5


def show(clusters):
    print(json.dumps(list(clusters.values())), flush=True)


async def list_clusters(session):
    answer = await session.execute(LIST)
    return {cluster['id']: cluster for cluster in answer['clusters']['nodes']}


async def follow(url, token):
    """Ends, or raises TransportError or OSError, with its connection."""
    transport = WebsocketsTransport(url=url.replace('http', 'ws', 1), init_payload={'X-Auth-Token': token})
    async with Client(transport=transport) as session:
        clusters = await list_clusters(session)
        show(clusters)
        async for answer in session.subscribe(CHANGES):
            change = answer['clusters']
            if change['resync']:
                clusters = await list_clusters(session)
            elif change['what'] == 'DELETED':
                clusters.pop(change['cluster']['id'], None)
            else:
                clusters[change['cluster']['id']] = change['cluster']
            show(clusters)


async def follow_always(url, token):
    while True:
        try:
            await follow(url, token)
        except (TransportError, OSError) as error:
            print(f'again, for {error}', file=sys.stderr, flush=True)
        await asyncio.sleep(AGAIN_SECONDS)


async def create(url, token, name):
    """By HTTP, as a script would that changes something and ends."""
    transport = AIOHTTPTransport(url=url, headers={'X-Auth-Token': token})
    async with Client(transport=transport) as session:
        answer = await session.execute(CREATE, variable_values={'input': {'name': name, 'clusterTemplate': 'small', 'nodeCount': 1}})
        print(json.dumps({'made': name, 'problem': answer['createCluster'].get('message')}), flush=True)


async def main(url, token):
    following = asyncio.create_task(follow_always(url, token))
    while line := await asyncio.to_thread(sys.stdin.readline):
        await create(url, token, line.strip())
    following.cancel()


asyncio.run(main(*sys.argv[1:]))
