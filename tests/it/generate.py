"""Reviews and references by the thousand: seeded, odd in every way that the specification covers.

The same seed and number always give the same case. Oddities for which no rule is written down
(two containers of one name in an update, say) are not made here.
"""

import json
import os
import random
import uuid

SEED = os.environ.get("PULLTHROUGH_SEED", "2026")
CASES = int(os.environ.get("PULLTHROUGH_CASES", "300"))

CONFIGS = {
    "defaults": """
registry: {account: "111122223333", region: us-west-2}
""",
    "everything": """
registry: {account: "111122223333", region: cn-north-1}
rewrite:
  when: cached
  excludeTags: ["1*", latest, "?"]
  exclude: ["auto*", "quay.io/*/x", "docker.io/library/redis", "?edis", "*/b/*"]
  skipPods: [{label: team, value: blue}, {label: "example.com/own"}]
  skipNamespaces: [infra]
  pullSecrets: skip
  warnings: true
""",
    "silent": """
registry: {host: "cache.example.com:5000"}
upstreams:
  - {registry: docker.io, prefix: hub, secret: ecr-pullthroughcache/hub}
  - {registry: public.ecr.aws, url: public.ecr.aws, prefix: public/ecr}
  - {registry: quay.io, aliases: [quay.example.com], prefix: q2, enabled: false}
  - {registry: registry.k8s.io, aliases: [k8s.gcr.io, gcr.io], prefix: k8s}
rewrite: {recordOriginals: false, digests: skip, excludeDefaults: false}
""",
    "no-host": """
rewrite: {warnings: true}
""",
}

DOMAINS = [
    "", "", "", "", "docker.io/", "docker.io/", "index.docker.io/", "registry-1.docker.io/",
    "registry.hub.docker.com/", "ghcr.io/", "ghcr.io/", "quay.io/", "quay.io/", "registry.k8s.io/",
    "k8s.gcr.io/", "gcr.io/", "public.ecr.aws/", "quay.example.com/", "localhost/",
    "localhost:5000/", "docker.io:443/", "DOCKER.IO/", "Docker/", "ghcr.io./", "[::1]:5000/",
    "[2001:db8::1]/", "1.2.3.4/", "a_b.c/", "cache.example.com:5000/", "cache.example.com/",
    "111122223333.dkr.ecr.us-west-2.amazonaws.com/",
    "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/",
    "999999999999.dkr.ecr.eu-west-1.amazonaws.com/", "999999999999.dkr-ecr.eu-west-1.on.aws/",
    "999999999999.dkr.ecr-fips.us-east-1.amazonaws.com/",
]
PATHS = [
    "nginx", "redis", "auto", "x", "0", "8080", "library/nginx", "library/redis", "library",
    "org/app", "org/team/x", "a/b/c/d/e", "a__b/c-d", "a---b", "docker.io/nginx",
    "ghcr.io/org/app", "a.b.c", "Nginx", "org/App", "a..b", "_a", "a/", "/a", "", "a//b",
    "docker.io", "localhost", "sha256",
]
TAGS = [
    "",
    "",
    "",
    ":latest",
    ":1.27",
    ":v1.0.0-rc.1_x",
    ":_",
    ":A",
    ":5000",
    ":",
    ":-a",
    ":a b",
    ":" + "t" * 128,
    ":" + "t" * 129,
]
HEX = "0123456789abcdef"
DIGESTS = [
    *[""] * 8, "@sha256:" + HEX * 4, "@sha256:" + HEX * 4, "@sha512:" + HEX * 8,
    "@sha384:" + HEX * 6, "@sha256:" + "F" * 64, "@sha256:" + HEX * 3, "@sha1:" + HEX * 4, "@",
    "@sha256", "@SHA256:" + HEX * 4,
]
ODD_TEXTS = [
    "", " ", "\u0000", "nginx\u0000", "nginx\n", "{{ .Values.image }}", "$(IMAGE)",
    "https://ghcr.io/a/b", "caf\u00e9", "\U0001f600/nginx", "nginx\u2028", '"', "\\", "<&>",
    "f" * 64, "f" * 63, "a" * 235, "a" * 247, "ghcr.io/" + "a" * 245, "ghcr.io/" + "a" * 255,
    "docker.io/library/" + "b" * 236, "a/" * 127 + "b", "x" * 20000, "a." * 5000, "-" * 5000,
    "a:" * 3000,
]
NAMES = [
    "web", "app", "side-car", "init", "x", "", "a/b", "~", "~1", "caf\u00e9", '"q"', "nul\u0000",
    "\\", "\n", "\U0001f600", "n" * 300,
]
ORIGINALS = "pullthrough.internal/original-images"
NOTES = [
    "{}",
    '{"containers/web":"older"}',
    '{ "containers/web" : "older",\n"initContainers/x":"y" }',
    '{"volumes/web":"\\u00e9"}',
    "",
    "x",
    "[]",
    "null",
    '"x"',
    "{",
    '{"a":1}',
    '{"a":null}',
    '{"a":{}}',
    "{}{}",
]

