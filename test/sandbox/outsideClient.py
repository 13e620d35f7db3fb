"""Runs `openstack` command lines from stdin (a JSON list of [cloud, argument, ...]) and prints [{"code", "out", "err"}] as
JSON. Starting Python anew for each would cost more than a second; so lines for one cloud run in one process, and each
change of cloud in a new fork of it, because the command keeps the clients of its first cloud for good."""
import contextlib
import io
import itertools
import json
import os
import sys

from openstackclient import shell


def run(cloud, arguments):
    os.environ['OS_CLOUD'] = cloud
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = shell.OpenStackShell().run(arguments)
        except SystemExit as stop:
            code = stop.code
    return {'code': code, 'out': out.getvalue(), 'err': err.getvalue()}


def forked(cloud, lines):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writing, 'w') as pipe:
            json.dump([run(cloud, arguments) for _, *arguments in lines], pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        results = json.load(pipe)
    os.waitpid(child, 0)
    return results


commands = json.load(sys.stdin)
groups = itertools.groupby(commands, key=lambda line: line[0])
json.dump([result for cloud, lines in groups for result in forked(cloud, lines)], sys.stdout)
