"""The reconciler of the running program, against the AWS stand-in."""

import calendar
import concurrent.futures
import contextlib
import json
import pathlib
import signal
import time

import pytest

from reconciling import Program, running, wait_for
from standin import ACCOUNT, DEFAULTS, REGION

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
IMAGES = ("nginx:1.27", "ghcr.io/org/app:1", "registry.k8s.io/pause:3.10",
          "quay.io/prometheus/prometheus:v3")
REWRITTEN = [f"{HOST}/dockercache/library/nginx:1.27", f"{HOST}/ghcrcache/org/app:1",
             f"{HOST}/k8scache/pause:3.10", f"{HOST}/quaycache/prometheus/prometheus:v3"]
LOOKS = ["DescribePullThroughCacheRules", "DescribeRepositoryCreationTemplates"]
WRITES = ("Create", "Update", "Put", "Delete")


@pytest.fixture
def secrets(aws):
    """Both secrets are there."""
    return {name: aws.secret(name) for _, name in DEFAULTS.values() if name}


@pytest.fixture
def serve(program, tmp_path, certs, aws):
    """serve(config, keys): a running program; it must end well."""
    def start(config=None, **more):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        return running(program, folder, certs.leaf, aws, config, **more)

    return start


def rules(aws):
    return aws.state()["rules"]


def operations(aws, **query):
    return [call["operation"] for call in aws.calls(**query)]


def last_call(aws):
    return max((call["id"] for call in aws.calls()), default=0)


def test_an_upstream_that_is_switched_off_alarms_nobody(aws, serve):
    """Else the alert PullthroughUpstreamNotReady fires for ever."""
    upstreams = [{"registry": "quay.io", "prefix": "quaycache"},
                 {"registry": "public.ecr.aws", "prefix": "public"}]
    with serve({"upstreams": upstreams}) as replica:
        replica.wait_states(all="ready")
        upstreams[1]["enabled"] = False
        replica.configure(upstreams=upstreams)
        replica.wait_states(quay_io="ready", public_ecr_aws="disabled")
        metrics = replica.get("/metrics")
        assert 'pullthrough_upstream_ready{upstream="quay.io"} 1\n' in metrics
        assert 'pullthrough_upstream_ready{upstream="public.ecr.aws"' not in metrics
        assert 'pullthrough_upstream_state{upstream="public.ecr.aws"' not in metrics
        assert replica.logged("upstream is not rewritten") == []
        said = replica.status()["ruleSet"]["upstreams"][1]
        assert (said["rewritten"], said["reason"]) == (False, "switched off in the configuration")


def test_an_empty_account_gets_rules_and_template(aws, secrets, serve):
    with serve() as replica:
        replica.wait_states(all="ready")
        found = rules(aws)
        assert {rule["upstreamRegistryUrl"]: (prefix, rule.get("credentialArn"))
                for prefix, rule in found.items()} == {
            url: (prefix, secrets.get(name)) for url, (prefix, name) in DEFAULTS.items()}
        template, = aws.state()["templates"].values()
        assert template["prefix"] == "ROOT"
        assert template["appliedFor"] == ["PULL_THROUGH_CACHE"]
        assert replica.review(*IMAGES) == REWRITTEN
        status = replica.status()["reconcile"]
        assert (status["outcome"], status["problem"], status["account"], status["region"],
                status["changes"]) == ("complete", None, ACCOUNT, REGION, 5)
        for upstream in replica.states():
            assert replica.metric(
                f'pullthrough_upstream_state{{upstream="{upstream}",state="ready"}}') == 1
        assert replica.metric("pullthrough_reconcile_last_success_timestamp_seconds") > 0
        assert replica.metric('pullthrough_aws_requests_total{service="ecr",operation='
                              '"CreatePullThroughCacheRule",outcome="ok"}') == 4
        assert replica.metric('pullthrough_aws_request_duration_seconds_count{service="ecr"}') > 5
        assert len(replica.logged("rule created")) == 4
        made, = replica.logged("creation template created")
        assert made["prefix"] == "ROOT" and "upstream" not in made


def test_a_second_pass_makes_two_calls(aws, secrets, serve):
    with serve({"reconcile": {"interval": "10s"}}) as replica:
        replica.wait_states(all="ready")
        first = last_call(aws)
        wait_for(lambda: replica.passes() >= 2, "the next pass")
        assert sorted(operations(aws, since=first)) == LOOKS
        assert replica.passes() == 2
        assert [line["message"] for line in replica.lines].count("upstream is rewritten") == 4


