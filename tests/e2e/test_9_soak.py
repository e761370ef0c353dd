"""Random faults in random order, under a steady load; the seed is printed, so that a run can be
made again."""

import collections
import random
import time
import types

import faults
import kube
import pull_faults
import pytest
from installation import NAME, NAMESPACE
from records import Records
from steady import Steady
from tls_modes import Authority, SelfSigned
from world import b64, cached, seconds_until_it_ran, until

pytestmark = pytest.mark.own
# What the program says above level info, and which fault explains it.
EXPLAINED = {
    "configuration_broken": {"configuration refused, the old one goes on"},
    "aws_out_of_order": {"reconcile problem"},
    "hanging": {"TLS handshake failed"},  # whom they kept waiting is gone
    "killed": {"TLS handshake failed"},  # called again before it has its certificate again
    "upgrade": {"this key takes effect at the next start"},  # by those that are replaced
    "rolled_back": {"this key takes effect at the next start"},
    "wrong_bundle": {"TLS handshake failed"},
    "pulls_fail": {"reconcile problem"},  # a rule that goes unnoticed, since ECR doesn't answer
}
STUCK_S = 30  # for a pod that can run from upstream, while a replica is up
QUIET_S = 15  # after a replica was killed, until the cluster has noticed


def dead(inst, load, folder):
    with faults.dead(inst):
        load.go_on(40)


def hanging(inst, load, folder):
    with faults.hanging(inst):
        load.go_on(5)


def wrong_bundle(inst, load, folder):
    good = inst.configuration()["webhooks"][0]["clientConfig"]["caBundle"]
    faults.set_bundle(inst, b64(Authority(folder).ca.read_bytes()))
    load.go_on(40)
    faults.set_bundle(inst, good)


BLIND = (dead, hanging, wrong_bundle)


def pulls_fail(rng, inst, load):
    """Pods that can't be pulled through the cache, in some way, and for the most part while
    replicas come and go; seconds until the last one ran."""
    world, namespace = inst.world, load.namespace
    pull_faults.forget_failures(inst)
    pull_faults.forget_images(world)
    cause = rng.choice(list(pull_faults.CAUSES))
    make, kind = pull_faults.CAUSES[cause]
    # Who starts while AWS is away knows no rule.
    calm = (faults.rolling_restart, faults.one_evicted)
    meanwhile = None if cause in pull_faults.WITHOUT_AWS else rng.choice((*calm, None))
    print(f"  {cause}, {meanwhile.__name__ if meanwhile else 'nothing'} meanwhile")
    image, names = pull_faults.name_of(world, kind), [f"stuck-{i}" for i in range(3)]
    until(lambda: world.try_image(namespace, image) == cached(image), "it goes to the cache")
    with make(world):
        for name in names:
            world.kube.create(kube.pod(name, image, namespace=namespace))
        if meanwhile:
            meanwhile(inst, load)
        pods = [world.wait_running(name, namespace) for name in names]
    assert all(kube.images(pod) == [image] for pod in pods), cause
    for name in names:
        world.kube.delete("Pod", name, namespace)
    until(lambda: not any(world.kube.find("Pod", name, namespace) for name in names), "they go")
    return max(seconds_until_it_ran(pod) for pod in pods)


def is_explained(record, fault):
    return record["level"] in ("debug", "info") or record["message"] in EXPLAINED.get(fault, ())


def one_fault(rng, inst, load, folder, stuck):
    """Its name; asserts what must hold for its kind."""
    own = faults.SELF if isinstance(inst.tls, SelfSigned) else ()
    pulls = [pulls_fail] * 4  # of several kinds
    fault = rng.choice([*faults.CALM, *faults.AWS, *own, faults.killed, *BLIND, *pulls])
    began = time.monotonic()
    print(time.strftime("%H:%M:%S", time.gmtime()), fault.__name__)
    if fault in BLIND:
        fault(inst, load, folder)
        inst.settle()
        load.wait_rewritten()
    elif fault is pulls_fail:
        stuck.append(fault(rng, inst, load))
    else:
        fault(inst, load)
    load.go_on(60)
    assert not load.failures, (fault.__name__, load.failures[:3])
    if fault is faults.killed:
        assert not [when for when, _ in load.plain if when > began + QUIET_S], load.plain[-3:]
        load.forget_unanswered()
    assert not load.plain, (fault.__name__, load.plain[:3])
    return fault.__name__


def test_records_begin_when_they_are_asked_for(tmp_path):
    folder = tmp_path / f"var/log/pods/{NAMESPACE}_{NAME}-1_uid/{NAME}"
    folder.mkdir(parents=True)
    line = '2026-11-29T22:20:12Z stderr F {"level":"warn","message":"%s"}\n'
    (folder / "0.log").write_text(line % "of another test")
    with Records(types.SimpleNamespace(root=lambda: tmp_path)) as records:
        assert not list(records.take())
        with open(folder / "0.log", "a") as file:
            file.write(line % "old replica")
        (folder / "1.log").write_text(line % "new replica")
        seen = []
        until(lambda: seen.extend(records.take()) or len(seen) == 2, "both lines")
    assert [each["message"] for each in seen] == ["old replica", "new replica"]


def test_soak(world, healing, folder, figures, request):
    installed, stuck = healing, []
    seed = request.config.getoption("--seed")
    seed = random.randrange(2**32) if seed is None else seed
    seconds = request.config.getoption("--soak")
    print(f"seed {seed}")
    rng, done, lines = random.Random(seed), collections.Counter(), 0
    namespace = world.namespace("soak")
    first = sizes(installed)
    end = time.monotonic() + seconds
    with Steady(world, namespace) as load, Records(world) as records:
        load.wait_rewritten()
        while time.monotonic() < end:
            fault = one_fault(rng, installed, load, folder, stuck)
            done[fault] += 1
            said = list(records.take())
            lines += len(said)
            unexplained = [each for each in said if not is_explained(each, fault)]
            assert not unexplained, (fault, unexplained[:5])
        made = load.made
    assert lines > made / 2  # one for each pod that is rewritten
    until(lambda: world.try_image(namespace) == cached("busybox:1"), "rewriting at the end")
    last = sizes(installed)
    figures.append(
        f"soak: seed {seed}, {seconds} s, {sum(done.values())} faults "
        f"({', '.join(f'{v} {k}' for k, v in sorted(done.items()))}), {made} creations, none failed; "
        f"{lines} lines of log, none that its fault doesn't explain"
    )
    if stuck:
        figures.append(f"  {3 * len(stuck)} pods that the cache failed ran from upstream, the last "
                       f"one {max(stuck):.1f} s after its creation")  # fmt: skip
        assert max(stuck) < STUCK_S
    figures.append(f"  a replica: {first[0] / 2**20:.1f} -> {last[0] / 2**20:.1f} MiB, "
                   f"{first[1]:.0f} -> {last[1]:.0f} file descriptors")  # fmt: skip
    assert last[0] < first[0] + 8 * 2**20 and last[1] < first[1] + 30


def sizes(inst):
    """The largest resident set, and the most file descriptors, of a replica."""
    metrics = [inst.metrics(pod["metadata"]["name"]) for pod in inst.pods()]
    return (
        max(each["process_resident_memory_bytes"] for each in metrics),
        max(each["process_open_fds"] for each in metrics),
    )
