"""What the webhook must answer, worked out a second time.

Written from the specification, in another language and by other means than the program: the
grammar as regular expressions, a review as plain dictionaries. It says what the object must
look like afterwards, never how the patch is written. It covers what the specification fixes;
tests stay off the rest.
"""

import copy
import dataclasses
import json
import re
from typing import NamedTuple, Optional

import yaml

# --- references: distribution/reference v0.6.0, regexp.go and normalize.go ---------------------

_ALPHANUMERIC = rb"[a-z0-9]+"
_SEPARATOR = rb"(?:[._]|__|[-]+)"
_COMPONENT = _ALPHANUMERIC + rb"(?:" + _SEPARATOR + _ALPHANUMERIC + rb")*"
_REMOTE_NAME = _COMPONENT + rb"(?:/" + _COMPONENT + rb")*"
_DOMAIN_COMPONENT = rb"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = (
    rb"(?:" + _DOMAIN_COMPONENT + rb"(?:\." + _DOMAIN_COMPONENT + rb")*" + rb"|\[[a-fA-F0-9:]+\])"
)
_DOMAIN = _HOST + rb"(?::[0-9]+)?"
_TAG = rb"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = rb"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}"

_NAME_PARTS = re.compile(rb"(?:(" + _DOMAIN + rb")/)?(" + _REMOTE_NAME + rb")")
_REFERENCE = re.compile(
    rb"((?:"
    + _DOMAIN
    + rb"/)?"
    + _REMOTE_NAME
    + rb")(?::("
    + _TAG
    + rb"))?(?:@("
    + _DIGEST
    + rb"))?"
)
_IDENTIFIER = re.compile(rb"[a-f0-9]{64}")
_KNOWN_DIGEST = re.compile(rb"sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}")

PATH_MAX = 255  # bytes; RepositoryNameTotalLengthMax


class InvalidReference(ValueError):
    pass


class Reference(NamedTuple):
    domain: bytes
    path: bytes
    tag: bytes
    digest: bytes

    def name(self):
        return self.domain + b"/" + self.path if self.domain else self.path

    def version(self):
        return (b":" + self.tag if self.tag else b"") + (b"@" + self.digest if self.digest else b"")


def _split_docker_domain(text):
    first, slash, rest = text.partition(b"/")
    if not slash:
        return b"docker.io", b"library/" + text
    if first == b"localhost":
        domain, remainder = first, rest
    elif first == b"index.docker.io":
        domain, remainder = b"docker.io", rest
    elif b"." in first or b":" in first or first.lower() != first:
        domain, remainder = first, rest
    else:
        domain, remainder = b"docker.io", text
    if domain == b"docker.io" and b"/" not in remainder:
        remainder = b"library/" + remainder
    return domain, remainder


def parse_reference(text):
    """ParseNormalizedNamed of bytes: a Reference, or InvalidReference."""
    if _IDENTIFIER.fullmatch(text):
        raise InvalidReference("64 hexadecimal digits")
    domain, remainder = _split_docker_domain(text)
    remote = remainder.partition(b":")[0]
    if remote.lower() != remote:
        raise InvalidReference("upper case in the repository name")
    match = _REFERENCE.fullmatch(domain + b"/" + remainder)
    if match is None:
        raise InvalidReference("not a reference")
    name, tag, digest = match.group(1), match.group(2) or b"", match.group(3) or b""
    domain, path = _NAME_PARTS.fullmatch(name).groups()
    if len(path) > PATH_MAX:
        raise InvalidReference("repository name over 255 bytes")
    if digest and not _KNOWN_DIGEST.fullmatch(digest):
        raise InvalidReference("digest")
    return Reference(domain or b"", path, tag, digest)


# --- the configuration, as far as the judgement of an image or a pod reads it ------------------


class Upstream(NamedTuple):
    names: tuple  # the registry first, then its aliases; bytes
    prefix: bytes


# What an entry of `upstreams` leaves out is taken from here (docs/configuration.md).
_KNOWN_UPSTREAMS = {
    "docker.io": {
        "aliases": ["registry-1.docker.io", "registry.hub.docker.com"],
        "prefix": "dockercache",
    },
    "ghcr.io": {"prefix": "ghcrcache"},
    "registry.k8s.io": {"aliases": ["k8s.gcr.io"], "prefix": "k8scache"},
    "quay.io": {"prefix": "quaycache"},
    "public.ecr.aws": {"aliases": ["ecr-public.aws.com"], "prefix": "ecrpubliccache"},
    "registry.gitlab.com": {"prefix": "gitlabcache"},
    "cgr.dev": {"prefix": "cgrcache"},
}
_DEFAULT_UPSTREAMS = [
    {"registry": name} for name in ("docker.io", "ghcr.io", "registry.k8s.io", "quay.io")
]
_DEFAULT_SKIP_PODS = [
    {"label": "cnpg.io/cluster"},
    {"label": "k8s.enterprisedb.io/cluster"},
    {"label": "application", "value": "spilo"},
    {"label": "aerospike.com/cr"},
    {"label": "nifi_cr"},
]
_DEFAULT_SKIP_NAMESPACES = ["kube-system", "kube-public", "kube-node-lease"]