US = "111122223333.dkr.ecr.us-west-2.amazonaws.com"
CN = "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn"
# What an update brings, and what a pod has that once asked for it: by the configurations above, or
# by none of them any more.
PAIRS = [
    (text, f"{host}/{path}")
    for host in (US, CN, "cache.example.com:5000", "999999999999.dkr.ecr.eu-west-1.amazonaws.com")
    for text, path in (
        ("nginx:1.27", "dockercache/library/nginx:1.27"),
        ("docker.io/library/nginx:1.27", "dockercache/library/nginx:1.27"),
        ("redis", "hub/library/redis"),
        ("quay.io/o/x", "quaycache/o/x"),
        ("quay.io/o/x", "q2/o/x"),
        ("registry.k8s.io/pause@sha256:" + HEX * 4, "k8scache/pause@sha256:" + HEX * 4),
        ("k8s.gcr.io/pause:3.10", "k8s/pause:3.10"),
    )
]
WAITS = ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "CrashLoopBackOff", "", None, 5]


def generator(kind, number):
    return random.Random(f"{SEED}/{kind}/{number}")


def config(rng):
    """A name of CONFIGS."""
    return rng.choice(["defaults"] * 4 + ["everything"] * 2 + ["silent"] * 2 + ["no-host"])


def mutate(rng, text):
    """A few bytes (or characters) of `text` cut, doubled, replaced or swapped."""
    noise = "azAZ09._-:/@[]% \t\u00e9"
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(text))
        piece = rng.choice(noise)
        text = rng.choice(
            [
                text[:at] + text[at + 1 :], text[:at] + piece + text[at:],
                text[:at] + piece + text[at + 1 :],
                text[:at] + text[max(0, at - 2) : at] + text[at:], text[at:] + text[:at],
            ]
        )
    return text


def image(rng):
    text = rng.choice(DOMAINS) + rng.choice(PATHS) + rng.choice(TAGS) + rng.choice(DIGESTS)
    roll = rng.random()
    if roll < 0.1:
        return mutate(rng, text)
    if roll < 0.2:
        return rng.choice(ODD_TEXTS)
    if roll < 0.6:
        return rng.choice(
            [
                "nginx:1.27", "ghcr.io/org/app:1", "quay.io/o/x", "registry.k8s.io/pause:3.10",
                "redis",
            ]
        )
    return text


