"""
What cloud-init makes of user data. One line in: base64 of user data; one JSON line out: see `read`. With the argument "lenient" what breaks
cloud-init's own schema is read all the same: it would only warn of that.
"""
import base64
import json
import logging
import os
import shlex
import sys
import tempfile

import yaml
from cloudinit import handlers, helpers, user_data, util
from cloudinit.config import cc_write_files
from cloudinit.config.schema import get_schema, validate_cloudconfig_schema
from cloudinit.handlers.cloud_config import CloudConfigPartHandler
from cloudinit.settings import PER_ALWAYS

logging.disable(logging.CRITICAL)
SCHEMA = get_schema()
ROOT = tempfile.mkdtemp(prefix="seedbed-cloud-init-")
PATHS = helpers.Paths({"cloud_dir": ROOT, "run_dir": ROOT})


def merged(blob):
    """The way from Nova's metadata to the one configuration that the modules see."""
    message = user_data.UserDataProcessor(PATHS).process(blob)
    handler = CloudConfigPartHandler(PATHS)
    handler.cloud_fn = os.path.join(ROOT, "cloud-config.txt")
    handlers.call_begin(handler, None, PER_ALWAYS)
    types = []
    for part in message.walk():
        if user_data.is_skippable(part):
            continue
        types.append(part.get_content_type())
        payload = util.fully_decoded_payload(part)
        handlers.run_part(handler, None, part.get_filename("part"), payload, PER_ALWAYS, part)
    handlers.call_end(handler, None, PER_ALWAYS)
    with open(handler.cloud_fn, encoding="utf-8") as file:
        return types, util.load_yaml(file.read())


def written(files):
    """What the module write_files does, below a folder of our own, and without a change of owner."""
    result = []
    cc_write_files.util.chownbyname = lambda *_: None
    for number, file in enumerate(files):
        path = os.path.join(ROOT, "files", str(number))
        cc_write_files.write_files("write_files", [{**file, "path": path}], "root:root")
        with open(path, "rb") as out:
            content = out.read().decode("utf-8")
        result.append({"path": file["path"], "permissions": oct(os.stat(path).st_mode & 0o7777), "content": content})
        os.unlink(path)
    return result


def script_of(commands):
    """What it would run, without the line that names the shell."""
    first, _, rest = util.shellify(commands).partition("\n")
    assert first == "#!/bin/sh", first
    return rest


def read(blob):
    types, config = merged(blob)
    if "lenient" in sys.argv:
        # cloud-init drops what it cannot read; the parser behind it says why.
        yaml.safe_load(blob.decode("utf-8"))
    else:
        validate_cloudconfig_schema(config, SCHEMA, strict=True, log_deprecations=True)
    commands = config.get("runcmd", []) if "lenient" in sys.argv else config["runcmd"]
    script = script_of(commands)
    each = [script_of([command]) for command in commands]
    assert "".join(each) == script, script
    # A customer's own may be no words at all.
    words = [] if "lenient" in sys.argv else [shlex.split(one) for one in each]
    return {"types": types, "config": config, "files": written(config.get("write_files", [])), "commands": words, "script": script}


for line in sys.stdin:
    try:
        # A date without quotes is text in every place that cloud-init has for it.
        answer = json.dumps(read(base64.b64decode(line)), default=str)
    except Exception as error:
        answer = json.dumps({"error": repr(error)})
    print(answer, flush=True)
