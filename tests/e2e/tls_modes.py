"""Where the release's certificate comes from."""

import itertools

from certificates import Certificates
from kube import MERGE
from world import b64

_numbers = itertools.count(1)


def _put(world, namespace, name, pair, **more):
    """The Secret holds this pair now."""
    data = {key: b64(text) for key, text in {**pair.secret(), **more}.items()}
    if world.kube.find("Secret", name, namespace):
        world.kube.patch("Secret", name, {"data": data}, namespace, how=MERGE)
        return
    meta = {"name": name, "namespace": namespace}
    world.create({"kind": "Secret", "type": "kubernetes.io/tls", "metadata": meta, "data": data})


class SelfSigned:
    """The program makes its own."""

    def values(self):
        return {"mode": "self"}

    def before(self, installation):
        """What must be there before the chart is installed."""

    def after(self, installation):
        """What somebody does once it is."""

    def forget(self, installation):
        """What is left to tidy up after it was uninstalled."""


class Jobs(SelfSigned):
    """The chart's Jobs make it."""

    secret = "pullthrough-job-tls"

    def values(self):
        return {"mode": "self", "self": {"caBundle": "job"}}

    def forget(self, installation):
        """They took it away themselves."""
        found = installation.world.kube.find("Secret", self.secret, installation.release.namespace)
        assert found is None


class Authority:
    """A CA of the tests', with leaves for the release's Service."""

    def __init__(self, folder):
        folder = folder / f"ca-{next(_numbers)}"
        folder.mkdir()
        self.certs = Certificates(folder)
        self.ca = self.certs.ca

    def leaf(self, service_name):
        return self.certs.issue(f"leaf-{next(_numbers)}", names=f"DNS:{service_name}")


class Files:
    """A Secret that somebody fills; here, we."""

    secret = "webhook-tls"

    def __init__(self, folder):
        self.folder, self.authority = folder, Authority(folder)

    def values(self):
        bundle = self.authority.ca.read_text()
        return {"mode": "files", "files": {"secretName": self.secret, "caBundle": bundle}}

    def before(self, installation):
        world, namespace = installation.world, installation.release.namespace
        if not world.kube.find("Namespace", namespace):
            world.kube.namespace(namespace)
        self.renew(installation)

    def after(self, installation):
        pass

    def forget(self, installation):
        installation.world.kube.delete("Secret", self.secret, installation.release.namespace)

    def renew(self, installation, authority=None):
        """A new leaf."""
        self.put(installation, (authority or self.authority).leaf(installation.service_name))

    def put(self, installation, pair):
        _put(installation.world, installation.release.namespace, self.secret, pair)


class CertManager(Files):
    """As cert-manager: its Certificate object asks, we fill the Secret and inject the bundle."""

    secret = "pullthrough-tls"

    def values(self):
        return {"mode": "files", "files": {"certManager": {"enabled": True}}}

    def put(self, installation, pair):
        more = {"ca.crt": self.authority.ca.read_text()}
        _put(installation.world, installation.release.namespace, self.secret, pair, **more)

    def after(self, installation):
        """What cert-manager's injector does."""
        bundle = b64(self.authority.ca.read_bytes())
        installation.change_webhook(
            {"op": "add", "path": "/clientConfig/caBundle", "value": bundle}
        )