class _PodMaker:
    def __init__(self, rng):
        self.rng = rng
        self.odd = rng.random() < 0.06  # one wrong type somewhere

    def entry(self, field):
        rng, entry = self.rng, {}
        if rng.random() < 0.93:
            entry["name"] = rng.choice(NAMES) if rng.random() < 0.5 else f"c{rng.randint(0, 9)}"
        if rng.random() < 0.02:
            entry["name"] = rng.choice([None, 5, 55555, ["web"], {"a": "b"}, True])
        value = image(rng)
        if rng.random() < 0.04:
            value = None
        holder = entry
        if field == "volumes":
            holder = {}
            entry["image"] = holder
            if rng.random() < 0.3:
                entry.pop("image")
                entry["rbd"] = {"image": "nginx:1.27"}
            elif rng.random() < 0.05:
                entry["image"] = None
        if rng.random() < 0.15:
            policy = rng.choice(["Never", "Never", "Always", "IfNotPresent", "", None, 5, ["x"]])
            holder["pullPolicy" if field == "volumes" else "imagePullPolicy"] = policy
        if rng.random() < 0.95:
            holder["reference" if field == "volumes" else "image"] = value
        if rng.random() < 0.3:
            entry["env"] = [{"name": "image", "value": "nginx:1.27"}]
        items = list(entry.items())
        rng.shuffle(items)
        return dict(items)

    def entries(self, field):
        rng = self.rng
        count = rng.choice([0, 1, 1, 2, 3, 5]) if rng.random() < 0.97 else 40
        return [self.entry(field) for _ in range(count)]

    def spoil(self, spec):
        """Put one wrong type where a pod has a list, an entry or an image."""
        rng = self.rng
        field = rng.choice(["containers", "initContainers", "volumes"])
        wrong = rng.choice([0, 7, 7777777777, True, False, "nginx", ["x"], {"a": "b"}])
        entries = spec.get(field)
        if not entries or rng.random() < 0.2:
            spec[field] = {"a": "b"} if isinstance(wrong, list) else wrong
            return
        at = rng.randrange(len(entries))
        if rng.random() < 0.3:
            entries[at] = rng.choice([["x"] if isinstance(wrong, dict) else wrong, None])
        elif field == "volumes" and rng.random() < 0.5:
            entries[at]["image"] = ["x"] if isinstance(wrong, dict) else wrong
        elif field == "volumes":
            entries[at]["image"] = {"reference": 5 if isinstance(wrong, str) else wrong}
        else:
            entries[at]["image"] = 5 if isinstance(wrong, str) else wrong

    def metadata(self):
        rng = self.rng
        metadata = {"generateName": "web-", "namespace": "demo", "creationTimestamp": None}
        if rng.random() < 0.5:
            labels = {"app": "web", "n": rng.choice(["1", "", "\u00e9"])}
            labels.update(
                rng.choice(
                    [
                        *[{}] * 12,
                        {"cnpg.io/cluster": "db"},
                        {"application": "spilo"},
                        {"application": "web"},
                        {"team": "blue"},
                        {"team": "red"},
                        {"example.com/own": ""},
                        {"pullthrough.internal/rewrite": "disabled"},
                        {"pullthrough.internal/rewrite": "enabled"},
                        {"pullthrough.internal/rewrite": ""},
                    ]
                )
            )
            metadata["labels"] = rng.choice([labels] * 9 + [None])
        if rng.random() < 0.6:
            metadata["annotations"] = self.annotations()
        return rng.choice([metadata] * 40 + [None, "text", []])

    def annotations(self):
        rng = self.rng
        notes = {}
        for _ in range(rng.choice([0, 1, 3])):
            notes[rng.choice(["a", "example.com/b", "caf\u00e9", "~/", "image"])] = rng.choice(
                ["", "x", "{}", "\u0000\n\U0001f600"]
            )
        if rng.random() < 0.35:
            notes[ORIGINALS] = rng.choice(NOTES)
        if rng.random() < 0.05:
            notes["huge"] = "h" * rng.choice([100000, 261900, 262100, 262144, 300000])
        notes.update(
            rng.choice(
                [
                    *[{}] * 25,
                    {"kubernetes.io/config.mirror": "x"},
                    {"pullthrough.internal/rewrite": "disabled"},
                    {"pullthrough.internal/rewrite": "enabled"},
                    *[{f"pullthrough.internal/rewrite.c{i}": "disabled" for i in range(7)}] * 3,
                    {f"pullthrough.internal/rewrite.{name}": "disabled" for name in NAMES},
                    {"pullthrough.internal/rewrite.c1": "enabled"},
                    {"pullthrough.internal/rewrite.": "disabled"},
                ]
            )
        )
        items = list(notes.items())
        rng.shuffle(items)
        return rng.choice([dict(items)] * 15 + [None, ["x"], "x"])

    def pod(self):
        rng, spec = self.rng, {"dnsPolicy": "ClusterFirst"}
        for field in ("volumes", "initContainers", "containers"):
            roll = rng.random()
            if roll < 0.85:
                spec[field] = self.entries(field)
            elif roll < 0.93:
                spec[field] = None
        if rng.random() < 0.2:
            secrets = rng.choice([[{"name": "r"}], [{}, {"name": ""}], [], None, "x"])
            spec["imagePullSecrets"] = secrets
        if self.odd:
            self.spoil(spec)
        pod = {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": self.metadata(),
            "spec": spec,
            "status": {},
        }
        if rng.random() < 0.03:
            pod.pop("metadata")
        if rng.random() < 0.03:
            pod["spec"] = rng.choice([None, "x", [], 5])
        return pod


