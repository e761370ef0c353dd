"""The upstream registries, reached only where the settings say they are.

`upstreams` maps an upstream's URL to where it really is on this machine; one that isn't mapped is
out of reach, so the stand-in never leaves by accident. A mapping may also list accounts: they are
compared before anything is sent, which is enough for tests that have no upstream at all. And it may
say how many manifests an upstream gives in how many seconds.
"""

import base64
import json
import re
import urllib.parse

MANIFEST_TYPES = ("application/vnd.oci.image.index.v1+json",
                  "application/vnd.oci.image.manifest.v1+json",
                  "application/vnd.docker.distribution.manifest.list.v2+json",
                  "application/vnd.docker.distribution.manifest.v2+json")
LOGIN_FAILED = ("The authentication to the upstream registry failed. Verify that the credentials "
                "stored in the Secrets Manager secret are correct and try again.")
PULL_RATE = ("You have reached your pull rate limit. You may increase the limit by authenticating "
             "and upgrading: https://www.docker.com/increase-rate-limit")
SIZE_LIMIT = 1 << 30


class Failure(Exception):
    """`kind` is missing, denied, throttled or unavailable."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def mapping(settings, url):
    return settings["upstreams"].get(url)


def check_account(where, account):
    accounts = where.get("accounts")
    if accounts is not None and (account is None or accounts.get(account[0]) != account[1]):
        raise Failure("denied", LOGIN_FAILED)


def log_in(settings, url, account):
    """Try the credentials; an upstream that isn't mapped is taken to accept them."""
    where = mapping(settings, url)
    if where is None:
        return
    check_account(where, account)
    if where.get("url"):
        Upstream(where["url"], account, settings["upstreamTimeout"]).get("/v2/")


def connect(settings, url, account, count):
    """`count` is called before each manifest is asked for, and may raise Failure."""
    where = mapping(settings, url)
    if where is None or not where.get("url"):
        raise Failure("unavailable", f"The upstream registry {url} could not be reached.")
    check_account(where, account)
    return Upstream(where["url"], account, settings["upstreamTimeout"], count)


class Upstream:
    """A client of the distribution API: basic and bearer authentication, redirects of blobs."""

    def __init__(self, base, account, timeout, count=lambda: None):
        self.base = base.rstrip("/")
        self.account = account
        self.timeout = timeout
        self.count = count
        self.bearer = {}

    def manifest(self, repository, reference):
        """(media type, bytes)"""
        self.count()
        status, headers, body = self.get(f"/v2/{repository}/manifests/{reference}",
                                         ", ".join(MANIFEST_TYPES))
        del status
        return headers.get("content-type", "").partition(";")[0].strip(), body

    def blob(self, repository, digest):
        return self.get(f"/v2/{repository}/blobs/{digest}")[2]

    def get(self, path, accept="*/*"):
        url = self.base + path
        status, headers, body = self.send(url, accept, self.authorization(url))
        if status == 401:
            status, headers, body = self.send(url, accept, self.answer_challenge(headers, url))
        for _ in range(5):
            if status not in (301, 302, 303, 307, 308):
                break
            url = urllib.parse.urljoin(url, headers.get("location", ""))
            keep = urllib.parse.urlsplit(url).netloc == urllib.parse.urlsplit(self.base).netloc
            status, headers, body = self.send(url, accept,
                                              self.authorization(url) if keep else None)
        if status == 200:
            return status, headers, body
        raise self.failure(status)

    @staticmethod
    def failure(status):
        if status in (401, 403):
            return Failure("denied", LOGIN_FAILED)
        if status == 404:
            return Failure("missing", "Requested image not found")
        if status == 429:
            return Failure("throttled", "The upstream registry limits the rate of requests.")
        return Failure("unavailable", f"The upstream registry answered with status {status}.")

    def basic(self):
        if self.account is None:
            return None
        return "Basic " + base64.b64encode(":".join(self.account).encode()).decode()

    def authorization(self, url):
        path = urllib.parse.urlsplit(url).path
        repository = re.match(r"/v2/(.+)/(?:manifests|blobs)/", path)
        return self.bearer.get(repository.group(1) if repository else "") or self.basic()

    def answer_challenge(self, headers, url):
        challenge = headers.get("www-authenticate", "")
        if not challenge.lower().startswith("bearer "):
            return self.basic()
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = {name: fields[name] for name in ("service", "scope") if name in fields}
        realm = f"{fields.get('realm', '')}?{urllib.parse.urlencode(query)}"
        status, _, body = self.send(realm, "application/json", self.basic())
        if status != 200:
            raise self.failure(status)
        try:
            answer = json.loads(body)
            token = "Bearer " + (answer.get("token") or answer["access_token"])
        except (ValueError, KeyError, TypeError) as error:
            raise Failure("unavailable", "The upstream's token answer is malformed.") from error
        repository = re.match(r"repository:(.+):pull", fields.get("scope", ""))
        self.bearer[repository.group(1) if repository else ""] = token
        return token

    def send(self, url, accept, authorization):
        import http.client      # only pulls need it: the start stays quick
        parts = urllib.parse.urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" \
            else http.client.HTTPConnection
        headers = {"Accept": accept, "User-Agent": "ecr-stand-in"}
        if authorization:
            headers["Authorization"] = authorization
        try:
            connection = kind(parts.netloc, timeout=self.timeout)
            try:
                connection.request("GET", parts.path + ("?" + parts.query if parts.query else ""),
                                   headers=headers)
                response = connection.getresponse()
                body = response.read(SIZE_LIMIT)
                return (response.status,
                        {name.lower(): value for name, value in response.getheaders()}, body)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise Failure("unavailable",
                          f"The upstream registry could not be reached: {error}") from error