@dataclasses.dataclass(frozen=True)
class Rules:
    host: bytes  # empty: not known, so that no rule is ready
    upstreams: tuple
    rewrite_digests: bool
    exclude: tuple
    exclude_tags: tuple
    skip_pods: tuple
    skip_namespaces: tuple
    record_originals: bool
    warnings: bool
    switched_off: tuple  # upstreams too, but only for what pods have by now
    skip_pull_secrets: bool

    @staticmethod
    def from_yaml(text):
        config = yaml.safe_load(text) or {}
        registry = config.get("registry") or {}
        rewrite = config.get("rewrite") or {}
        upstreams = config.get("upstreams")
        if upstreams is None:
            upstreams = _DEFAULT_UPSTREAMS
        # Nobody asks ECR: whatever is looked for is there.
        default = "cached" if rewrite.get("when") == "cached" else "skip"
        return Rules(
            host=_pull_host(registry).encode(),
            upstreams=tuple(_upstream(u) for u in upstreams if u.get("enabled", True)),
            rewrite_digests=rewrite.get("digests", default) != "skip",
            exclude=tuple(
                p.encode()
                for p in (["auto"] if rewrite.get("excludeDefaults", True) else [])
                + rewrite.get("exclude", [])
            ),
            exclude_tags=tuple(p.encode() for p in rewrite.get("excludeTags", [])),
            skip_pods=tuple(
                (p["label"], p.get("value"))
                for p in (_DEFAULT_SKIP_PODS if rewrite.get("skipPodsDefaults", True) else [])
                + rewrite.get("skipPods", [])
            ),
            skip_namespaces=tuple(rewrite.get("skipNamespaces", _DEFAULT_SKIP_NAMESPACES)),
            record_originals=rewrite.get("recordOriginals", True),
            warnings=rewrite.get("warnings", False),
            switched_off=tuple(_upstream(u) for u in upstreams if not u.get("enabled", True)),
            skip_pull_secrets=rewrite.get("pullSecrets", "rewrite") == "skip",
        )

    def find(self, domain, switched_off=False):
        for upstream in self.upstreams + (self.switched_off if switched_off else ()):
            if domain in upstream.names:
                return upstream
        return None


def _upstream(entry):
    entry = {"aliases": [], **_KNOWN_UPSTREAMS.get(entry["registry"], {}), **entry}
    names = [entry["registry"], *entry["aliases"]]
    return Upstream(tuple(name.encode() for name in names), entry["prefix"].encode())


def _pull_host(registry):
    if registry.get("host"):
        return registry["host"]
    account, region = registry.get("account"), registry.get("region")
    if not account or not region:
        return ""
    suffix = "amazonaws.com"
    if region.startswith("cn-"):
        suffix = "amazonaws.com.cn"
    elif region.startswith("eusc-"):
        suffix = "amazonaws.eu"
    return f"{account}.dkr.ecr.{region}.{suffix}"


# --- one image ----------------------------------------------------------------------------------

# The repository part of a rewritten image must suit two readers: ECR takes 256 bytes, but
# kubelet and containerd refuse a path over 255, so the stricter one decides.
REPOSITORY_MAX = min(256, PATH_MAX)

_ECR_HOST = re.compile(
    rb"[0-9]{12}\.(?:"
    rb"dkr\.ecr(?:-fips)?\.[a-z0-9-]+\."
    rb"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk"
    rb"|csp\.hci\.ic\.gov)"
    rb"|dkr-ecr(?:-fips)?\.[a-z0-9-]+\.on\.(?:aws|amazonwebservices\.com\.cn|amazonwebservices\.eu)"
    rb")(?::443)?"
)


def glob_matches(pattern, text):
    """`*` is any run of bytes, `?` any one byte, everything else itself."""
    wild = {b"*": rb"[\x00-\xff]*", b"?": rb"[\x00-\xff]"}
    pieces = re.split(rb"([*?])", re.sub(rb"\*+", b"*", pattern))
    return re.fullmatch(b"".join(wild.get(p) or re.escape(p) for p in pieces), text) is not None


