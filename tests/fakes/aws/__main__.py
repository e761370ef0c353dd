"""Start the stand-in: `python3 tests/fakes/aws --help`."""

import argparse
import json
import os
import signal
import sys
import threading

if not __package__:      # run as a folder: the package's parent takes the folder's place
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    __package__ = "aws"
    import aws           # noqa: F401  (the package that the relative imports below are in)

from . import settings                    # noqa: E402
from .http1 import Listener               # noqa: E402
from .server import StandIn               # noqa: E402


def setting(text):
    """NAME=VALUE, the value as JSON or else as a plain string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("NAME=VALUE is expected")
    try:
        value = json.loads(value)
    except ValueError:
        pass
    if isinstance(settings.DEFAULTS.get(name), str) and not isinstance(value, str):
        value = text.partition("=")[2]
    fault = settings.fault_of(name, value)
    if fault:
        raise argparse.ArgumentTypeError(fault)
    return name, value


def options(arguments):
    parser = argparse.ArgumentParser(
        prog="aws", description="A stand-in for AWS: ECR with its registry and pull-through "
        "cache, Secrets Manager, STS, instance metadata and container credentials on one port. "
        "Prints {\"port\": N} when it is ready and stops on SIGTERM.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    parser.add_argument("--state", metavar="FOLDER",
                        help="keep all data in this folder instead of in memory")
    parser.add_argument("--cert", metavar="FILE", help="certificate (PEM): the port then speaks "
                        "HTTPS and HTTP")
    parser.add_argument("--key", metavar="FILE", help="its private key (PEM)")
    parser.add_argument("--set", metavar="NAME=VALUE", type=setting, action="append", default=[],
                        help="a setting, e.g. region=eu-central-1; may be given again")
    parser.add_argument("--settings", action="store_true", help="print the settings and stop")
    given = parser.parse_args(arguments)
    if bool(given.cert) != bool(given.key):
        parser.error("--cert and --key belong together")
    return given


def tls_context(cert, key):
    import ssl           # only here: it takes its time to load
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    return context


def main(arguments=None):
    given = options(arguments)
    if given.settings:
        print(json.dumps({**settings.DEFAULTS, **dict(given.set)}, indent=1))
        return 0
    try:
        tls = tls_context(given.cert, given.key) if given.cert else None
        world = StandIn(given.state, dict(given.set))
        listener = Listener(given.host, given.port, world.handle, tls)
    except (OSError, ValueError, OverflowError) as error:
        print(f"aws stand-in: {error}", file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=listener.run, daemon=True).start()
    print(json.dumps({"port": listener.port}), flush=True)
    stop.wait()
    listener.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