def test_one_secret_is_missing(aws, serve):
    aws.secret("ecr-pullthroughcache/ghcr")
    with serve() as replica:
        replica.wait_states(all="ready", docker_io="secret-missing")
        assert replica.review(*IMAGES) == [IMAGES[0], *REWRITTEN[1:]]
        assert replica.metric('pullthrough_images_total{upstream="docker.io",'
                              'outcome="rule-not-ready"}') == 1
        assert "ecr-pullthroughcache/dockerio" in replica.upstreams()["docker.io"]["reason"]
        assert "dockercache" not in rules(aws)
        aws.secret("ecr-pullthroughcache/dockerio")
        replica.again()
        replica.wait_states(all="ready")
        assert replica.review(*IMAGES) == REWRITTEN
        changed, = [line for line in replica.logged("upstream is not rewritten")]
        assert (changed["upstream"], changed["state"]) == ("docker.io", "secret-missing")


def test_a_conflict_is_left_alone(aws, secrets, serve):
    aws.state(rules={"quaycache": {
        "ecrRepositoryPrefix": "quaycache", "upstreamRegistryUrl": "public.ecr.aws",
        "createdAt": 1.7e9, "updatedAt": 1.7e9, "registryId": ACCOUNT,
        "upstreamRegistry": "ecr-public", "credentialArn": None, "customRoleArn": None,
        "upstreamRepositoryPrefix": "ROOT"}})
    with serve() as replica:
        replica.wait_states(all="ready", quay_io="conflict")
        assert replica.review(*IMAGES) == [*REWRITTEN[:3], IMAGES[3]]
        assert "public.ecr.aws" in replica.upstreams()["quay.io"]["reason"]
        assert rules(aws)["quaycache"]["upstreamRegistryUrl"] == "public.ecr.aws"
        assert not any(call.startswith(("Update", "Delete")) for call in operations(aws))


def test_denied_writes_name_the_action(aws, secrets, serve):
    aws.principal("webhook", denied=["ecr:CreatePullThroughCacheRule"])
    with serve(keys=aws.session("webhook")) as replica:
        replica.wait_states(all="denied")
        assert all("ecr:CreatePullThroughCacheRule" in each["reason"]
                   for each in replica.upstreams().values())
        assert replica.review(*IMAGES) == list(IMAGES)
        aws.principal("webhook", denied=[])
        replica.again()
        replica.wait_states(all="ready")


def test_denied_looks_name_the_action_and_ready_stays(aws, secrets, serve):
    with serve(keys=aws.session("webhook")) as replica:
        replica.wait_states(all="ready")
        aws.principal("webhook", denied=["ecr:Describe*"])
        replica.again()
        assert set(replica.states().values()) == {"ready"}
        assert replica.review(*IMAGES) == REWRITTEN
        assert "ecr:DescribePullThroughCacheRules" in replica.upstreams()["quay.io"]["reason"]
    with serve(keys=aws.session("webhook")) as replica:
        wait_for(replica.passes, "the first pass")
        replica.wait_states(all="unknown")
        assert "ecr:DescribePullThroughCacheRules" in replica.upstreams()["quay.io"]["reason"]
        assert replica.review(*IMAGES) == list(IMAGES)