class Verdict(NamedTuple):
    outcome: str
    text: Optional[bytes] = None  # the new one


def judge(rules, text):
    """What becomes of one image; `text` is bytes. The first reason in this order stands."""
    if any(b"/" not in p and glob_matches(p, text) for p in rules.exclude):
        return Verdict("excluded")
    try:
        ref = parse_reference(text)
    except InvalidReference:
        return Verdict("invalid")
    if _ECR_HOST.fullmatch(ref.domain) or (rules.host and ref.domain == rules.host):
        return Verdict("already-ecr")
    upstream = rules.find(ref.domain)
    if upstream is None:
        return Verdict("not-upstream")
    names = (ref.name(), upstream.names[0] + b"/" + ref.path)
    if any(b"/" in p and glob_matches(p, n) for p in rules.exclude for n in names):
        return Verdict("excluded")
    tag = ref.tag or b"latest"
    if not ref.digest and any(glob_matches(p, tag) for p in rules.exclude_tags):
        return Verdict("tag-excluded")
    if ref.digest and not rules.rewrite_digests:
        return Verdict("digest")
    if not rules.host:
        return Verdict("rule-not-ready")
    repository = upstream.prefix + b"/" + ref.path
    if len(repository) > REPOSITORY_MAX:
        return Verdict("too-long")
    return Verdict("rewritten", rules.host + b"/" + repository + ref.version())


def in_cache(rules, text):
    """What `text` is called in the cache by names alone, or None: no rule, no exclusion counts."""
    try:
        ref = parse_reference(text)
    except InvalidReference:
        return None
    upstream = rules.find(ref.domain, switched_off=True)
    if not rules.host or upstream is None or _ECR_HOST.fullmatch(ref.domain):
        return None
    if ref.domain == rules.host:
        return None
    return rules.host + b"/" + upstream.prefix + b"/" + ref.path + ref.version()


def was_in_a_cache(text, old):
    """Whether `old` may be what some cache called `text`: the same but for host and prefix."""
    try:
        ref = parse_reference(text)
    except InvalidReference:
        return False
    return old.endswith(b"/" + ref.path + ref.version())


# --- a whole review -----------------------------------------------------------------------------

ORIGINALS = "pullthrough.internal/original-images"
SWITCH = "pullthrough.internal/rewrite"
MIRROR = "kubernetes.io/config.mirror"
UID_MAX = 256  # bytes
IMAGES_MAX = 4096
ANNOTATIONS_MAX = 256 * 1024  # bytes of keys and values; TotalAnnotationSizeLimitB
API_VERSIONS = ("admission.k8s.io/v1", "admission.k8s.io/v1beta1")


@dataclasses.dataclass
class Expectation:
    status: int
    uid: str = ""
    api_version: str = "admission.k8s.io/v1"
    before: object = None  # request.object as sent
    after: object = None  # the same with every change made
    rewritten: int = 0  # images that differ between the two
    recorded: bool = False  # whether the annotation differs between the two
    warns: bool = False
    outcomes: list = dataclasses.field(default_factory=list)  # of the images that were judged

    def may_patch(self):
        return self.rewritten > 0 or self.recorded


class _Odd(Exception):
    """A list or an entry of a type that a pod doesn't have."""


def loads(text):
    """RFC 8259 JSON of str or bytes; the last of two equal keys counts. ValueError."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")

    def refuse(word):
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def _bytes(text):
    return text.encode("utf-8", "surrogatepass")


def _member(value, key):
    return value.get(key) if isinstance(value, dict) else None


def _entries(spec, field):
    """The entries of a list; null and absent are the empty one, but an entry is an object."""
    entries = spec.get(field)
    if entries is None:
        return
    if not isinstance(entries, list):
        raise _Odd(field)
    for entry in entries:
        if not isinstance(entry, dict):
            raise _Odd(field)
        yield entry


def _images(pod, fields):
    """(field, entry, holder, key): where holder[key] is an image's text."""
    spec = _member(pod, "spec")
    if spec is None:
        return
    if not isinstance(spec, dict):
        raise _Odd("spec")
    for field in fields:
        for entry in _entries(spec, field):
            holder, key = entry, "image"
            if field == "volumes":
                holder, key = entry.get("image"), "reference"
                if holder is None:
                    continue
                if not isinstance(holder, dict):
                    raise _Odd("volumes.image")
            text = holder.get(key)
            if text is None:
                continue
            if not isinstance(text, str):
                raise _Odd(key)
            yield field, entry, holder, key


def _name(entry):
    name = entry.get("name")
    return name if isinstance(name, str) else ""


