"""What answers behind a release's Service: the program as the chart configures it, run on this
machine; or something that isn't the program at all."""

import contextlib
import itertools
import socket
import threading

import yaml
from helm import service_account

from mount import Mount

_numbers = itertools.count(1)


def serve(release, services, port=None, certificate=None, **environ):
    """Run the program with the configuration that the release's ConfigMap has, which is changed in
    two things only: the addresses, if there is a port, and the folder where a Secret is mounted. In mode `self` it has
    what a pod has of the API server: its address, and the files of the service account."""
    folder = services.folder / f"{release.cluster_name}-{next(_numbers)}"
    folder.mkdir()
    config = yaml.safe_load(release.config())
    if port is not None:
        config["listen"] = {"webhook": f"127.0.0.1:{port}", "status": "127.0.0.1:0"}
    tls = None
    if config["tls"]["mode"] == "files":
        tls = Mount(folder / "tls", certificate.secret())
        for key in ("certFile", "keyFile"):
            config["tls"][key] = str(tls / config["tls"][key].rpartition("/")[2])
    else:
        account = service_account(
            release.kube, release.fullname, release.namespace, folder / "account"
        )
        environ = {**account, **environ}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    service = services.run(path, **environ)
    service.tls = tls
    return service


@contextlib.contextmanager
def silent_server(port):
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def talking_server(port, words):
    """Says the same to whoever connects, before TLS even begins, and closes."""
    enough = threading.Event()
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(0.1)

        def talk():
            while not enough.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection, contextlib.suppress(OSError):
                    connection.sendall(words)

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        enough.set()
        thread.join()