def seconds(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def test_the_next_pass_is_announced(aws, secrets, serve):
    """By the interval, give or take a fifth; after a failure within half a minute."""
    def to_the_next():
        status = replica.status()["reconcile"]
        return seconds(status["nextPass"]) - seconds(status["lastPass"])

    with serve({"reconcile": {"interval": "1h"}}) as replica:
        replica.wait_states(all="ready")
        assert 48 * 60 <= to_the_next() <= 72 * 60
        assert replica.status()["reconcile"]["credentials"] == "environment"
        aws.fault(kind="server-error", service="ecr", times=None)
        replica.again()
        assert replica.status()["reconcile"]["outcome"] == "failed"
        assert 0 <= to_the_next() <= 31


BROKEN = '{"pullThroughCacheRules": 7}'


@pytest.mark.parametrize("fault", [
    {"kind": "throttle"}, {"kind": "server-error"}, {"kind": "body", "body": BROKEN},
    {"kind": "body", "body": "["}, {"kind": "http"}, {"kind": "huge"}, {"kind": "reset"},
    {"kind": "truncate"}], ids=lambda fault: fault["kind"])
def test_a_fault_of_aws_passes(aws, secrets, serve, fault):
    """It is met at the start: nothing is ready; later: what was ready stays so."""
    aws.fault(**fault, service="ecr", times=None)
    with serve() as replica:
        wait_for(replica.passes, "the first pass")
        assert set(replica.states().values()) == {"unknown"}
        assert replica.review(*IMAGES) == list(IMAGES)
        status = replica.status()["reconcile"]
        assert (status["outcome"], bool(status["problem"])) == ("failed", True)
        aws.admin("DELETE", "faults")
        replica.again()
        replica.wait_states(all="ready")
        aws.fault(**fault, service="ecr", times=None)
        replica.again()
        assert set(replica.states().values()) == {"ready"}
        assert replica.review(*IMAGES) == REWRITTEN
        assert replica.metric('pullthrough_reconcile_passes_total{outcome="failed"}') == 2


@pytest.mark.parametrize("fault", [
    {"kind": "hang"}, {"kind": "slow", "seconds": 30}, {"kind": "drip", "bytes": 1, "seconds": 1}],
    ids=lambda fault: fault["kind"])
def test_a_pass_that_hangs_delays_nothing(aws, secrets, serve, fault):
    """Reviews, files and the end of the program don't wait for it; readiness does, for a moment."""
    aws.fault(**fault, service="ecr", times=None)
    with serve() as replica:
        wait_for(lambda: operations(aws), "the call that hangs")
        for _ in range(20):
            assert replica.review(*IMAGES) == list(IMAGES)
        replica.configure(registry={"host": "registry.example"})
        wait_for(lambda: replica.status()["ruleSet"]["host"] == "registry.example", "a reload")
        wait_for(lambda: replica.readiness() == (200, "ok\n"), "the wait for a first look ends")
        assert replica.passes() == 0  # it hangs still
        status, seconds = replica.stop()
        assert status == 0
        aws.admin("DELETE", "faults")
        replica.start()
        _, usual = replica.stop()  # as busy as this machine is
        assert seconds < usual + 8
        replica.start()


def test_a_pass_that_hangs_later_delays_nothing(aws, secrets, serve):
    with serve() as replica:
        replica.wait_states(all="ready")
        first, passes = last_call(aws), replica.passes()
        aws.fault("hang", service="*", times=None)
        replica.process.send_signal(signal.SIGHUP)
        wait_for(lambda: operations(aws, since=first), "the call that hangs")
        for _ in range(20):
            assert replica.review(*IMAGES) == REWRITTEN
        assert replica.get("/readyz") == "ok\n"
        assert replica.passes() == passes


def test_not_ready_before_ecr_was_looked_at(aws, secrets, serve):
    """Else a replica that has just started would be sent reviews, and would leave their images
    alone: each rolling update of the webhook would cost some."""
    with serve() as replica:
        replica.wait_states(all="ready")
    aws.fault("slow", seconds=1, service="ecr")
    with serve() as replica:
        assert replica.readiness() == (503, "ECR was not looked at yet\n")
        wait_for(lambda: replica.readiness() == (200, "ok\n"), "readiness")
        assert replica.review(*IMAGES) == REWRITTEN


def test_who_trusts_the_operator_waits_for_no_look(aws, secrets, serve):
    aws.fault("hang", service="*", times=None)
    config = {"registry": {"account": ACCOUNT, "region": REGION}, "rewrite": {"requireRule": False}}
    with serve(config) as replica:
        assert replica.readiness() == (200, "ok\n")
        assert replica.review(*IMAGES) == REWRITTEN


def delete_rule(aws, prefix):
    kept = aws.state()["rules"]
    del kept[prefix]
    aws.state(rules=kept)


def test_a_rule_deleted_behind_our_back(aws, secrets, serve):
    with serve() as replica:
        replica.wait_states(all="ready")
        delete_rule(aws, "quaycache")
        replica.again()
        replica.wait_states(all="ready")
        assert "quaycache" in rules(aws)
        delete_rule(aws, "quaycache")
        replica.configure(reconcile={"mode": "observe"})
        replica.wait_states(all="ready", quay_io="missing")
        assert replica.review(*IMAGES) == [*REWRITTEN[:3], IMAGES[3]]
        assert "quaycache" not in rules(aws)


def test_observe_writes_nothing(aws, secrets, serve):
    with serve({"reconcile": {"mode": "observe"}}) as replica:
        replica.wait_states(all="missing")
        assert sorted(operations(aws)) == LOOKS
        assert replica.review(*IMAGES) == list(IMAGES)


def test_off_asks_nobody(aws, secrets, serve):
    config = {"reconcile": {"mode": "off"}, "rewrite": {"requireRule": False},
              "registry": {"account": ACCOUNT, "region": REGION}}
    with serve(config) as replica:
        replica.wait_states(all="ready")
        assert replica.review(*IMAGES) == REWRITTEN
        status = replica.status()["reconcile"]
        assert (status["lastPass"], status["nextPass"], status["credentials"]) == (None, None, None)
        assert operations(aws) == []


@pytest.mark.parametrize("number", [2, 5])
def test_replicas_at_once(aws, secrets, serve, number):
    """From an empty account, at the same moment."""
    managers = [serve() for _ in range(number)]
    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor() as pool:
        replicas = list(pool.map(stack.enter_context, managers))
        for replica in replicas:
            replica.wait_states(all="ready")
            assert replica.review(*IMAGES) == REWRITTEN
            assert replica.status()["reconcile"]["problem"] is None
            assert not [line for line in replica.lines if line.get("level") in ("error", "warn")]
    assert {prefix: rule["upstreamRegistryUrl"] for prefix, rule in rules(aws).items()} == {
        prefix: url for url, (prefix, _) in DEFAULTS.items()}
    assert list(aws.state()["templates"]) == ["ROOT"]
    assert sum(call["status"] == 200 for call in
               aws.calls(operation="CreatePullThroughCacheRule")) == 4


@pytest.mark.parametrize("operation, skip, applied", [
    ("DescribeRepositoryCreationTemplates", 0, False),
    ("CreateRepositoryCreationTemplate", 0, True),
    ("CreatePullThroughCacheRule", 2, True),
    ("CreatePullThroughCacheRule", 2, False),
    ("ValidatePullThroughCacheRule", 0, True)])
def test_killed_in_the_middle_of_a_pass(aws, secrets, program, tmp_path, certs, operation, skip,
                                        applied):
    aws.fault("hang", operation=operation, skip=skip, applied=applied)
    replica = Program(program, tmp_path, certs.leaf, aws)
    wait_for(lambda: operations(aws).count(operation) == skip + 1, "the call that hangs")
    replica.kill()
    aws.admin("DELETE", "faults")
    replica.start()
    replica.wait_states(all="ready")
    assert replica.review(*IMAGES) == REWRITTEN
    assert replica.stop()[0] == 0
    assert sorted(rules(aws)) == sorted(prefix for prefix, _ in DEFAULTS.values())
    assert list(aws.state()["templates"]) == ["ROOT"]


def test_keys_that_expire_are_renewed(aws, secrets, serve):
    """As with EKS Pod Identity; AWS doesn't take them any more before they say so."""
    aws.set(containerToken="pod-token")
    environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws.url}/v1/credentials",
                   "AWS_CONTAINER_AUTHORIZATION_TOKEN": "pod-token"}
    with serve(keys=("", ""), environment=environment) as replica:
        replica.wait_states(all="ready")
        assert len(aws.calls(service="container")) == 1
        first = last_call(aws)
        aws.expire("sessions")
        wait_for(lambda: replica.again() or len(aws.calls(service="container")) > 1, "new keys")
        assert {call["error"] for call in aws.calls(since=first)} <= {None, "ExpiredTokenException"}
        assert replica.status()["reconcile"]["problem"] is None
        assert set(replica.states().values()) == {"ready"}


