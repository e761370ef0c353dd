"""Upstream registries for tests: Debian's docker-registry, filled over its own API."""

import base64
import contextlib
import hashlib
import http.client
import json
import re
import subprocess
import threading
import urllib.parse

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# somebody with the password a-token, bcrypt
HTPASSWD = "somebody:$2b$05$zMASGL6V9C5yhbeaEopBceyNDiKu8YRhu31o/wrSkEDquxEzbCAqW\n"

CONFIG = """\
version: 0.1
log: {level: info, fields: {service: registry}}
storage: {filesystem: {rootdirectory: %(root)s}, delete: {enabled: true}}
http: {addr: "%(address)s:0"}
"""


def settings_of(quay, hub, **of_hub):
    """What the stand-in is told of these two."""
    return {"quay.io": {"url": quay.url}, "registry-1.docker.io": {"url": hub.url, **of_hub}}


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Upstream:
    """One docker-registry; with `account` it wants a login."""

    def __init__(self, folder, account=None, address="127.0.0.1"):
        folder.mkdir()
        config = CONFIG % {"root": folder / "data", "address": address}
        if account:
            (folder / "htpasswd").write_text(HTPASSWD)
            config += f"auth: {{htpasswd: {{realm: upstream, path: {folder / 'htpasswd'}}}}}\n"
        (folder / "config.yml").write_text(config)
        self.account = account
        self.process = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True)
        said = ""
        for line in self.process.stderr:
            said += line
            found = re.search(rf"listening on ({re.escape(address)}:\d+)", line)
            if found:
                break
        else:
            raise RuntimeError(f"docker-registry did not start:\n{said}")
        self.host = found[1]
        self.url = f"http://{self.host}"
        # Its log has to go somewhere.
        self.reader = threading.Thread(target=lambda: [None for _ in self.process.stderr],
                                       daemon=True)
        self.reader.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.reader.join(10)
        self.process.stderr.close()

    def ask(self, method, path, body=b"", media=None):
        headers = {"Content-Type": media} if media else {}
        if self.account:
            login = base64.b64encode(":".join(self.account).encode()).decode()
            headers["Authorization"] = f"Basic {login}"
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=20)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            data = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {data}")
        return response

    def blob(self, name, data):
        """A descriptor of the bytes, which are there now."""
        where = self.ask("POST", f"/v2/{name}/blobs/uploads/").getheader("Location")
        parts = urllib.parse.urlsplit(where)
        path = f"{parts.path}?{parts.query}&digest={urllib.parse.quote(digest_of(data))}"
        self.ask("PUT", path, data, "application/octet-stream")
        return {"digest": digest_of(data), "size": len(data)}

    def manifest(self, name, reference, document):
        data = json.dumps(document).encode()
        self.ask("PUT", f"/v2/{name}/manifests/{reference or digest_of(data)}", data,
                 document["mediaType"])
        return {"mediaType": document["mediaType"], "digest": digest_of(data), "size": len(data)}

    def image(self, name, tag, text="hello", architecture="amd64"):
        """An image of one layer; its descriptor."""
        config = json.dumps({"architecture": architecture, "os": "linux", "rootfs": {
            "type": "layers", "diff_ids": [digest_of(text.encode())]}}).encode()
        return self.manifest(name, tag, {
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, **self.blob(name, config)},
            "layers": [{"mediaType": OCI_LAYER, **self.blob(name, text.encode())}]})

    def index(self, name, tag, text="hello"):
        """An index of images for two platforms; its descriptor and theirs."""
        inner = [{**self.image(name, None, f"{text} {each}", each),
                  "platform": {"architecture": each, "os": "linux"}}
                 for each in ("amd64", "arm64")]
        return self.manifest(name, tag, {"schemaVersion": 2, "mediaType": OCI_INDEX,
                                         "manifests": inner}), inner
