"""The page that the status port shows to people: what is in it, and what a browser makes of it.

The browser's tests need chromium, and leave their pictures in build/dev/page (or the build's)."""

import html.parser
import json
import re

import pytest

from documents import section
from http_peer import wait_for
from kube_fake import KubeFake
from service import HOST, review
from standin import DEFAULTS, OPERATOR, REGION

PAGE_MAX = 8 * 1024
UNREACHABLE = f'failed to do request: Head "https://{HOST}": dial tcp 10.0.0.9:443: i/o timeout'
VOID = {"meta", "br"}
KNOWN = {
    "html": {"lang"}, "head": set(), "meta": {"charset", "name", "content"}, "title": set(),
    "style": set(), "body": set(), "header": set(), "main": set(), "footer": set(), "p": {"class"},
    "h1": {"class"}, "h2": set(), "b": set(), "br": set(), "small": set(), "code": set(),
    "span": {"class"}, "i": set(), "a": {"href"}, "table": {"class"}, "thead": set(), "tbody": set(), "tr": set(),
    "th": {"scope", "class"}, "td": {"class", "colspan"}, "dl": {"class"}, "div": set(),
    "dt": set(), "dd": set(), "ul": set(), "li": {"class"},
}  # fmt: skip
INSIDE = {"tr": {"table", "thead", "tbody"}, "td": {"tr"}, "th": {"tr"}, "li": {"ul"},
          "dt": {"div"}, "dd": {"div"}, "div": {"dl"}, "small": {"th", "td", "li"}}  # fmt: skip