def test_a_secret_that_works_stays_and_a_new_one_is_given(aws, secrets, serve):
    """Whoever gave it to the rule: only one that is gone makes place for the configuration's."""
    with serve() as replica:
        replica.wait_states(all="ready")
        other = aws.secret("ecr-pullthroughcache/other")
        upstreams = [{"registry": "docker.io", "secret": "ecr-pullthroughcache/other"},
                     {"registry": "quay.io"}]
        passes = replica.passes()
        replica.configure(upstreams=upstreams)
        wait_for(lambda: replica.passes() > passes, "a pass")
        replica.wait_states(all="ready")
        assert rules(aws)["dockercache"]["credentialArn"] == secrets["ecr-pullthroughcache/dockerio"]
        assert any('"dockercache" keeps another credential' in note
                   for note in replica.status()["reconcile"]["notes"])
        aws.admin("DELETE", "secrets/ecr-pullthroughcache/dockerio")
        replica.again()
        assert rules(aws)["dockercache"]["credentialArn"] == other
        replica.wait_states(all="ready")
        assert replica.status()["reconcile"]["notes"] == []
        # The same name, made anew: another ARN.
        aws.admin("DELETE", "secrets/ecr-pullthroughcache/other")
        anew = aws.secret("ecr-pullthroughcache/other")
        assert anew != other
        replica.again()
        assert rules(aws)["dockercache"]["credentialArn"] == anew
        replica.wait_states(all="ready")


