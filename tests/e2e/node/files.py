"""The files that the cluster's programs read."""

import base64
import json
import secrets
import subprocess
import textwrap

import layout

AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "namespaces": ["scale-none", "scale-webhook", "scale-policy"]},
        {
            "level": "Request",
            "resources": [
                {"group": "", "resources": ["pods", "pods/ephemeralcontainers"]},
                {"group": "admissionregistration.k8s.io"},
            ],
        },
        {"level": "Metadata"},
    ],
}
# somebody with the password a-token, bcrypt
HTPASSWD = "somebody:$2b$05$zMASGL6V9C5yhbeaEopBceyNDiKu8YRhu31o/wrSkEDquxEzbCAqW\n"


def kubeconfig(server, ca, token):
    cluster = {
        "server": server,
        "certificate-authority-data": base64.b64encode(ca.read_bytes()).decode(),
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "admin"}}],
            "current-context": "e2e",
        }
    )


def hosts(server):
    """A hosts.toml: where a registry really is."""
    return f'server = "{server}"\n[host."{server}"]\n  capabilities = ["pull", "resolve"]\n'


def containerd(where):
    return textwrap.dedent(f"""\
        version = 3
        root = "{where.folder}/containerd"
        state = "/run/containerd"
        [grpc]
          address = "{where.containerd}"
        [plugins."io.containerd.internal.v1.opt"]
          path = "{where.folder}/opt"
        [plugins."io.containerd.cri.v1.images"]
          snapshotter = "overlayfs"
          [plugins."io.containerd.cri.v1.images".pinned_images]
            sandbox = "{layout.SANDBOX}"
          [plugins."io.containerd.cri.v1.images".registry]
            config_path = "{where.folder}/registries"
        [plugins."io.containerd.cri.v1.runtime"]
          disable_apparmor = true
          restrict_oom_score_adj = true
          [plugins."io.containerd.cri.v1.runtime".cni]
            bin_dirs = ["/usr/lib/cni"]
            conf_dir = "{where.folder}/cni"
          [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
            runtime_type = "io.containerd.runc.v2"
        """)


def cni():
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": layout.PODS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]})


def kubelet(where):
    """Whatever it would put outside of our folder goes into it."""
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": layout.NODE,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "clusterDNS": [layout.NODE],
            "containerRuntimeEndpoint": f"unix://{where.containerd}",
            "enforceNodeAllocatable": [],
            "evictionHard": {},
            "failCgroupV1": False,
            "failSwapOn": False,
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "maxPods": 200,
            "registryPullQPS": 0,
            "resolvConf": str(where.folder / "resolv.conf"),
            "serializeImagePulls": False,
            "syncFrequency": "3s",
            "staticPodPath": str(where.static_pods),
            "fileCheckFrequency": "1s",
            "volumePluginDir": str(where.folder / "volume-plugins"),
        }
    )


def credential_provider():
    provider = {
        "name": "ecr-login",
        "matchImages": ["*.dkr.ecr.*.amazonaws.com"],
        "defaultCacheDuration": "5m",
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "args": [f"http://{layout.NODE}:{layout.AWS}"],
    }
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1",
            "kind": "CredentialProviderConfig",
            "providers": [provider],
        }
    )


def registry(where, port, account):
    text = f"version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {where}}}}}\n"
    text += f'http: {{addr: "127.0.0.1:{port}"}}\n'
    if account:
        text += f"auth: {{htpasswd: {{realm: private, path: {account}}}}}\n"
    return text


def write_all(where, certs, api_port):
    """Everything that can be written before a program runs; the admin's token."""
    folder = where.folder
    token = secrets.token_hex(16)
    certs.issue(
        "apiserver",
        names="DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,"
        f"IP:127.0.0.1,IP:{layout.NODE},IP:10.0.0.1",
        days=30,
    )
    certs.issue("registry", names=f"DNS:{layout.ECR}", days=30)
    key = ("openssl", "genrsa", "-out", folder / "accounts.key", "2048")
    subprocess.run(key, check=True, capture_output=True)
    files = {
        "tokens.csv": f"{token},admin,admin,system:masters\n",
        "audit.yaml": json.dumps(AUDIT),
        "containerd.toml": containerd(where),
        "cni/10-pods.conflist": cni(),
        "kubelet.yaml": kubelet(where),
        "credentials.yaml": credential_provider(),
        "resolv.conf": "",
        "pods-hosts": f"127.0.0.1 localhost\n{layout.NODE} {layout.ECR}\n",
        "htpasswd": HTPASSWD,
        "upstream.yml": registry(folder / "upstream", layout.UPSTREAM, None),
        "private.yml": registry(folder / "private", layout.PRIVATE, folder / "htpasswd"),
        "kubeconfig": kubeconfig(f"https://127.0.0.1:{api_port}", certs.ca, token),
        "inside.kubeconfig": kubeconfig(f"https://127.0.0.1:{layout.API}", certs.ca, token),
        f"registries/{layout.ECR}/hosts.toml": hosts(f"http://{layout.NODE}:{layout.AWS}"),
        f"registries/{layout.PRIVATE_HOST}/hosts.toml": hosts(f"http://127.0.0.1:{layout.PRIVATE}"),
    }
    for registry_name in layout.UPSTREAMS:
        files[f"registries/{registry_name}/hosts.toml"] = hosts(
            f"http://127.0.0.1:{layout.UPSTREAM}"
        )
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    where.static_pods.mkdir(exist_ok=True)
    return token