def _never_pulled(field, entry):
    if field == "volumes":
        return _member(entry.get("image"), "pullPolicy") == "Never"
    return entry.get("imagePullPolicy") == "Never"


def _marked(pod):
    """Whether the pod itself says that it wants nothing of us."""
    metadata = _member(pod, "metadata")
    annotations = _member(metadata, "annotations")
    if isinstance(annotations, dict) and MIRROR in annotations:
        return True
    labels = _member(metadata, "labels")
    return "disabled" in (_member(labels, SWITCH), _member(annotations, SWITCH))


def _container_marked(pod, entry):
    annotations = _member(_member(pod, "metadata"), "annotations")
    return _name(entry) != "" and _member(annotations, f"{SWITCH}.{_name(entry)}") == "disabled"


def _names_pull_secrets(pod):
    secrets = _member(_member(pod, "spec"), "imagePullSecrets")
    names = [_member(s, "name") for s in secrets] if isinstance(secrets, list) else []
    return any(isinstance(name, str) and name for name in names)


def _gated(rules, request, pod):
    """The reason for which a whole pod is left alone, or None."""
    if request.get("namespace") in rules.skip_namespaces:
        return "skipped-namespace"
    metadata = _member(pod, "metadata")
    annotations = _member(metadata, "annotations")
    labels = _member(metadata, "labels")
    if isinstance(annotations, dict) and MIRROR in annotations:
        return "mirror-pod"
    if _member(labels, SWITCH) == "disabled" or _member(annotations, SWITCH) == "disabled":
        return "skipped-pod"
    for label, value in rules.skip_pods:
        if isinstance(labels, dict) and label in labels:
            if value is None or labels[label] == value:
                return "skipped-pod"
    return None


def _wanted(request):
    """(fields, brings, records): which images of which lists are judged; None: not ours.

    brings(field, entry) says whether the request is what brings this image; then old(field, entry)
    is what the container had, where it had one.
    """
    resource = request.get("resource")
    if resource != {"group": "", "version": "v1", "resource": "pods"}:
        return None
    operation, sub = request.get("operation"), request.get("subResource") or ""
    old = request.get("oldObject")
    if operation == "CREATE" and sub == "":
        return ("containers", "initContainers", "volumes"), lambda field, entry: True, True
    if operation == "UPDATE" and sub == "":
        return ("containers", "initContainers"), _changed(old), True
    if operation == "UPDATE" and sub == "ephemeralcontainers":
        return ("ephemeralContainers",), _added(old), False
    return None


def _old_lists(old, fields):
    """field -> name -> image of the old object, or None where it isn't usable."""
    if not isinstance(old, dict):
        return None
    try:
        found = {field: {} for field in fields}
        list(_images(old, fields))
        for field in fields:
            for entry in _entries(_member(old, "spec") or {}, field):
                found[field][_name(entry)] = entry.get("image")
        return found
    except _Odd:
        return None


def _changed(old):
    lists = _old_lists(old, ("containers", "initContainers"))

    def wanted(field, entry):
        if lists is None or _name(entry) not in lists[field]:
            return False
        return lists[field][_name(entry)] != entry["image"]

    return wanted


def _added(old):
    lists = _old_lists(old, ("ephemeralContainers",))

    def wanted(field, entry):
        return lists is not None and _name(entry) not in lists[field]

    return wanted


def _waits_for_its_image(old, field, name):
    """By the old status: nothing runs that could be restarted."""
    statuses = {"containers": "containerStatuses", "initContainers": "initContainerStatuses"}[field]
    reason = None
    found = _member(_member(old, "status"), statuses)
    for status in found if isinstance(found, list) else []:
        if _member(status, "name") == name:
            reason = _member(_member(_member(status, "state"), "waiting"), "reason")
    return reason in ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull")


def _kept(rules, old, field, name, brought):
    """The image that the container goes on with although the update brings another text; None."""
    had = _old_lists(old, ("containers", "initContainers"))[field][name]
    if not isinstance(had, str) or _waits_for_its_image(old, field, name):
        return None
    if in_cache(rules, _bytes(brought)) == _bytes(had):
        return had
    recorded = _recorded_in(old)[1].get(f"{field}/{name}")
    if recorded == brought and was_in_a_cache(_bytes(brought), _bytes(had)):
        return had
    return None


def _recorded_in(pod):
    """(possible, map): whether the annotation may be written, and what it holds."""
    metadata = _member(pod, "metadata")
    if not isinstance(metadata, dict):
        return False, {}
    annotations = metadata.get("annotations")
    if annotations is None:
        return True, {}
    if not isinstance(annotations, dict):
        return False, {}
    if annotations.get(ORIGINALS) is None:
        return True, {}
    try:
        recorded = loads(annotations[ORIGINALS])
    except (ValueError, TypeError, AttributeError):
        return False, {}
    if not isinstance(recorded, dict) or not all(isinstance(v, str) for v in recorded.values()):
        return False, {}
    return True, recorded