AWAY = "The upstream registry registry-1.docker.io could not be reached."
REFUSED = "The authentication to the upstream registry failed. Verify that the credentials are right."


@pytest.mark.parametrize("failure, noted", [
    (AWAY, f"cached images are served. ECR says: {AWAY[:-1]}"),
    ("toomanyrequests: You have reached your pull rate limit.", "You have reached your pull rate"),
    ("Words that nobody knows", "nothing says that it was refused"),
    (REFUSED, "was refused once; if it is again in some minutes, it counts"),
], ids=["outage", "rate limit", "unknown", "refused once"])
def test_an_upstream_that_is_ill_is_rewritten_all_the_same(aws, secrets, serve, failure, noted):
    """What runs and what starts then; the log and /status say it."""
    with serve() as replica:
        replica.wait_states(all="ready")
        aws.fault("not-valid", failure=failure, times=None)
        replica.again()
        for _ in range(2):
            assert set(replica.states().values()) == {"ready"}
            assert replica.review(*IMAGES) == REWRITTEN
            notes = [note for note in replica.status()["reconcile"]["notes"] if noted in note]
            assert len(notes) == 2 and '"dockercache"' in notes[0] and '"ghcrcache"' in notes[1]
            assert {line["note"] for line in replica.logged("registry note")} == set(notes)
            assert replica.stop()[0] == 0
            replica.start()
            wait_for(replica.passes, "the first pass")
        aws.admin("DELETE", "faults")
        replica.again()
        assert replica.status()["reconcile"]["notes"] == []
        replica.wait_states(all="ready")


def put_rule(aws, prefix, url, **members):
    kept = rules(aws)
    kept[prefix] = {"ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": url, "createdAt": 1.7e9,
                    "updatedAt": 1.7e9, "registryId": ACCOUNT, "upstreamRegistry": "quay",
                    "credentialArn": None, "customRoleArn": None,
                    "upstreamRepositoryPrefix": "ROOT", **members}
    aws.state(rules=kept)


def test_a_rule_below_ours_takes_its_share(aws, secrets, serve):
    """Those images are left alone and the others rewritten; also while ECR can't be asked."""
    images = ["nginx:1.27", "docker.io/library/alpine", "grafana/grafana:11", "quay.io/org/app:1"]
    want = [*images[:2], f"{HOST}/dockercache/grafana/grafana:11", f"{HOST}/quaycache/org/app:1"]
    with serve() as replica:
        replica.wait_states(all="ready")
        put_rule(aws, "dockercache/library", "quay.io")
        replica.again()
        assert replica.review(*images) == want
        assert set(replica.states().values()) == {"ready"}
        reason = 'the rule "dockercache/library" takes them from quay.io'
        assert reason in replica.upstreams()["docker.io"]["reason"]
        assert any(reason in note for note in replica.status()["reconcile"]["notes"])
        assert replica.logged("registry note")[-1]["note"].endswith(reason)
        assert replica.metric('pullthrough_images_total{upstream="docker.io",'
                              'outcome="rule-not-ready"}') == 2
        aws.fault("close", service="*", times=None)
        replica.again()
        assert replica.review(*images) == want
        replica.configure(rewrite={"warnings": True})
        wait_for(lambda: len(replica.logged("configuration loaded")) == 2, "a reload")
        assert replica.review(*images) == want
        aws.admin("DELETE", "faults")
        delete_rule(aws, "dockercache/library")
        replica.again()
        assert replica.review(*images)[0] == f"{HOST}/dockercache/library/nginx:1.27"
        assert replica.status()["reconcile"]["notes"] == []


