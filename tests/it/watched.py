"""Two replicas in cached mode under mixed load, beside the AWS stand-in and a fake of the API server, and
the Prometheus that scrapes them: what the dashboard is tried with, and drawn from."""

import contextlib
import itertools
import json
import threading

from kube_fake import KubeFake
from prometheus import Metrics, Prometheus, replica, target
from reconciling import running
from service import ORIGINALS
from standin import ACCOUNT_VALUE
from upstream import settings_of

UPSTREAMS = [
    {"registry": "docker.io", "prefix": "dockercache"},
    {"registry": "quay.io", "prefix": "quaycache"},
    {"registry": "ghcr.io", "prefix": "ghcrcache"},
]
SECRETS = ("ecr-pullthroughcache/dockerio", "ecr-pullthroughcache/ghcr")
WRONG_KEYS = ("AKIASTANDINOPERATOR2", "standin/not+the+secret+of+that+key+000000000=")
# What pods ask for: what is there, what isn't, and what is left alone.
LOAD = (
    ("quay.io/org/app:1.0", "alpine:3"),
    ("quay.io/org/app:1.1",),
    ("ghcr.io/org/tool:1", "registry.example/ours:2"),
    ("quay.io/org/absent:1",),
    ("alpine:3", "busybox:latest"),
    ("quay.io/org/app:not a tag",),
)
FAIL_OPEN = (
    "# TYPE apiserver_admission_webhook_fail_open_count counter\n"
    'apiserver_admission_webhook_fail_open_count{{name="pullthrough.pullthrough.pullthrough.internal",'
    'type="admit"}} {}\n'
)


class Watched:
    """Use `with`. `replicas` is {pod: Program}."""

    def __init__(self, program, folder, certs, aws, registries):
        self._program, self._folder, self._certs, self._aws = program, folder, certs, aws
        self.quay, self.hub = registries
        self._stack = contextlib.ExitStack()
        self._folders = itertools.count()
        self._enough = threading.Event()
        self.replicas, self._stops = {}, {}
        self._failed = []

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._fill()
            self.kube = stack.enter_context(KubeFake(self._certs, self._folder / "account"))
            self.apiserver = stack.enter_context(Metrics())
            self.prometheus = Prometheus(self._folder)
            stack.callback(self.prometheus.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure):
        self._enough.set()
        for pod in list(self.replicas):
            self.end(pod)
        self._stack.__exit__(*failure)
        assert not self._failed, self._failed

    def _fill(self):
        for tag in ("1.0", "1.1"):
            self.quay.image("org/app", tag, f"app {tag}")
        self.hub.index("library/alpine", "3")
        accounts = {ACCOUNT_VALUE["username"]: ACCOUNT_VALUE["accessToken"]}
        self._aws.reset()
        self._aws.set(upstreams=settings_of(self.quay, self.hub, accounts=accounts))
        self._aws.secret(SECRETS[0])

    def config(self, **more):
        return {
            "registry": {"host": self._aws.host},
            "aws": {
                "endpoint": dict.fromkeys(("ecr", "sts", "secretsmanager"), self._aws.url),
                "caFile": str(self._certs.ca),
            },
            "upstreams": UPSTREAMS,
            "reconcile": {"interval": "10s"},
            "rewrite": {"when": "cached"},
            "fallback": {"watch": True, "heal": True, "remember": "1m", "probe": {"interval": "0s"}},
            **more,
        }

    def start(self, pod, **more):
        """A replica, and its share of the load."""
        folder = self._folder / f"{pod}-{next(self._folders)}"
        folder.mkdir()
        context = running(
            self._program, folder, self._certs.leaf, self._aws, self.config(),
            environment=self.kube.environ(), **more,
        )  # fmt: skip
        self.replicas[pod] = context.__enter__()
        stop = threading.Event()
        thread = threading.Thread(target=self._ask, args=(self.replicas[pod], stop))
        self._stops[pod] = (context, stop, thread)
        thread.start()
        self._scrape()
        return self.replicas[pod]

    def end(self, pod):
        context, stop, thread = self._stops.pop(pod)
        stop.set()
        thread.join()
        del self.replicas[pod]
        context.__exit__(None, None, None)
        self._scrape()

    def _scrape(self):
        self.prometheus.scrape(
            target(self.apiserver.address, job="apiserver"),
            *(replica(each.status_port, f"pullthrough-{pod}") for pod, each in self.replicas.items()),
        )

    def _ask(self, replica, stop):
        """Some ten pods a second."""
        try:
            for images in itertools.cycle(LOAD):
                replica.review(*images)
                if stop.wait(0.1):
                    return
        except Exception as failure:  # noqa: BLE001 - it is told at the end
            self._failed.append(repr(failure))

    # What may happen

    def secret(self):
        """The one that is missing at first."""
        self._aws.secret(SECRETS[1])

    def fail_open(self, pods):
        self.apiserver.text = FAIL_OPEN.format(pods)

    def fail_pull(self, image, name):
        """A node says that it can't pull a pod's image from the cache."""
        where = f"{self._aws.host}/quaycache/org/{image}"
        originals = json.dumps({"containers/web": f"quay.io/org/{image}"})
        waiting = {"state": {"waiting": {"reason": "ImagePullBackOff"}}}
        made = self.kube.cluster.put({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": "shop", "name": name, "annotations": {ORIGINALS: originals}},
            "spec": {"containers": [{"name": "web", "image": where}]},
            "status": {"phase": "Pending",
                       "containerStatuses": [{"name": "web", "image": where, **waiting}]},
        })  # fmt: skip
        why = f'failed to resolve reference "{where}": {where}: not found'
        self.kube.cluster.fail_pull("shop", name, where, why, uid=made["metadata"]["uid"])

    def configure(self, pod, when):
        """Rewrite "cached", or what no program takes."""
        self.replicas[pod].configure(rewrite={"when": when})
