"""The registry itself: the pull half of the distribution API, with ECR's login and ECR's words.

Pushing is refused. Layers are answered with a redirect to a place that wants no login, as ECR
redirects to S3. When that place has a host name of its own (`layerHost`), a client that takes its
login along is refused, as by S3.
"""

import base64
import binascii
import hmac
import json
import re

from . import imports, principals
from .ecr_shapes import COMPONENT
from .errors import AwsError
from .http1 import Response
from .repositories import DIGEST

NAME = rf"{COMPONENT}(?:\/{COMPONENT})*"
ROUTES = (
    ("Base", re.compile(r"/v2/?"), ()),
    ("Manifest", re.compile(rf"/v2/(?P<name>{NAME})/manifests/(?P<reference>[^/]+)"),
     ("name", "reference")),
    ("Blob", re.compile(rf"/v2/(?P<name>{NAME})/blobs/(?P<digest>{DIGEST})"),
     ("name", "digest")),
    ("Tags", re.compile(rf"/v2/(?P<name>{NAME})/tags/list"), ("name",)),
    ("Layer", re.compile(rf"/_layers/(?P<seal>[0-9a-f]{{64}})/(?P<name>{NAME})/"
                         rf"(?P<digest>{DIGEST})"), ("seal", "name", "digest")),
)
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
# kind of failure -> status and code; the texts come with the failure.
FAILURES = {"repository": (404, "NAME_UNKNOWN"), "image": (404, "MANIFEST_UNKNOWN"),
            "official": (403, "DENIED"), "secret": (403, "DENIED"),
            "upstream-denied": (403, "DENIED"), "upstream-throttled": (429, "TOOMANYREQUESTS"),
            "upstream-unavailable": (503, "UNAVAILABLE")}
ERROR_CODES = {"AccessDeniedException": (403, "DENIED"),
               "ExpiredTokenException": (403, "DENIED"),
               "ThrottlingException": (429, "TOOMANYREQUESTS")}
EXPIRED = "Your authorization token has expired. Reauthenticate and try again."


class Challenge(Exception):
    """No login was sent."""


def split(path):
    for operation, pattern, names in ROUTES:
        found = pattern.fullmatch(path)
        if found:
            return operation, {name: found.group(name) for name in names}
    return "?", {}


def answer(status, code, message):
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Response(status, [("Docker-Distribution-Api-Version", "registry/2.0"),
                             ("Content-Type", "application/json; charset=utf-8")], body)