def test_an_outage_leaves_ready_what_was(aws, secrets, serve):
    with serve() as replica:
        replica.wait_states(all="ready")
        since = {name: each["since"] for name, each in replica.upstreams().items()}
        aws.fault("close", service="*", times=None)
        replica.again()
        assert {name: each["since"] for name, each in replica.upstreams().items()} == since
        replica.wait_states(all="ready")
        assert replica.review(*IMAGES) == REWRITTEN
        # A configuration that changes something else, with AWS still away.
        replica.configure(rewrite={"warnings": True})
        wait_for(lambda: len(replica.logged("configuration loaded")) == 2, "a reload")
        assert replica.review(*IMAGES) == REWRITTEN


def test_credentials_that_the_upstream_refuses(aws, serve):
    aws.secret("ecr-pullthroughcache/ghcr")
    aws.secret("ecr-pullthroughcache/dockerio", value="no JSON")
    with serve() as replica:
        replica.wait_states(all="ready", docker_io="secret-invalid")
        assert replica.review(*IMAGES) == [IMAGES[0], *REWRITTEN[1:]]
        aws.secret("ecr-pullthroughcache/dockerio")
        replica.again()
        replica.wait_states(all="ready")


def test_a_malformed_secret_is_found_before_its_rule(aws, serve):
    aws.secret("ecr-pullthroughcache/ghcr")
    aws.secret("ecr-pullthroughcache/dockerio", value="no JSON")
    with serve({"reconcile": {"readSecrets": True}}) as replica:
        replica.wait_states(all="ready", docker_io="secret-invalid")
        assert "dockercache" not in rules(aws)


def test_another_account_than_configured(aws, secrets, serve):
    with serve({"registry": {"account": "444455556666"}}) as replica:
        replica.wait_states(all="conflict")
        assert ACCOUNT in replica.upstreams()["quay.io"]["reason"]
        assert rules(aws) == {}


def test_scanning_is_enhanced_where_it_is_wanted(aws, secrets, serve):
    with serve({"reconcile": {"scanning": "enhanced"}}) as replica:
        replica.wait_states(all="ready")
        scanning = aws.state()["scanning"]
        assert scanning["scanType"] == "ENHANCED"
        filters = {each["filter"] for rule in scanning["rules"]
                   for each in rule["repositoryFilters"]}
        assert len(filters) >= 4
        replica.again()
        assert operations(aws).count("PutRegistryScanningConfiguration") == 1


def test_without_credentials_nothing_is_rewritten(aws, secrets, serve):
    with serve(keys=("", "")) as replica:
        wait_for(replica.passes, "the first pass")
        assert set(replica.states().values()) == {"unknown"}
        assert "credentials" in replica.status()["reconcile"]["problem"]
        assert replica.review(*IMAGES) == list(IMAGES)
        problem, = replica.logged("reconcile problem")
        replica.again()
        assert replica.logged("reconcile problem") == [problem]


def test_who_requires_no_rule_waits_for_none(aws, serve):
    aws.fault("hang", service="*", times=None)
    config = {"rewrite": {"requireRule": False}, "registry": {"account": ACCOUNT}}
    with serve(config) as replica:
        wait_for(lambda: operations(aws), "the call that hangs")
        assert replica.review(*IMAGES) == REWRITTEN
        assert set(replica.states().values()) == {"unknown"}


def test_nothing_secret_is_shown(aws, serve):
    """An answer to a wrong signature repeats the token that was signed."""
    aws.secret("ecr-pullthroughcache/ghcr", value={"username": "u", "accessToken": "hush-ghcr"})
    aws.secret("ecr-pullthroughcache/dockerio", value="hush-docker, and no JSON")
    key_id, secret, token = aws.session("operator")
    config = {"reconcile": {"readSecrets": True}, "log": {"level": "debug"}}
    for keys, state in (((key_id, secret, token), "ready"),
                        ((key_id, secret[::-1], token), "unknown")):
        with serve(config, keys=keys) as replica:
            wait_for(replica.passes, "the first pass")
            wait_for(lambda: replica.states()["ghcr.io"] == state, state)
            shown = json.dumps(replica.lines) + replica.get("/status") + replica.get("/metrics")
            for text in (secret, secret[::-1], token, token[-40:], "hush"):
                assert text not in shown


def test_no_core_dump_is_written(aws, serve):
    with serve() as replica:
        limits = pathlib.Path(f"/proc/{replica.process.pid}/limits").read_text("ascii")
        line, = [each for each in limits.splitlines() if each.startswith("Max core file size")]
        assert line.split()[4:6] == ["0", "0"]