class Tree(html.parser.HTMLParser):
    """HTML that is closed as it is opened, and made of what KNOWN has; else an AssertionError."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.open, self.tags, self.words, self.links = [], [], [], []
        assert text.startswith("<!doctype html><html lang=en>")
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert tag in KNOWN, f"<{tag}>"
        assert set(names) <= KNOWN[tag] and len(names) == len(set(names)), (tag, attrs)
        if tag in INSIDE:
            assert self.open[-1] in INSIDE[tag], f"<{tag}> inside of {self.open}"
        self.links += [value for name, value in attrs if name == "href"]
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> in {self.open}"
        if tag in INSIDE or tag[0] in "hpt":
            self.words.append(" ")

    def handle_data(self, data):
        if "style" in self.open:
            assert "url(" not in data and "@import" not in data
            return
        assert not re.search(r"[<>\"'&]", data) or "'" in data and not re.search(r"[<>\"&]", data)
        self.words.append(data)

    def handle_entityref(self, name):
        assert name in ("amp", "lt", "gt", "quot"), name
        self.words.append({"amp": "&", "lt": "<", "gt": ">", "quot": '"'}[name])

    def handle_charref(self, name):
        assert name == "39", name
        self.words.append("'")

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def text(self):
        return " ".join("".join(self.words).split())


@pytest.fixture(name="kube")
def _kube(certs, tmp_path):
    with KubeFake(certs, tmp_path / "account") as kube:
        yield kube


@pytest.fixture(name="start")
def _start(services, kube, aws):
    """start(cluster=True, ...): beside the AWS stand-in, and an API server."""

    def start(cluster=True, replica="pullthrough-6c9f7d5b8-x2x7q", **changes):
        environ = {
            "HOSTNAME": replica, "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": OPERATOR[0],
            "AWS_SECRET_ACCESS_KEY": OPERATOR[1], "AWS_EC2_METADATA_DISABLED": "true",
            **(kube.environ() if cluster else {}),
        }  # fmt: skip
        sections = {
            "registry": {"account": "", "region": REGION},
            "reconcile": {"mode": "manage"},
            "rewrite": {"requireRule": True},
            "fallback": {"watch": cluster},
            "status": {"details": False},
            "aws": {"endpoint": dict.fromkeys(("ecr", "sts", "secretsmanager"), aws.url)},
        }
        return services.start(environ=environ, **{**sections, **changes})

    return start


def secrets(aws):
    for _, name in DEFAULTS.values():
        if name:
            aws.secret(name)


def states(service):
    return {each["registry"]: each["state"] for each in service.status()["ruleSet"]["upstreams"]}


def all_ready(service):
    wait_for(lambda: set(states(service).values()) == {"ready"}, "all are ready")


def some_reviews(service):
    service.mutate(review("nginx:1.27", "quay.io/prometheus/prometheus:v3.1.0"))
    service.mutate(review("registry.k8s.io/pause:3.10", "registry.acme.example/team/app:7"))
    service.mutate(review(*[f"{HOST}/dockercache/library/nginx:{i}" for i in range(120)]))


def fine(start, aws, kube):
    secrets(aws)
    service = start()
    all_ready(service)
    wait_for(lambda: service.status()["fallback"]["watch"] == "on", "it watches")
    some_reviews(service)
    return service


def rule_missing(start, aws, kube):
    """One by the mode, one for want of its secret."""
    aws.secret(DEFAULTS["registry-1.docker.io"][1])
    made = start()
    wait_for(lambda: states(made)["quay.io"] == "ready", "the rules are made")
    aws.admin("PATCH", "state", {"rules": {k: v for k, v in aws.state()["rules"].items()
                                           if k != "quaycache"}})  # fmt: skip
    service = start(reconcile={"mode": "observe"})
    wait_for(lambda: states(service)["quay.io"] == "missing", "one is missed")
    some_reviews(service)
    service.mutate(review("ghcr.io/org/app:1", "quay.io/org/app:1"))
    return service


def registry_down(start, aws, kube):
    service = fine(start, aws, kube)
    for node, image in (("node-1", "nginx:1.27"), ("node-2", "nginx:1.27"), ("node-2", "redis:7")):
        where = {"source": {"component": "kubelet", "host": node}}
        name = f"{HOST}/dockercache/library/{image}"
        kube.cluster.fail_pull("shop", "web-0", name, UNREACHABLE, **where)
    wait_for(lambda: service.status()["fallback"]["registryDownSince"], "it is down")
    some_reviews(service)
    return service


def not_listed(start, aws, kube):
    secrets(aws)
    repository = {
        "createdAt": 1795960800.0, "imageTagMutability": "MUTABLE", "images": {}, "tags": {},
        "imageTagMutabilityExclusionFilters": None, "blobs": {},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }  # fmt: skip
    names = [f"quaycache/org/app-{i}" for i in range(12)]
    aws.state(repositories={n: {"repositoryName": n, **repository} for n in names})
    aws.fault("slow", operation="ListImages", seconds=3, times=None)
    service = start(rewrite={"when": "cached", "requireRule": True})
    all_ready(service)
    wait_for(lambda: service.status()["cached"]["repositories"], "it lists")
    some_reviews(service)
    return service


SITUATIONS = {"fine": fine, "rule-missing": rule_missing, "registry-down": registry_down,
              "not-listed": not_listed}  # fmt: skip
SENTENCES = {
    "fine": "Images of all 4 upstreams come from the cache.",
    "rule-missing": "2 of 4 upstreams are not rewritten.",
    "registry-down": "The registry is down: all images keep their own names until it answers.",
    "not-listed": "What ECR holds is being listed, ",
}


@pytest.fixture(params=SITUATIONS, name="situation")
def _situation(request, start, aws, kube):
    """(its name, a service that is in it)"""
    return request.param, SITUATIONS[request.param](start, aws, kube)


def page_of(service):
    response = service.get("/")
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert len(response.body) < PAGE_MAX
    return Tree(response.body.decode("utf-8"))


def advice():
    """What docs/aws.md says is to be done about each state."""
    states_of = section("docs/aws.md", "States, and what to do")
    rows = re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| ([^|]+) \|$", states_of, re.M)
    assert len(dict(rows)) == len(rows) == 9
    return {state: text.replace("`", "") for state, text in rows}


def is_told(status, text):
    """What the status says is on the page, in its words."""
    todo = advice()
    for each in status["ruleSet"]["upstreams"]:
        for name in ("registry", "prefix", "state", "reason"):
            assert each[name] in text, each
        assert (f"What to do: {todo[each['state']]}." in text) == (each["state"] != "ready")
    for each in status["counts"]["leftAlone"]:
        assert re.search(rf"\b{each['images']}\s*{each['reason']}", text), each
    for part in (
        status["version"], status["commit"], status["replica"], status["configuration"]["hash"],
        status["ruleSet"]["host"], status["reconcile"]["account"], status["reconcile"]["region"],
        f"keys from {status['reconcile']['credentials']}",
        f"mode {status['reconcile']['mode']}", f": {status['reconcile']['outcome']}",
        f"next pass {status['reconcile']['nextPass'][11:16]} UTC, in ",
        f"valid until {status['certificate']['notAfter'][:10]}, in ",
    ):  # fmt: skip
        assert part in text, part


# What is in it


def test_the_page_says_what_the_status_says(situation):
    name, service = situation
    tree = page_of(service)
    assert SENTENCES[name] in tree.text()
    is_told(service.status(), tree.text())
    assert tree.tags.count("h1") == tree.tags.count("title") == tree.tags.count("main") == 1
    assert tree.links == ["status?pretty", "metrics"]
    for link in tree.links:
        assert service.get("/" + link).status == 200


def test_a_browser_may_only_show_it(start, aws, kube):
    service = fine(start, aws, kube)
    for path in ("/", "/?", "/?x"):
        headers = service.get(path).headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
    assert service.get("/index.html").status == 404
    assert "Content-Security-Policy" not in service.get("/status").headers


def test_nothing_that_is_said_becomes_a_tag(start, aws, kube):
    evil = "<script>\"&lt;'<img src=x>"
    service = start(replica=evil)
    service.config.write_text(f"listen: {{webhook: {json.dumps(evil)}}}")
    wait_for(lambda: service.status()["configuration"]["problem"], "it is refused")
    assert evil in service.status()["configuration"]["problem"]
    tree = page_of(service)
    assert "script" not in tree.tags and "img" not in tree.tags
    assert tree.text().count(evil) == 2  # as a name, and in the problem


def test_it_names_no_namespace_and_no_image_but_those_of_the_status(start, aws, kube):
    service = registry_down(start, aws, kube)
    service.mutate(review("quay.io/hidden/app:1", namespace="hidden-too", name="and-this"))
    text = page_of(service).text()
    assert "dockercache/library/redis:7: unreachable" in text
    for word in ("hidden", "and-this", "shop", "web-0", "acme"):
        assert word not in text


def test_many_upstreams_stay_below_the_size(start, aws, kube):
    """Those that want a look go first."""
    upstreams = [{"registry": f"host-{i:03}-with-a-long-name.azurecr.io", "prefix":
                  f"cache-{i:03}-of-that-registry", "secret": f"ecr-pullthroughcache/{i}"}
                 for i in range(50)]  # fmt: skip
    upstreams[25] = {"registry": "quay.io", "prefix": "quaycache"}
    service = start(upstreams=upstreams)
    wait_for(lambda: states(service)["quay.io"] == "ready", "one is ready")
    text = page_of(service).text()
    assert "49 of 50 upstreams are not rewritten." in text
    shown = len(re.findall(r"host-\d+-with", text))
    assert 5 < shown < 49 and f"and {50 - shown} more" in text
    assert "quaycache" not in text


def test_a_certificate_of_its_own(services, kube):
    service = services.start(environ=kube.environ(), tls={"mode": "self", "certFile": None,
                                                          "keyFile": None})  # fmt: skip
    bundle = {"state": "current", "problem": None, "configuration": "pullthrough"}
    wait_for(lambda: service.status()["certificate"]["bundle"] == bundle, "it is trusted")
    text = page_of(service).text()
    assert re.search(r"valid until 2\d{3}-\d\d-\d\d, in \d\d days; made by the program", text)
    assert "trusted by the webhook's caBundle" in text


# What a browser makes of it

SCHEMES = ("light", "dark")
WIDTHS = (1280, 390)  # a desk, a phone
DARK, LIGHT = 0.05, 0.8  # luminance of a background: below, above
CONTRAST = 4.5  # WCAG 2, AA

# Of each text that is seen: [text, its colour, those behind it from the nearest on, its size].
LOOK = """(() => {
    const seen = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.data.trim(), behind = [];
        if (!text) continue;
        for (let e = walker.currentNode.parentElement; e; e = e.parentElement)
            behind.push(getComputedStyle(e).backgroundColor);
        const style = getComputedStyle(walker.currentNode.parentElement);
        seen.push([text, style.color, behind, parseFloat(style.fontSize)]);
    }
    return seen;
})()"""
# Elements that stick out of the window.
OUTSIDE = """[...document.querySelectorAll("body *")].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width && (box.left < 0 || box.right > innerWidth);
}).map(e => e.outerHTML.slice(0, 80))"""

# Words and numbers that have come to stand on more than one line.
BROKEN = """[...document.querySelectorAll(".n, .s, .k dd")].filter(e => {
    const range = document.createRange();
    range.selectNodeContents(e);
    const tops = [...range.getClientRects()].map(box => box.top);
    return Math.max(...tops) - Math.min(...tops) > 12;
}).map(e => e.outerHTML)"""


def colour(text):
    """[red, green, blue, alpha], from 0 to 1."""
    kind, numbers = re.fullmatch(r"(rgba?|color)\((?:srgb )?([^)]*)\)", text).groups()
    values = [float(each) for each in re.split(r"[\s,/]+", numbers)]
    rgb = [each / (1 if kind == "color" else 255) for each in values[:3]]
    return [*rgb, values[3] if len(values) > 3 else 1]


def over(front, back):
    return [f * front[3] + b * (1 - front[3]) for f, b in zip(front[:3], back)]


def luminance(rgb):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(text, behind):
    back = [1, 1, 1]
    for each in reversed(behind):
        back = over(colour(each), back)
    bright, dim = sorted([luminance(over(colour(text), back)), luminance(back)], reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def is_readable(page, scheme):
    seen = page.look(LOOK)
    assert len(seen) > 40
    faint = [(text, contrast(front, behind)) for text, front, behind, _ in seen
             if contrast(front, behind) < CONTRAST]  # fmt: skip
    assert not faint
    assert min(size for *_, size in seen) >= 13
    body = luminance(colour(seen[0][2][-2])[:3])
    assert body > LIGHT if scheme == "light" else body < DARK


def is_quiet(page, url):
    """It asks for nothing but itself, and nothing in it is refused or wrong."""
    asked = [each["request"]["url"] for each in page.said("Network.requestWillBeSent")]
    assert asked == [url]
    assert page.said("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled") == []
    assert page.look("document.compatMode") == "CSS1Compat"


def test_what_a_person_sees(situation, chromium, pictures):
    name, service = situation
    url = f"http://127.0.0.1:{service.status_port}/"
    for width in WIDTHS:
        for scheme in SCHEMES:
            with chromium.page(url, width, 844, scheme) as page:
                page.screenshot(pictures / f"{name}-{width}-{scheme}.png")
                assert page.look("innerWidth") == width
                assert page.look("document.documentElement.scrollWidth") <= width
                assert page.look(OUTSIDE) == page.look(BROKEN) == []
                is_readable(page, scheme)
                is_quiet(page, url)
                text = " ".join(page.text().split())
                assert SENTENCES[name] in text
                assert page.look("document.title").startswith(f"pullthrough: {SENTENCES[name]}")
                is_told(service.status(), text)


def test_long_names_wrap(start, aws, kube, chromium, pictures):
    label = "anamethatisverylongandhasnoplacewhereitmaybebroken"
    registry = f"{label}.azurecr.io"
    service = start(upstreams=[{"registry": registry, "prefix": label[:28],
                                "secret": "ecr-pullthroughcache/a"}],
                    replica=label * 2)  # fmt: skip
    wait_for(lambda: states(service)[registry] != "unknown", "it is judged")
    for width in WIDTHS:
        url = f"http://127.0.0.1:{service.status_port}/"
        with chromium.page(url, width, 844) as page:
            page.screenshot(pictures / f"long-names-{width}-light.png")
            assert page.look("document.documentElement.scrollWidth") <= width
            assert page.look(OUTSIDE) == []
