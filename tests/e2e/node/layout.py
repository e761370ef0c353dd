"""The folder of a cluster and its fixed addresses: the network is its own, so ports may be fixed."""

import pathlib

NODE = "10.89.0.1"  # the node's own address, and the AWS stand-in's
PODS = "10.88.0.0/24"
SERVICES = "10.0.0.0/24"
API, ETCD, UPSTREAM, PRIVATE, AWS = 6443, 2379, 5000, 5001, 4566
ECR = "111122223333.dkr.ecr.us-west-2.amazonaws.com"
# The registries that nodes pull from; the private one wants a login.
UPSTREAMS = {
    "docker.io": "registry-1.docker.io",
    "ghcr.io": "ghcr.io",
    "quay.io": "quay.io",
    "registry.k8s.io": "registry.k8s.io",
}
PRIVATE_HOST = "registry.acme.example"
# What they hold; the private registry's last.
IMAGES = (
    "docker.io/library/busybox:1",
    "docker.io/library/nginx:1.27",
    "docker.io/acme/tool:3",
    "docker.io/istio/proxyv2:1.24",
    "ghcr.io/org/app:2.4",
    "ghcr.io/org/app:2.5",
    "quay.io/prometheus/prometheus:v3.1.0",
    "registry.k8s.io/pause:3.10",
)
PRIVATE_IMAGE = "registry.acme.example/team/app:7"
SANDBOX = "cluster.example/pause:1"


class Layout:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.logs = self.folder / "logs"
        self.images = self.folder / "images"
        self.kubeconfig = self.folder / "kubeconfig"  # for this machine
        self.inside = self.folder / "inside.kubeconfig"  # for the cluster's own network
        self.process = self.folder / "process.json"
        self.machine = self.folder / "machine.json"
        self.settings = self.folder / "settings.json"
        self.containerd = self.folder / "containerd.sock"
        self.audit = self.folder / "audit.log"
        # For pods that ask the registry, which has a name by this file only.
        self.ca = self.folder / "ca.crt"
        self.pods_hosts = self.folder / "pods-hosts"
        self.static_pods = self.folder / "static-pods"

    def log(self, program):
        return self.logs / f"{program}.log"
