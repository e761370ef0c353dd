"""The chart without a cluster: what it renders, what it refuses, and that it agrees with the
program, the documents and itself."""

import json
import re
import subprocess

import pytest
import tools
import yaml
from helm import CHART, IMAGE, Failed, Helm, settings
from http_peer import ROOT
from service import HOST, run

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
MODES = sorted((CHART / "ci").glob("*-values.yaml"))
MODES += sorted((ROOT / "deploy" / "examples").glob("values-*.yaml"))
by_mode = pytest.mark.parametrize(
    "mode", MODES, ids=lambda path: path.name.removesuffix("-values.yaml")
)


@pytest.fixture(scope="module", params=[3, 4])
def helm(request, tmp_path_factory):
    return Helm(request.param, "/nonexistent", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def helm3(tmp_path_factory):
    return Helm(3, "/nonexistent", tmp_path_factory.mktemp("helm"))


def render(helm, **values):
    return helm.template("pullthrough", "here", {"image": {"repository": IMAGE}, **values})


def config_of(objects):
    (config_map,) = (
        o for o in objects if o["kind"] == "ConfigMap" and "config.yaml" in o["data"]
    )
    return config_map["data"]["config.yaml"]


def rendered_mode(helm, mode):
    return helm.template("pullthrough", "here", {}, "--values", mode)


@by_mode
def test_lint(helm, mode):
    assert "1 chart(s) linted, 0 chart(s) failed" in helm.run(
        "lint", "--strict", CHART, "--values", mode
    )


# What kube-score asks and the chart leaves out: a CPU limit (it would slow the first second after a
# start), room on a disk that nothing is written to, a pull at each start, a NetworkPolicy (a value),
# the Service of a StatefulSet that lives as long as `helm test`, a fixed number of pods.
NOT_SCORED = [
    "container-resources", "container-ephemeral-storage-request-and-limit", "deployment-replicas",
    "container-image-pull-policy", "pod-networkpolicy", "statefulset-has-servicename",
]  # fmt: skip


@by_mode
def test_score(helm3, mode):
    text = helm3.run("template", "pullthrough", CHART, "--values", mode)
    ignored = [word for test in NOT_SCORED for word in ("--ignore-test", test)]
    done = subprocess.run(
        [tools.path("kube-score"), "score", "--output-format", "ci", "--exit-one-on-warning",
         *ignored, "-"],
        input=text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert len([line for line in said if line.startswith("[OK]")]) > 40
    assert not [line for line in said if not line.startswith(("[OK]", "[SKIPPED]"))]
    assert done.returncode == 0, done.stderr


def by_name(objects):
    return {(o["kind"], o["metadata"]["name"]): o for o in objects}


@by_mode
def test_both_helms_render_the_same(helm3, tmp_path, mode):
    helm4 = Helm(4, "/nonexistent", tmp_path)
    assert by_name(rendered_mode(helm3, mode)) == by_name(rendered_mode(helm4, mode))


@by_mode
def test_rendered_again_it_is_the_same(helm3, mode):
    """Nothing is drawn by lot and nothing tells the time: what renders it to compare sees no change."""
    first, again = (helm3.run("template", "t", CHART, "--values", mode) for _ in range(2))
    assert first == again


def test_names_of_jobs_are_their_own_and_fit(helm3):
    """A Job's name is a label of its pod, of 63 characters."""
    values = ("--set", f"image.repository={IMAGE}", "--set", "tls.self.caBundle=job")
    for release in ("a", "x" * 53):
        text = helm3.run("template", release, CHART, *values)
        again = helm3.run("template", release, CHART, *values, "--set", "config.log.level=debug")
        first, changed = (
            [o["metadata"]["name"] for o in yaml.safe_load_all(t) if o and o["kind"] == "Job"]
            for t in (text, again)
        )
        assert len(set(first)) == 3 and len(set(first) & set(changed)) == 2
        for name in first + changed:
            assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name)


@by_mode
def test_nothing_is_null_or_empty(helm3, mode):
    """An optional value that isn't given renders nothing, rather than `annotations: null`."""

    def look(node, where):
        assert node is not None, where
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for key, child in pairs:
            if isinstance(child, (dict, list)):
                look(child, f"{where}.{key}")
            else:
                assert child is not None, f"{where}.{key}"

    for obj in rendered_mode(helm3, mode):
        look(obj, obj["kind"])


@by_mode
def test_program_takes_the_configuration(helm, mode, program, tmp_path):
    path = tmp_path / "config.yaml"
    text = config_of(rendered_mode(helm, mode))
    path.write_text(text)
    done = run(program, "check-config", path)
    assert done.returncode == 0, f"{done.stderr.decode()}\n{text}"
    assert not done.stderr, done.stderr.decode()


def test_numbers_and_words_that_yaml_spoils(helm, program, tmp_path):
    """An account without quotes, 1e+06, a bare off: what the files of ci/ have."""
    (mode,) = (path for path in MODES if path.name == "files-values.yaml")
    path = tmp_path / "config.yaml"
    path.write_text(config_of(rendered_mode(helm, mode)))
    printed = yaml.safe_load(run(program, "check-config", path).stdout)
    assert printed["registry"]["account"] == "111122223333"
    assert printed["reconcile"]["mode"] == "off"
    assert printed["server"]["maxConnections"] == 1000000
    assert printed["server"]["maxBody"] == "8MiB"
    done = run(program, "rewrite", "--config", path, "nginx:1.27")
    assert done.stdout.decode().strip() == f"{HOST}/hub/library/nginx:1.27"


def keys_of(node, where=""):
    """{dotted key} of mappings; what a list holds is `key[]`."""
    found = set()
    if isinstance(node, dict):
        for key, child in node.items():
            found |= {f"{where}.{key}".lstrip(".")} | keys_of(child, f"{where}.{key}")
    elif isinstance(node, list):
        for child in node:
            found |= keys_of(child, f"{where}[]")
    return found


def keys_of_schema(schema, where=""):
    found = set()
    if "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
    for key, child in schema.get("properties", {}).items():
        found |= {f"{where}.{key}".lstrip(".")} | keys_of_schema(child, f"{where}.{key}")
    if isinstance(schema.get("items"), dict):
        found |= keys_of_schema(schema["items"], f"{where}[]")
    return found


def test_schema_knows_the_configuration_of_the_program(program):
    """Key by key, so that neither can get one that the other doesn't have."""
    of_program = keys_of(yaml.safe_load(run(program, "check-config").stdout))
    of_program -= {k for k in of_program if k.split(".")[0] in ("listen", "tls", "fallback")}
    # Names of registries.
    of_program -= {k for k in of_program if k.startswith("import.perHour.")}
    assert keys_of_schema(SCHEMA["properties"]["config"]) == of_program


def test_fallback_is_that_of_the_program(program):
    """Key by key, and each by the program's own default."""
    values = dict(VALUES["fallback"])
    assert values.pop("healWithoutPolicy") is False  # the chart's own
    assert values == yaml.safe_load(run(program, "check-config").stdout)["fallback"]


def test_schema_and_values_have_the_same_keys():
    of_values = keys_of({k: v for k, v in VALUES.items() if k != "config"})
    of_schema = {k for k in keys_of_schema(SCHEMA) if not k.startswith("config.")}
    of_schema -= {"global", "enabled"}  # of charts that have this one as a dependency
    free = ("resources.", "podSecurityContext.", "securityContext.", "dashboard.labels.", "nodeSelector.")
    open_ended = {k for k in of_values if k.startswith(free)}
    assert of_values - open_ended - of_schema == set()
    inner = ("resources.", "[]", "issuerRef.", "config", "Probe.", "dnsConfig.")
    missing = {k for k in of_schema - of_values if not any(word in k for word in inner)}
    assert missing == set()


def test_every_value_is_used():
    templates = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    used = set(re.findall(r"\.[a-zA-Z][a-zA-Z0-9]*", templates))
    free = ("resources", "podSecurityContext.", "securityContext.", "dashboard.labels", "nodeSelector.")
    for key in keys_of(VALUES):
        if not key.startswith(free) and "Probe." not in key:
            assert f".{key.rpartition('.')[2]}" in used, key


REFUSED = {
    "no image": ({"image": {"repository": ""}}, "image.repository: say where your image is"),
    "image with a tag": ({"image": {"repository": "r.example/x:0.1.0"}}, "/image/repository"),
    "that too": ({"image": {"repository": "r.example:5000/x:0.1.0"}}, "/image/repository"),
    "image with a digest": ({"image": {"repository": "r.example/x@sha256:0"}}, "/image/repository"),
    "no node takes it": ({"image": {"repository": "r.example/Tools/x"}}, "/image/repository"),
    "unknown key": ({"replica": 3}, "replica"),
    "unknown key below": ({"webhook": {"timeout": 3}}, "timeout"),
    "unknown key of the program": ({"config": {"registry": {"acount": "1"}}}, "acount"),
    "what the chart writes": ({"config": {"listen": {"webhook": ":1"}}}, "listen"),
    "and this": ({"config": {"tls": {"mode": "self"}}}, "tls"),
    "this too": ({"config": {"fallback": {"heal": True}}}, "fallback"),
    "account": ({"config": {"registry": {"account": "1234"}}}, "account"),
    "mode": ({"tls": {"mode": "magic"}}, "mode"),
    "policy": ({"webhook": {"failurePolicy": "Maybe"}}, "failurePolicy"),
    "timeout": ({"webhook": {"timeoutSeconds": 31}}, "timeoutSeconds"),
    "no pods": ({"replicas": 0}, "replicas"),
    "role": ({"aws": {"roleArn": "pullthrough"}}, "roleArn"),
    "files of nobody": ({"tls": {"mode": "files"}}, "give one of tls.files.secretName"),
    "files of two": (
        {"tls": {"mode": "files", "files": {"secretName": "a", "certManager": {"enabled": True}}}},
        "give one of tls.files.secretName",
    ),
    "files and self": ({"tls": {"files": {"secretName": "a"}}}, "has no meaning"),
    "a family": ({"service": {"ipFamilies": ["ipv6"]}}, "/service/ipFamilies/0"),
    "a family twice": ({"service": {"ipFamilies": ["IPv6", "IPv6"]}}, "/service/ipFamilies"),
    "families": ({"service": {"ipFamilyPolicy": "DualStack"}}, "/service/ipFamilyPolicy"),
    "one family of two": (
        {"service": {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4", "IPv6"]}},
        "service.ipFamilies can name one family at most",
    ),
    "whoever's account": (
        {"serviceAccount": {"create": False}}, "say in serviceAccount.name which one there is",
    ),
    "a probe that outlasts the next": (
        {"fallback": {"probe": {"interval": "1s", "timeout": "1500ms"}}},
        "fallback.probe.timeout: 1500ms is not less than fallback.probe.interval, 1s",
    ),
    "one port": ({"status": {"port": 8443}}, "must differ"),
    "a label of ours": ({"commonLabels": {"app.kubernetes.io/name": "x"}}, "/commonLabels"),
    "that of the webhook": ({"podLabels": {"pullthrough.internal/rewrite": "x"}}, "/podLabels"),
    "ours for Prometheus": (
        {"serviceMonitor": {"labels": {"helm.sh/chart": "x"}}}, "/serviceMonitor/labels",
    ),
    "a label of many words": ({"commonLabels": {"team": "of many words"}}, "/commonLabels"),
    "no key of a label": ({"podLabels": {"a b": "c"}}, "/podLabels"),
    "a hook of ours": ({"podAnnotations": {"helm.sh/hook": "x"}}, "/podAnnotations/helm.sh~1hook"),
    "upper case": ({"nameOverride": "Images"}, "/nameOverride"),
    "and here": ({"fullnameOverride": "Images"}, "/fullnameOverride"),
    "no name of a Service": ({"fullnameOverride": "2nd"}, "/fullnameOverride"),
    "number for a variable": ({"extraEnv": [{"name": "A", "value": 1}]}, "/extraEnv/0/value"),
    "switch for a variable": ({"extraEnv": [{"name": "A", "value": True}]}, "/extraEnv/0/value"),
    "variable of no name": ({"extraEnv": [{"value": "1"}]}, "name"),
    "name of an account": ({"serviceAccount": {"name": "My_Account"}}, "/serviceAccount/name"),
    "name of a Secret": (
        {"tls": {"mode": "files", "files": {"secretName": "Mine"}}}, "/tls/files/secretName",
    ),
    "name of a class": ({"priorityClassName": "High"}, "/priorityClassName"),
    "no mode, which would be every namespace": (
        {"webhook": {"namespaceSelector": {"mode": None}}}, "mode",
    ),
    "no policy, which would be Fail": ({"webhook": {"failurePolicy": None}}, "failurePolicy"),
    "no port": ({"webhook": {"port": None}}, "port"),
    "a whole part": ({"serviceMonitor": None}, "serviceMonitor"),
    "no runbook": ({"prometheusRule": {"runbookUrl": None}}, "runbookUrl"),
    "what a readiness probe has not": (
        {"readinessProbe": {"terminationGracePeriodSeconds": 9}}, "/readinessProbe",
    ),
    "what a liveness probe has not": ({"livenessProbe": {"successThreshold": 2}}, "/livenessProbe"),
    "a condition of ours": (
        {"webhook": {"matchConditions": [
            {"name": "pullthrough.internal/spec-changed", "expression": "true"},
        ]}}, "/webhook/matchConditions/0/name",
    ),
    "a condition of many words": (
        {"webhook": {"matchConditions": [{"name": "a b", "expression": "true"}]}},
        "/webhook/matchConditions/0/name",
    ),
    "more conditions than there is room for beside ours": (
        {"webhook": {"matchConditions": [{"name": f"c{i}", "expression": "true"} for i in range(64)]}},
        "/webhook/matchConditions",
    ),
    "In nothing": (
        {"webhook": {"objectSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
        "values",
    ),
    "Exists with values": (
        {"webhook": {"objectSelector": {"matchExpressions": [
            {"key": "a", "operator": "Exists", "values": ["b"]},
        ]}}}, "values",
    ),
    "four name servers": ({"dnsConfig": {"nameservers": list("1234")}}, "/dnsConfig/nameservers"),
    "no key of an annotation": ({"deploymentAnnotations": {"a b": "c"}}, "a b"),
    "no label of a series": ({"prometheusRule": {"selector": {"a-b": "c"}}}, "a-b"),
    "drain": ({"config": {"server": {"drain": "1m"}}}, "leaves config.server.drain, 1m, no 5 s"),
    "drain, summed": ({"config": {"server": {"drain": "20s6000ms"}}}, "no 5 s of room"),
}


@pytest.mark.parametrize("values, word", REFUSED.values(), ids=REFUSED)
def test_refused(helm, values, word):
    with pytest.raises(Failed) as failed:
        render(helm, **values)
    assert word in str(failed.value)


@pytest.mark.parametrize("values, said", [
    ({}, False),
    ({"prometheusRule": {"enabled": True}}, True),
    ({"prometheusRule": {"enabled": True}, "serviceMonitor": {"enabled": True}}, False),
    ({"prometheusRule": {"enabled": True, "selector": {"job": "webhook"}}}, False),
], ids=["no alerts", "whose series?", "ours", "the owner's"])  # fmt: skip
def test_the_notes_say_which_series_alerts_look_for(tmp_path, values, said):
    helm = Helm(4, "/nonexistent", tmp_path)  # Helm 3 asks a cluster for them
    values = {"image": {"repository": IMAGE}, **values}
    notes = helm.run(
        "install", "r", CHART, "--namespace", "here", "--dry-run=client", *settings(values)
    ).partition("\nNOTES:\n")[2]
    wanted = 'namespace="here" and service="r-pullthrough-status"'
    assert "is installed in here" in notes and (wanted in notes) == said


def test_a_release_whose_name_no_service_can_have(helm):
    """They begin with a letter; Helm's own check of names lets it pass."""
    with pytest.raises(Failed, match="fullnameOverride: the name of a Service.*2nd-pullthrough"):
        helm.template("2nd", "here", {"image": {"repository": IMAGE}})
    values = {"image": {"repository": IMAGE}, "fullnameOverride": "second"}
    assert helm.template("2nd", "here", values)


@pytest.mark.parametrize("repository", [
    "pullthrough", "acme/x", "localhost:5000/x", "r.example:5000/a__b/c-d.e", "[::1]:5000/x",
    "111122223333.dkr.ecr.eu-central-1.amazonaws.com/pullthrough",
])  # fmt: skip
def test_where_an_image_may_be(helm, repository):
    objects = render(helm, image={"repository": repository})
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{repository}:0.1.0"


UMBRELLA = """\
apiVersion: v2
name: platform
version: 0.1.0
dependencies:
  - {name: pullthrough, version: 0.1.0, repository: "file://%s", condition: %s.enabled%s}
"""


@pytest.mark.parametrize("key, alias", [("pullthrough", ""), ("cache", ", alias: cache")])
def test_dependency_with_a_condition(helm, tmp_path, key, alias):
    """What a platform's own chart does; Helm hands `enabled` and `global` on."""
    (tmp_path / "Chart.yaml").write_text(UMBRELLA % (CHART, key, alias))
    helm.run("dependency", "build", tmp_path)

    def objects(**values):
        values = {key: {"image": {"repository": IMAGE}, **values}, "global": {"a": "b"}}
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
        documents = yaml.safe_load_all(helm.run("template", "t", tmp_path))
        return {document["kind"]: document for document in documents if document}

    assert {"Deployment", "MutatingWebhookConfiguration"} <= set(objects(enabled=True))
    assert objects(enabled=False) == {}
    # Helm 4.3 loses a null in an umbrella chart's own values; the chart's README says so.
    assert ("replicas" in objects(replicas=None)["Deployment"]["spec"]) == (helm.version == 4)
    assert "replicas" not in objects(replicas="")["Deployment"]["spec"]
    assert objects(replicas=3)["Deployment"]["spec"]["replicas"] == 3


PAGES = {
    "argo-cd": lambda page: page["spec"]["source"]["helm"]["valuesObject"],
    "flux": lambda page: page["spec"]["values"],
    "kustomize": lambda page: page["helmCharts"][0]["valuesInline"],
}


@pytest.mark.parametrize("name", PAGES)
def test_values_that_pages_show(helm3, name):
    page = (ROOT / "docs" / f"{name}.md").read_text()
    values = PAGES[name](yaml.safe_load(re.search(r"```yaml\n(.*?)```", page, re.S)[1]))
    assert render(helm3, **values)


def test_names_stay_apart_and_in_bounds(helm3):
    """Releases whose names only differ in where a dash or a dot is."""
    seen = set()
    for name, namespace in [("a-b", "c"), ("a", "b-c"), ("a.b", "c"), ("x" * 53, "y" * 63)]:
        values = {"image": {"repository": IMAGE}, "nameOverride": "n"}
        for obj in helm3.template(name, namespace, values):
            if obj["kind"] in ("MutatingWebhookConfiguration", "ClusterRole"):
                assert (obj["kind"], obj["metadata"]["name"]) not in seen or name == "a.b"
                seen.add((obj["kind"], obj["metadata"]["name"]))
            if obj["kind"] == "Service":
                assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", obj["metadata"]["name"])


# The API server's own.
OTHERS = {"apiserver_admission_webhook_fail_open_count"}


def test_alerts_and_dashboard_use_metrics_that_exist(helm3, program, tmp_path):
    (mode,) = (path for path in MODES if path.name == "files-values.yaml")
    objects = rendered_mode(helm3, mode)
    (rule,) = (o for o in objects if o["kind"] == "PrometheusRule")
    alerts = [r["expr"] for group in rule["spec"]["groups"] for r in group["rules"]]
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text())
    panels = [t["expr"] for p in dashboard["panels"] for t in p["targets"]]
    names = set()
    for expression in alerts + panels:
        names |= set(re.findall(r"\b(?:pullthrough|process|apiserver)_[a-z_]+\b", expression))
    sources = "".join(path.read_text() for path in (ROOT / "src").rglob("*.c"))
    for name in names - OTHERS:
        bare = re.sub(r"^(pullthrough|process)_|_bucket$", "", name)
        assert bare in sources, name
    assert len(alerts) == len(set(alerts)) >= 12


# To YAML, what isn't in quotes is a number, a switch or nothing.
NOT_WORDS = {
    "nameOverride": "123",
    "serviceAccount": {"name": "on"},
    "priorityClassName": "1e3",
    "webhook": {"namespaceSelector": {"label": "yes"}},
    "tls": {"mode": "files", "files": {"secretName": "0x1f", "caBundle": "TFMw\nTFMw"}},
    "serviceMonitor": {"enabled": True},
    "prometheusRule": {
        "enabled": True, "selector": {"job": "a: b #c"}, "runbookUrl": "{{ $externalURL }}/x: y",
    },
    "test": {"pull": {"image": "registry.example/x:1"}},
}  # fmt: skip
WORDS = ("name", "namespace", "key", "serviceAccountName", "secretName", "priorityClassName", "expr")


def words_of(node, name=""):
    """(key, value) of what must be text, wherever in it."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("labels", "matchLabels", "annotations", "selector") and isinstance(value, dict):
                yield from ((each, value[each]) for each in value if value[each] is not None)
            yield from words_of(value, key)
    elif isinstance(node, list):
        for each in node:
            yield from words_of(each, name)
    elif name in (*WORDS, "matchNames", "caBundle"):
        yield name, node


def test_names_are_words(helm):
    text = helm.run(
        "template", "on", CHART, "--namespace", "123", "--set", f"image.repository={IMAGE}",
        *settings(NOT_WORDS),
    )  # fmt: skip
    objects = [document for document in yaml.safe_load_all(text) if document]
    found = [pair for each in objects for pair in words_of(each) if not isinstance(pair[1], dict)]
    assert [pair for pair in found if not isinstance(pair[1], str)] == []
    for pair in [
        ("namespace", "123"), ("matchNames", "123"), ("app.kubernetes.io/instance", "on"),
        ("app.kubernetes.io/name", "123"), ("serviceAccountName", "on"), ("secretName", "0x1f"),
        ("priorityClassName", "1e3"), ("key", "yes"), ("caBundle", "TFMw\nTFMw"),
        ("expr", 'absent(pullthrough_build_info{job="a: b #c"})'),
        ("runbook_url", "{{ $externalURL }}/x: y#pullthroughdown"),
    ]:  # fmt: skip
        assert pair in found, pair


# A key with nothing behind it, as where all of its lines are commented out.
EMPTY = [
    "commonLabels", "podLabels", "podAnnotations", "podSecurityContext", "readinessProbe",
    "livenessProbe", "revisionHistoryLimit", "config", "nodeSelector", "deploymentAnnotations",
]  # fmt: skip


def test_empty_is_as_good_as_none(helm):
    webhook = {"annotations": None, "matchConditions": None, "namespaceSelector": {"exclude": None}}
    values = {
        **dict.fromkeys(EMPTY),
        "webhook": webhook,
        "serviceAccount": {"annotations": None},
        "dashboard": {"enabled": True, "labels": None},
    }
    found = {(o["kind"], o["metadata"]["name"]): o for o in render(helm, **values)}
    deployment = found["Deployment", "pullthrough"]["spec"]
    assert "revisionHistoryLimit" not in deployment
    probe = deployment["template"]["spec"]["containers"][0]["readinessProbe"]
    assert probe == {"httpGet": {"path": "/readyz", "port": "status"}}
    assert "securityContext" not in deployment["template"]["spec"]
    webhook = found["MutatingWebhookConfiguration", "pullthrough.here"]["webhooks"][0]
    assert webhook["namespaceSelector"]["matchExpressions"][1]["values"] == ["kube-system", "here"]


def test_sound_values_are_taken(helm):
    values = {
        "readinessProbe": {"successThreshold": 2},
        "livenessProbe": {"terminationGracePeriodSeconds": 9},
        "serviceMonitor": {"enabled": True, "interval": "1m30s", "scrapeTimeout": "1m"},
        "deploymentAnnotations": {"Example.com/A_b": "c"},
    }
    (monitor,) = (o for o in render(helm, **values) if o["kind"] == "ServiceMonitor")
    assert monitor["spec"]["endpoints"][0]["interval"] == "1m30s"


def dashboard_of(helm, name, namespace, **values):
    """As it is rendered, and what its variables begin with."""
    values = {"image": {"repository": IMAGE}, "dashboard": {"enabled": True}, **values}
    (text,) = (
        text for o in helm.template(name, namespace, values) if o["kind"] == "ConfigMap"
        for file, text in o["data"].items() if file.endswith(".json")
    )  # fmt: skip
    made = json.loads(text)
    begins = {
        each["name"]: each.pop("current")["value"]
        for each in made["templating"]["list"]
        if "current" in each
    }
    return made, begins


def test_each_release_has_a_dashboard_of_its_own(helm3):
    """Grafana knows one by its uid, 40 characters at most, and by its title in a folder; two that
    are called the same stop each other. And it shows what its title says."""
    source = json.loads((CHART / "files" / "dashboard.json").read_text())
    for each in source["templating"]["list"]:
        each.pop("current", None)
    seen = set()
    for name, namespace in (("a", "b"), ("b", "a"), ("x" * 53, "y" * 63)):
        made, begins = dashboard_of(helm3, name, namespace)
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", made["uid"])
        assert {**made, "uid": source["uid"], "title": source["title"]} == source
        assert begins == {"namespace": [namespace], "service": "$__all"}
        seen |= {made["uid"], made["title"]}
    assert len(seen) == 6


def test_two_releases_of_a_namespace_are_told_apart(helm3):
    """By the labels that the chart's ServiceMonitor gives, in each query."""
    monitor = {"serviceMonitor": {"enabled": True}}
    begins = [dashboard_of(helm3, name, "here", **monitor)[1] for name in ("a", "b")]
    assert begins == [
        {"namespace": ["here"], "service": [f"{name}-pullthrough-status"]} for name in ("a", "b")
    ]
    made, _ = dashboard_of(helm3, "a", "here")
    for expression in (t["expr"] for p in made["panels"] for t in p["targets"]):
        expression = expression.replace("and on (instance) pullthrough_build_info", "")
        for asked in re.findall(r"\b(?:pullthrough|process)_[a-z_]+\b(.{,47})", expression):
            assert asked.startswith('{namespace=~"$namespace",service=~"$service"'), expression


def test_what_a_catalogue_reads():
    """Artifact Hub ignores an annotation that it can't read, without a word to us."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert [set(each) for each in chart["maintainers"]] == [{"name"}]
    notes = {k.removeprefix("artifacthub.io/"): v for k, v in chart["annotations"].items()}
    assert notes["license"] == "Apache-2.0" and notes["operator"] == "false"
    assert notes["category"] == "integration-delivery"
    for change in yaml.safe_load(notes["changes"]):
        assert change["kind"] in ("added", "changed", "deprecated", "removed", "fixed", "security")
        assert change["description"]


def test_unit_tests_of_the_templates():
    done = subprocess.run(
        [tools.path("helm-unittest"), "--strict", CHART],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Tests: +[1-9][0-9]* passed", done.stdout), done.stdout


def test_readme_is_generated(tmp_path):
    """helm-docs makes the chart's README from values.yaml."""
    done = subprocess.run(
        [tools.path("helm-docs"), "--chart-search-root", CHART, "--dry-run", "--log-level", "warn"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (CHART / "README.md").read_text().strip()


def test_plain_manifests_are_rendered():
    """deploy/*.yaml is what hack/render-deploy.sh makes of the chart."""
    done = subprocess.run(
        [ROOT / "hack" / "render-deploy.sh", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
