"""Where the release's certificate comes from."""

import itertools
import subprocess
import time

import certificates
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


def aged_set(folder, host):
    """What a Secret of mode `self` may hold, of one CA key: (CA, leaf) of today, and both past two
    thirds of their lives; and the rest, the keys."""
    folder.mkdir()
    old = certificates.old_set(folder, host, ca_days=(-300, 60), leaf_days=(-70, 20))

    def sign_again(name, begin, end, *how):
        stamps = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400))
                  for days in (begin, end)]  # fmt: skip
        (folder / "index.txt").write_text("")
        out = folder / f"young-{name}.crt"
        subprocess.run(
            ["openssl", "ca", "-batch", "-notext", "-config", folder / "ca.cnf", *how,
             "-startdate", stamps[0], "-enddate", stamps[1], "-in", folder / f"{name}.csr",
             "-out", out], check=True, capture_output=True,
        )  # fmt: skip
        return out.read_text()

    ca = sign_again("ca", -10, 355, "-selfsign", "-keyfile", folder / "ca.key")
    leaf = sign_again("tls", -10, 80, "-cert", folder / "ca.crt", "-keyfile", folder / "ca.key")
    keys = {name: old[name] for name in ("ca.key", "tls.key")}
    return (ca, leaf), (old["ca.crt"], old["tls.crt"]), keys


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
