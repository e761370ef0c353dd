"""Certificates for tests, made by the openssl program in a temporary folder."""

import pathlib
import ssl
import subprocess
import time
from typing import NamedTuple

NAMES = "DNS:pullthrough.pullthrough.svc,DNS:localhost,IP:127.0.0.1"
ECDSA = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")

# `openssl req` gives no dates in the past; `openssl ca` does.
CA_CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def _openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
    return done.stdout.decode()


class Pair(NamedTuple):
    cert: pathlib.Path
    key: pathlib.Path

    def secret(self):
        """The files of a Secret of type kubernetes.io/tls."""
        return {"tls.crt": self.cert.read_text(), "tls.key": self.key.read_text()}

    def der(self):
        return ssl.PEM_cert_to_DER_cert(self.cert.read_text())

    def dates(self):
        """When it begins and ends, in RFC 3339, as openssl says."""
        said = _openssl("x509", "-noout", "-dates", "-dateopt", "iso_8601", "-in", self.cert)
        dates = dict(line.split("=", 1) for line in said.splitlines())
        return tuple(dates[name].replace(" ", "T") for name in ("notBefore", "notAfter"))

    def encrypted_key(self):
        return _openssl("pkey", "-aes128", "-passout", "pass:secret", "-in", self.key)


class Certificates:
    """ca: who signs (a file). Pairs for servers, of ca: leaf and second (ECDSA), rsa, expired.
    Pairs for clients: client, of ca, and stranger, of nobody."""

    def __init__(self, folder):
        self.folder = folder
        self.ca, self._ca_key = folder / "ca.crt", folder / "ca.key"
        _openssl(
            "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=tests", *ECDSA,
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", self._ca_key, "-out", self.ca,
        )  # fmt: skip
        self.leaf = self.issue("leaf")
        self.second = self.issue("second", days=20)
        self.rsa = self.issue("rsa", kind=RSA)
        self.client = self.issue("client", usage="clientAuth")
        self.stranger = self.issue("stranger", usage="clientAuth", own=True)
        self.expired = self._expired()

    def _pair(self, name):
        return Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def issue(self, name, kind=ECDSA, usage="serverAuth", own=False, names=NAMES, days=2):
        """A new pair, valid now; `own`: signed by itself; `names` may be none."""
        pair = self._pair(name)
        signer = () if own else ("-CA", self.ca, "-CAkey", self._ca_key)
        names = ("-addext", f"subjectAltName={names}") if names else ()
        _openssl(
            "req", "-x509", "-nodes", "-days", days, "-subj", f"/CN={name}", *kind, *signer,
            *names, "-addext", f"extendedKeyUsage={usage}",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", pair.key, "-out", pair.cert,
        )  # fmt: skip
        return pair

    def _expired(self):
        pair, request = self._pair("expired"), self.folder / "expired.csr"
        (self.folder / "index.txt").touch()
        config = self.folder / "ca.cnf"
        config.write_text(CA_CONFIG.format(folder=self.folder))
        _openssl(
            "req", "-new", "-nodes", "-subj", "/CN=expired", *ECDSA,
            "-addext", f"subjectAltName={NAMES}", "-keyout", pair.key, "-out", request,
        )  # fmt: skip
        _openssl(
            "ca", "-batch", "-notext", "-config", config, "-cert", self.ca,
            "-keyfile", self._ca_key, "-startdate", "20200101000000Z",
            "-enddate", "20200201000000Z", "-in", request, "-out", pair.cert,
        )  # fmt: skip
        return pair


class _Signer:
    """`openssl ca` in a folder, which gives certificates of another time: begin and end are days
    from now."""

    def __init__(self, folder):
        self._folder, self._config = folder, folder / "ca.cnf"
        (folder / "index.txt").write_text("")
        self._config.write_text(CA_CONFIG.format(folder=folder))

    def ask(self, name, common_name, *extensions):
        _openssl(
            "req", "-new", "-nodes", "-subj", f"/CN={common_name}", *ECDSA,
            *(word for extension in extensions for word in ("-addext", extension)),
            "-keyout", self._folder / f"{name}.key", "-out", self._folder / f"{name}.csr",
        )  # fmt: skip

    def sign(self, name, days, *how):
        begin, end = (
            time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + each * 24 * 60 * 60))
            for each in days
        )
        _openssl(
            "ca", "-batch", "-notext", "-config", self._config, *how, "-startdate", begin,
            "-enddate", end, "-in", self._folder / f"{name}.csr",
            "-out", self._folder / f"{name}.crt",
        )  # fmt: skip


def old_leaf(folder, host, days):
    """tls.crt and tls.key, signed by the folder's ca.crt and ca.key."""
    signer = _Signer(folder)
    service, namespace, _ = host.split(".")
    names = (host, f"{service}.{namespace}", f"{host}.cluster.local")
    signer.ask(
        "tls", "pullthrough", "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth",
        "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
    )  # fmt: skip
    signer.sign("tls", days, "-cert", folder / "ca.crt", "-keyfile", folder / "ca.key")
    return {name: (folder / name).read_text() for name in ("tls.crt", "tls.key")}


def old_ca(folder, days):
    """The folder's ca.crt again, of another time: the same name and key, so that whoever trusts
    one trusts the leaves of the other."""
    _openssl(
        "x509", "-x509toreq", "-copy_extensions", "copy", "-in", folder / "ca.crt",
        "-signkey", folder / "ca.key", "-out", folder / "ca.csr",
    )  # fmt: skip
    _Signer(folder).sign("ca", days, "-selfsign", "-keyfile", folder / "ca.key")
    return (folder / "ca.crt").read_text()


def old_set(folder, host, ca_days, leaf_days):
    """The keys of a Secret as the program itself makes it, with ends and beginnings (in days from
    now) of another time."""
    signer = _Signer(folder)
    signer.ask(
        "ca", "pullthrough CA of old", "basicConstraints=critical,CA:TRUE,pathlen:0",
        "keyUsage=critical,keyCertSign,cRLSign", "subjectKeyIdentifier=hash",
    )  # fmt: skip
    signer.sign("ca", ca_days, "-selfsign", "-keyfile", folder / "ca.key")
    leaf = old_leaf(folder, host, leaf_days)
    return {**{name: (folder / name).read_text() for name in ("ca.crt", "ca.key")}, **leaf}