def _named(rng, count):
    """Entries with names of their own and an image, as an update has them."""
    names = rng.sample([n for n in NAMES if n] + [f"c{i}" for i in range(10)], count)
    return [{"name": name, "image": image(rng)} for name in names]


def _came_from(rng, entry, before, notes):
    """Make `entry` and its image from before a pair: the pod may have asked for it then."""
    entry["image"], before["image"] = rng.choice(rng.choice([PAIRS, PAIRS[:1]]))
    return rng.choice([{}, {notes: entry["image"]}, {notes: entry["image"]}, {notes: "nginx"}])


def _update(rng):
    new = {"metadata": _PodMaker(rng).metadata(), "spec": {}}
    old = {"metadata": {}, "spec": {}, "status": {}}
    notes = {}
    for field in ("containers", "initContainers"):
        entries = _named(rng, rng.randint(0, 5))
        before = [dict(e) for e in entries]
        for entry, had in zip(entries, before):
            if rng.random() < 0.5:
                had["image"] = image(rng)
            elif rng.random() < 0.6:
                notes.update(_came_from(rng, entry, had, f"{field}/{entry['name']}"))
            if rng.random() < 0.1:
                entry["imagePullPolicy"] = "Never"
        statuses = [
            {"name": e["name"], "state": {"waiting": {"reason": rng.choice(WAITS)}}}
            for e in entries
            if rng.random() < 0.5
        ]
        key = "containerStatuses" if field == "containers" else "initContainerStatuses"
        old["status"][key] = rng.choice([statuses] * 9 + [None])
        before = [e for e in before if rng.random() < 0.9]
        rng.shuffle(before)
        new["spec"][field], old["spec"][field] = entries, rng.choice([before] * 8 + [None])
    if rng.random() < 0.7:
        old["metadata"]["annotations"] = {ORIGINALS: json.dumps(notes)}
    metadata = new["metadata"]
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if isinstance(annotations, dict) and rng.random() < 0.6:
        annotations[ORIGINALS] = json.dumps(notes)
    if rng.random() < 0.2:
        new["spec"]["imagePullSecrets"] = [{"name": "r"}]
    new["spec"]["volumes"] = [{"name": "v", "image": {"reference": image(rng)}}]
    old["spec"]["volumes"] = [{"name": "v", "image": {"reference": image(rng)}}]
    return new, rng.choice([old] * 12 + [None, "x", []])


def _ephemeral(rng):
    new = {"metadata": _PodMaker(rng).metadata(), "spec": {"containers": _named(rng, 2)}}
    entries = _named(rng, rng.randint(0, 6))
    before = [dict(e) for e in entries if rng.random() < 0.5]
    for entry in before:
        if rng.random() < 0.2:
            entry["image"] = image(rng)
    new["spec"]["ephemeralContainers"] = rng.choice([entries] * 12 + [None])
    old = {"metadata": {}, "spec": {"ephemeralContainers": rng.choice([before] * 8 + [None])}}
    return new, rng.choice([old] * 12 + [None, 5])


