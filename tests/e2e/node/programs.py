"""The programs of a node and of its control plane: how each is called."""

import pathlib

import layout

ROOT = pathlib.Path(__file__).resolve().parents[3]


def etcd(where, tools):
    url, peer = f"http://127.0.0.1:{layout.ETCD}", f"http://127.0.0.1:{layout.ETCD + 1}"
    return [
        tools["etcd"], "--data-dir", where.folder / "etcd", "--unsafe-no-fsync",
        "--log-level", "warn", "--listen-client-urls", url, "--advertise-client-urls", url,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
        "--initial-cluster", f"default={peer}",
    ]  # fmt: skip


def apiserver(where, tools):
    accounts = where.folder / "accounts.key"
    return [
        tools["kube-apiserver"], "--etcd-servers", f"http://127.0.0.1:{layout.ETCD}",
        "--secure-port", layout.API, "--bind-address", "0.0.0.0",
        "--advertise-address", layout.NODE, "--service-cluster-ip-range", layout.SERVICES,
        "--tls-cert-file", where.folder / "apiserver.crt",
        "--tls-private-key-file", where.folder / "apiserver.key", "--cert-dir", where.folder,
        "--service-account-issuer", "https://kubernetes.default.svc",
        "--service-account-key-file", accounts, "--service-account-signing-key-file", accounts,
        "--token-auth-file", where.folder / "tokens.csv", "--authorization-mode", "Node,RBAC",
        "--allow-privileged=true", "--kubelet-preferred-address-types", "InternalIP",
        "--audit-policy-file", where.folder / "audit.yaml", "--audit-log-path", where.audit,
        "--audit-log-mode", "blocking", "--audit-log-maxsize", "0", "--max-requests-inflight", "1000",
        "--profiling=false", "--delete-collection-workers", "4",
    ]  # fmt: skip


def controller_manager(where, tools):
    return [
        tools["kube-controller-manager"], "--kubeconfig", where.inside, "--leader-elect=false",
        "--service-account-private-key-file", where.folder / "accounts.key",
        "--root-ca-file", where.folder / "ca.crt", "--bind-address", "127.0.0.1",
        "--kube-api-qps", "100", "--kube-api-burst", "200", "--cert-dir", where.folder,
    ]  # fmt: skip


def scheduler(where, tools):
    return [
        tools["kube-scheduler"], "--kubeconfig", where.inside, "--leader-elect=false",
        "--bind-address", "127.0.0.1", "--kube-api-qps", "100", "--kube-api-burst", "200",
        "--cert-dir", where.folder,
    ]  # fmt: skip


def proxy(where, tools):
    return [
        tools["kube-proxy"], "--kubeconfig", where.inside, "--proxy-mode", "iptables",
        "--hostname-override", "node1", "--conntrack-max-per-core", "0",
        "--conntrack-tcp-timeout-established", "0", "--iptables-min-sync-period", "200ms",
        "--healthz-bind-address", "127.0.0.1:10256", "--metrics-bind-address", "127.0.0.1:10249",
        "--cluster-cidr", layout.PODS,
    ]  # fmt: skip


def kubelet(where, tools):
    return [
        tools["kubelet"], "--config", where.folder / "kubelet.yaml", "--kubeconfig", where.inside,
        "--root-dir", where.folder / "kubelet", "--hostname-override", "node1",
        "--node-ip", layout.NODE, "--cert-dir", where.folder / "kubelet-pki",
        "--image-credential-provider-config", where.folder / "credentials.yaml",
        "--image-credential-provider-bin-dir", where.folder / "bin",
    ]  # fmt: skip


def containerd(where, tools):
    return [tools["containerd"], "--config", where.folder / "containerd.toml"]


def registry(name):
    return lambda where, _tools: ["docker-registry", "serve", where.folder / f"{name}.yml"]


def aws(where, _tools):
    return [
        "/usr/bin/python3", ROOT / "tests" / "fakes" / "aws", "--host", "0.0.0.0",
        "--port", layout.AWS, "--set", "issuer=https://kubernetes.default.svc",
        "--set", f"jwksFile={where.folder / 'jwks.json'}",
        "--cert", where.folder / "registry.crt", "--key", where.folder / "registry.key",
    ]  # fmt: skip
