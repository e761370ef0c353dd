"""What the program in a container may do, and what it holds."""

import pathlib
import re

from http_peer import wait_for
from standin import DEFAULTS, OPERATOR, REGION, StandIn

MIB = 1024
KEYS = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": OPERATOR[0],
        "AWS_SECRET_ACCESS_KEY": OPERATOR[1], "AWS_EC2_METADATA_DISABLED": "true"}


def process_status(pid):
    """{field: text} of /proc/PID/status."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(re.findall(r"^(\w+):\s*(.*)$", text, re.M))


def resident_mib(pid):
    return int(process_status(pid)["VmRSS"].split()[0]) / MIB


def start_aws(runtime, certs):
    """The stand-in over HTTPS, trusted beside all that the image trusts: what that costs counts."""
    with open(runtime.root / "etc/ssl/certs/ca-certificates.crt", "a", encoding="ascii") as file:
        file.write(certs.ca.read_text())
    return StandIn("--cert", certs.leaf.cert, "--key", certs.leaf.key)


def start_with_passes(services, aws):
    """A service that has made the rules of the default upstreams in the stand-in."""
    for _, name in DEFAULTS.values():
        if name:
            aws.secret(name)
    url = aws.url.replace("http:", "https:")
    endpoints = dict.fromkeys(("ecr", "sts", "secretsmanager"), url)
    service = services.start(environ=KEYS, reconcile={"mode": "manage"},
                             rewrite={"requireRule": True}, aws={"endpoint": endpoints})
    wait_for(lambda: service.metrics().value(
        "pullthrough_reconcile_last_success_timestamp_seconds") > 0, "a pass")
    return service
