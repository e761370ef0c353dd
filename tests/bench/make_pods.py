#!/usr/bin/python3
"""Print what `kubectl get pods -A -o json` says in a large cluster: make_pods.py PODS.

10 KB a pod, as they are in the field: most of it is environment, volumes, conditions and statuses.
The images come from all registries, and with N pods there are about N / 100 different ones.
"""

import json
import sys

REGISTRIES = ["", "docker.io/bitnami/", "ghcr.io/org/", "quay.io/team/", "registry.k8s.io/", "registry.acme.example/"]
DIGEST = "@sha256:" + 64 * "0"


def container(pod, i, images):
    number = (pod * 7 + i * 13) % images
    image = f"{REGISTRIES[number % len(REGISTRIES)]}app-{number}:1.{number % 30}"
    return {
        "env": [{"name": f"SETTING_{k}", "value": f"a value as long as they mostly are {{{k}}}, \"quoted\""}
                for k in range(8)],
        "image": image + (DIGEST if number % 10 == 9 else ""), "imagePullPolicy": "IfNotPresent",
        "name": f"container-{i}", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        "volumeMounts": [{"mountPath": f"/mnt/{k}", "name": f"volume-{k}"} for k in range(6)],
    }  # fmt: skip


def make(pod, pods):
    containers = [container(pod, i, max(pods // 100, 10)) for i in range(2)]
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "annotations": {"checksum/config": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"},
            "labels": {"app.kubernetes.io/name": f"app-{pod}", "pod-template-hash": "6d4cf56db6"},
            "name": f"app-{pod}-6d4cf56db6-abcde", "namespace": f"team-{pod * 200 // pods}",
            "ownerReferences": [{"apiVersion": "apps/v1", "controller": True, "kind": "ReplicaSet", "name": "app"}],
            "uid": f"00000000-0000-0000-0000-{pod:012}",
        },
        "spec": {"containers": containers, "nodeName": f"node-{pod % 500}",
                 "volumes": [{"configMap": {"defaultMode": 420, "name": f"config-{k}"}, "name": f"volume-{k}"}
                             for k in range(6)]},
        "status": {
            "conditions": [{"lastProbeTime": None, "lastTransitionTime": "2026-11-01T00:00:00Z", "status": "True",
                            "type": kind} for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")],
            "containerStatuses": [{"image": each["image"], "imageID": f"docker.io/library/app{DIGEST}",
                                   "name": each["name"], "ready": True, "restartCount": 0} for each in containers],
            "phase": "Running",
        },
    }  # fmt: skip


def main():
    pods = int(sys.argv[1])
    sys.stdout.write('{\n    "apiVersion": "v1",\n    "items": [\n')
    for pod in range(pods):
        text = json.dumps(make(pod, pods), indent=4).replace("\n", "\n        ")
        sys.stdout.write(f"        {text}{',' if pod + 1 < pods else ''}\n")
    sys.stdout.write('    ],\n    "kind": "List",\n    "metadata": {\n        "resourceVersion": ""\n    }\n}\n')


main()