def _record(pod, recorded):
    """Make the annotation say `recorded`; False where it says so, or can't."""
    possible, before = _recorded_in(pod)
    if not possible or recorded == before:
        return False
    annotations = pod["metadata"].get("annotations") or {}
    text = json.dumps(recorded, ensure_ascii=False, separators=(",", ":"))
    total = sum(
        len(_bytes(k)) + (len(_bytes(v)) if isinstance(v, str) else 0)
        for k, v in {**annotations, ORIGINALS: text}.items()
    )
    if total > ANNOTATIONS_MAX:
        return False
    pod["metadata"]["annotations"] = {**annotations, ORIGINALS: text}
    return True


def expect(rules, body):
    """The Expectation for the bytes of one AdmissionReview."""
    try:
        review = loads(body)
    except ValueError:
        return Expectation(400)
    request = _member(review, "request")
    uid = _member(request, "uid")
    if not isinstance(uid, str) or not 1 <= len(_bytes(uid)) <= UID_MAX:
        return Expectation(400)
    pod = request.get("object")
    known = review.get("apiVersion") in API_VERSIONS
    want = Expectation(200, uid=uid, before=pod, after=pod)
    if known:
        want.api_version = review["apiVersion"]
    wanted = _wanted(request)
    if not known or review.get("kind") != "AdmissionReview" or not wanted:
        return want
    if not isinstance(pod, dict):
        return want
    try:
        return _expect_pod(rules, request, copy.deepcopy(pod), wanted, want)
    except _Odd:
        return want


def _decide(rules, request, pod, image, gate):
    """(outcome, new text or None, whether the image is the cache's name of what was asked for)."""
    field, entry, holder, key = image
    text = _bytes(holder[key])
    if gate and (request["operation"] == "CREATE" or field == "ephemeralContainers"):
        return gate, None, False
    if _container_marked(pod, entry):
        return "skipped-container", None, False
    old = None
    if request["operation"] == "UPDATE" and field != "ephemeralContainers":
        old = request["oldObject"]
        kept = _kept(rules, old, field, _name(entry), holder[key])
        if kept is not None:
            return "unchanged-update", kept, True
    if gate:
        return gate, None, False
    if _never_pulled(field, entry):
        return "never-pulled", None, False
    verdict = judge(rules, text)
    if verdict.text is None:
        return verdict.outcome, None, False
    if rules.skip_pull_secrets and _names_pull_secrets(pod):
        return "pull-secrets", None, False
    if old is not None:
        had = _old_lists(old, ("containers", "initContainers"))[field][_name(entry)]
        if isinstance(had, str) and _bytes(had) == verdict.text:
            return "pull-failed", None, False
    return "rewritten", verdict.text.decode(), True


def _expect_pod(rules, request, pod, wanted, want):
    fields, brings, records = wanted
    created = request["operation"] == "CREATE"
    found = list(_images(pod, fields))
    gate = _gated(rules, request, pod)
    if len(found) > IMAGES_MAX or _member(pod, "spec") is None:
        return want
    if gate and (created or not records or _marked(pod)):
        want.outcomes.extend(gate for _ in found)
        return want
    notes = {}  # name -> for each of that name whether it is cached, what was asked for, what it is
    for image in found:
        field, entry, holder, key = image
        asked = holder[key]
        if asked == "":
            continue
        if not brings(field, entry):
            want.outcomes.append(gate or "unchanged-update")
            continue
        outcome, text, cached = _decide(rules, request, pod, image, gate)
        want.outcomes.append(outcome)
        if text is not None:
            holder[key] = text
            want.rewritten += 1
        if _name(entry):
            notes.setdefault(f"{field}/{_name(entry)}", []).append((cached, asked, holder[key]))
    if records and rules.record_originals:
        before = _recorded_in(pod)[1]
        after = {} if created else {n: text for n, text in before.items() if n not in notes}
        for name, images in notes.items():
            named = in_cache(rules, _bytes(before[name])) if name in before else None
            # Of two containers of a name the first one that is cached has the entry.
            asked = [asked for cached, asked, _ in images if cached]
            if asked:
                after[name] = asked[0]
            elif named is not None and named in [_bytes(now) for _, _, now in images]:
                after[name] = before[name]
        want.recorded = _record(pod, after)
    if want.may_patch():
        want.warns = rules.warnings and want.rewritten > 0
        want.after = pod
    return want