class Registry:
    name = "registry"

    def __init__(self, world):
        self.world = world

    @staticmethod
    def identify(request):
        operation = split(request.path)[0]
        return f"{request.method.title()}{operation}" if operation != "?" else "?"

    def perform(self, call):
        operation, call.parameters = split(call.request.path)
        if operation == "Layer":
            return self.layer_without_login(call, **call.parameters)
        try:
            call.caller = self.log_in(call)
        except Challenge:
            return self.challenge(call)
        if call.request.method not in ("GET", "HEAD"):
            return answer(405, "UNSUPPORTED", "The operation is unsupported.")
        if operation == "?":
            return answer(404, "NAME_UNKNOWN", "The repository name or the path is not valid.")
        try:
            return getattr(self, operation.lower())(call, **call.parameters)
        except imports.PullFailure as failure:
            status, code = FAILURES[failure.kind]
            call.error = code
            return answer(status, code, str(failure))

    def failure(self, error, call, _dressing):
        status, code = ERROR_CODES.get(error.code, (error.status, "UNKNOWN"))
        if error.code == "ExpiredTokenException":
            error = AwsError(error.code, EXPIRED)
        response = answer(status, code, error.message)
        response.headers += error.headers
        return response

    @staticmethod
    def challenge(call):
        host = call.request.header("Host", "")
        call.error = "UNAUTHORIZED"
        scheme = "https" if call.request.secure else "http"
        return Response(401, [("Docker-Distribution-Api-Version", "registry/2.0"),
                              ("Www-Authenticate", f'Basic realm="{scheme}://{host}/",'
                                                   'service="ecr.amazonaws.com"'),
                              ("Content-Type", "text/plain; charset=utf-8")], b"Not Authorized\n")

    def log_in(self, call):
        sent = call.request.header("Authorization")
        if sent is None:
            raise Challenge
        kind, _, encoded = sent.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            kind = user = password = ""
        # A login that isn't one of ECR's gets 400 from ECR, not a challenge.
        bad = AwsError("InvalidToken", "Your Authorization Token is invalid.", 400)
        if kind.lower() != "basic" or user != "AWS":
            raise bad
        with self.world.state.look() as data:
            token = data["authorizationTokens"].get(password)
            if token is None or token["principal"] not in data["principals"]:
                raise bad
            if token["expires"] <= call.now():
                raise AwsError("ExpiredTokenException", EXPIRED)
            return principals.caller_of(self.world.state, token["principal"], token["session"])

    def authorize(self, call, action, name):
        with self.world.state.look():
            principals.authorize(self.world.state, call.caller, action,
                                 imports.repository_arn(self.world, name))

    @staticmethod
    def base(_call):
        return Response(200, [("Docker-Distribution-Api-Version", "registry/2.0"),
                              ("Content-Type", "text/plain; charset=utf-8")], b"")

    def manifest(self, call, name, reference):
        self.authorize(call, "ecr:BatchGetImage", name)
        if not 2 <= len(name) <= 256:
            raise imports.no_repository(self.world, name)
        is_digest = re.fullmatch(DIGEST, reference) is not None
        if not is_digest and not re.fullmatch(TAG, reference, re.ASCII):
            return answer(404, "MANIFEST_UNKNOWN", imports.NO_IMAGE)
        digest = imports.pull(self.world, call, name, None if is_digest else reference,
                              reference if is_digest else None)
        with self.world.state.look() as data:
            image = data["repositories"][name]["images"][digest]
        return self.content(call, image["mediaType"], digest,
                            self.world.state.blobs.get(digest))

    @staticmethod
    def content(call, media_type, digest, body, size=None):
        return Response(200, [("Docker-Distribution-Api-Version", "registry/2.0"),
                              ("Content-Type", media_type), ("Docker-Content-Digest", digest),
                              ("Content-Length", str(len(body) if size is None else size))],
                        b"" if call.request.method == "HEAD" else body)

    def known(self, name, digest):
        with self.world.state.look() as data:
            repository = data["repositories"].get(name)
            if repository is None:
                raise imports.no_repository(self.world, name)
            return repository["blobs"].get(digest)

    def blob(self, call, name, digest):
        action = "ecr:BatchCheckLayerAvailability" if call.request.method == "HEAD" \
            else "ecr:GetDownloadUrlForLayer"
        self.authorize(call, action, name)
        found = self.known(name, digest)
        if found is None:
            call.error = "BLOB_UNKNOWN"
            return answer(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if call.request.method == "HEAD":
            return self.content(call, "application/octet-stream", digest, b"", found["size"])
        if self.world.state.settings["blobRedirect"]:
            where = f"/_layers/{self.seal(name, digest)}/{name}/{digest}"
            host = self.world.state.settings["layerHost"]
            if host:
                where = f"{'https' if call.request.secure else 'http'}://{host}{where}"
            return Response(307, [("Docker-Distribution-Api-Version", "registry/2.0"),
                                  ("Location", where)], b"")
        return self.content(call, "application/octet-stream", digest,
                            imports.layer(self.world, name, digest))

    def seal(self, name, digest):
        key = self.world.state.data["pagingKey"].encode()
        return hmac.new(key, f"{name} {digest}".encode(), "sha256").hexdigest()

    def layer_without_login(self, call, seal, name, digest):
        host = self.world.state.settings["layerHost"]
        if host and call.request.header("Authorization") is not None:
            return Response(400, [("Content-Type", "application/xml")],
                            b"<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism "
                            b"allowed</Message></Error>")
        if not hmac.compare_digest(seal, self.seal(name, digest)):
            return Response(403, [("Content-Type", "application/xml")],
                            b"<Error><Code>AccessDenied</Code></Error>")
        try:
            body = imports.layer(self.world, name, digest)
        except imports.PullFailure as failure:
            status, call.error = FAILURES[failure.kind]
            return Response(status, [("Content-Type", "text/plain")], str(failure).encode())
        return self.content(call, "application/octet-stream", digest, body)

    def tags(self, call, name):
        self.authorize(call, "ecr:ListImages", name)
        with self.world.state.look() as data:
            if name not in data["repositories"]:
                raise imports.no_repository(self.world, name)
            found = sorted(data["repositories"][name]["tags"])
        body = json.dumps({"name": name, "tags": found}).encode()
        return Response(200, [("Docker-Distribution-Api-Version", "registry/2.0"),
                              ("Content-Type", "application/json; charset=utf-8")], body)