def pod(rng):
    """As it is created."""
    return _PodMaker(rng).pod()


def review(rng):
    """An AdmissionReview as a dictionary."""
    roll = rng.random()
    sub = None
    if roll < 0.6:
        operation, pod, old = "CREATE", _PodMaker(rng).pod(), None
    elif roll < 0.82:
        operation, (pod, old) = "UPDATE", _update(rng)
    elif roll < 0.94:
        operation, sub, (pod, old) = "UPDATE", "ephemeralcontainers", _ephemeral(rng)
    else:
        operation = rng.choice(["DELETE", "CONNECT", "UPDATE", "", "create"])
        sub = rng.choice(["status", "resize", "eviction", ""])
        pod, old = rng.choice([_PodMaker(rng).pod(), None]), None
    request = {
        "uid": str(uuid.UUID(int=rng.getrandbits(128))),
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": rng.choice(["demo"] * 12 + ["kube-system", "infra"]),
        "operation": operation,
        "object": pod,
        "oldObject": old,
        "dryRun": rng.random() < 0.1,
        "options": None,
    }
    if sub is not None:
        request["subResource"] = sub
    if rng.random() < 0.04:
        request["uid"] = rng.choice(
            ["u", '\u00e9"\\\n', "\u0000", "u" * 256, "", None, 5, "u" * 257]
        )
    api = rng.choice(["admission.k8s.io/v1"] * 12 + ["admission.k8s.io/v1beta1"] * 2 + ["v1"])
    kind = rng.choice(["AdmissionReview"] * 30 + ["Pod", None])
    items = list(request.items())
    if rng.random() < 0.5:
        rng.shuffle(items)
    return {"kind": kind, "apiVersion": api, "request": dict(items)}


def encode(rng, value):
    """JSON text in one of many spellings: spaces, escapes, and keys given before, wrongly."""
    loose = rng.random() < 0.3  # spaces
    escape = rng.choice(["go", "ascii", "raw"])
    decoys = 0.02 if rng.random() < 0.3 else 0.0

    def text(string):
        out = json.dumps(string, ensure_ascii=escape == "ascii")
        if escape == "go":
            for char in "<>&\u2028\u2029":
                out = out.replace(char, f"\\u{ord(char):04x}")
        return out

    def gap():
        return rng.choice(["", " ", "\n", "\t "]) if loose else ""

    def write(node):
        if isinstance(node, str):
            return text(node)
        if isinstance(node, list):
            return "[" + gap() + ("," + gap()).join(write(n) for n in node) + gap() + "]"
        if isinstance(node, dict):
            pairs = []
            for key, member in node.items():
                if rng.random() < decoys:
                    wrong = rng.choice([None, 5, "redis:7", [], {"name": "x", "image": "redis:7"}])
                    pairs.append(text(key) + ":" + json.dumps(wrong))
                pairs.append(text(key) + gap() + ":" + gap() + write(member))
            return "{" + gap() + ("," + gap()).join(pairs) + gap() + "}"
        return json.dumps(node)

    return (write(value) + rng.choice(["", "\n"])).encode("utf-8")


def damage(rng, body):
    """The same bytes with some of them spoilt: hardly ever still JSON, never trusted."""
    body = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(body))
        kind = rng.randrange(4)
        if kind == 0:
            body[at] = rng.randrange(256)
        elif kind == 1:
            del body[at : at + rng.choice([1, 1, 2, 50])]
        elif kind == 2:
            body[at:at] = rng.choice(
                [b"\x00", b"\xff", b'"', b"{", b"[[[[", b",", b"\\ud800", b"null", b"1e999"]
            )
        else:
            body[at:at] = body[max(0, at - rng.choice([1, 20])) : at]
        if not body:
            break
    return bytes(body)
