#!/usr/bin/python3
"""Make an AdmissionReview of about N thousand bytes, as the API server would send it.

A pod's CREATE with what the API server has already filled in (managed fields, the token
volume, tolerations), as Go writes JSON: compact, with < > & as \\u003c \\u003e \\u0026, and a
newline at the end. The same arguments always give the same bytes.

Usage: make_review.py KILOBYTES >review.json
"""

import json
import sys

IMAGES = [
    "nginx:1.27",
    "quay.io/prometheus/prometheus:v3.1.0",
    "ghcr.io/org/app:2.14.0",
    "registry.k8s.io/git-sync/git-sync:v4.2.4",
    "bitnami/redis:7.4",
    "registry.example.com/team/sidecar:1.9",
    "docker.io/library/postgres:17",
    "envoyproxy/envoy:v1.32-latest",
]

TOKEN_VOLUME = "kube-api-access-x2x4z"


def bare_container(number):
    return {
        "name": f"c{number}",
        "image": IMAGES[number % len(IMAGES)],
        "env": [],
        "resources": {},
        "volumeMounts": [
            {
                "name": TOKEN_VOLUME,
                "readOnly": True,
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            },
        ],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def full_container(number):
    made = bare_container(number)
    made["command"] = ["/bin/sh", "-c"]
    made["args"] = ["wait-for db:5432 && exec serve --listen :8080 2>&1 >/dev/stdout"]
    made["ports"] = [{"name": "http", "containerPort": 8000 + number, "protocol": "TCP"}]
    made["resources"] = {
        "limits": {"cpu": "500m", "memory": "256Mi"},
        "requests": {"cpu": "100m", "memory": "128Mi"},
    }
    made["volumeMounts"].insert(0, {"name": "config", "mountPath": "/etc/config"})
    made["livenessProbe"] = {
        "httpGet": {"path": "/healthz?a=1&b=2", "port": "http", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    made["securityContext"] = {
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
    }
    return made


def managed_container(made):
    fields = {".": {}}
    for key in made:
        fields[f"f:{key}"] = {}
    fields["f:env"] = {".": {}}
    for variable in made["env"]:
        key = "k:" + json.dumps({"name": variable["name"]}, separators=(",", ":"))
        fields["f:env"][key] = {".": {}, "f:name": {}, "f:value": {}}
    return fields


def managed_fields(containers):
    listed = {}
    for made in containers:
        key = "k:" + json.dumps({"name": made["name"]}, separators=(",", ":"))
        listed[key] = managed_container(made)
    return [
        {
            "manager": "kube-controller-manager",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2026-11-21T10:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {
                    "f:generateName": {},
                    "f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}},
                    "f:ownerReferences": {".": {}, 'k:{"uid":"8f2d9b1e"}': {}},
                },
                "f:spec": {
                    "f:containers": listed,
                    "f:dnsPolicy": {},
                    "f:enableServiceLinks": {},
                    "f:restartPolicy": {},
                    "f:schedulerName": {},
                    "f:securityContext": {},
                    "f:terminationGracePeriodSeconds": {},
                    "f:volumes": {".": {}, 'k:{"name":"config"}': {".": {}, "f:configMap": {}}},
                },
            },
        }
    ]


def volumes():
    return [
        {"name": "config", "configMap": {"name": "web-config", "defaultMode": 420}},
        {
            "name": TOKEN_VOLUME,
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {
                        "configMap": {
                            "name": "kube-root-ca.crt",
                            "items": [{"key": "ca.crt", "path": "ca.crt"}],
                        }
                    },
                    {
                        "downwardAPI": {
                            "items": [
                                {
                                    "path": "namespace",
                                    "fieldRef": {
                                        "apiVersion": "v1",
                                        "fieldPath": "metadata.namespace",
                                    },
                                }
                            ]
                        }
                    },
                ],
                "defaultMode": 420,
            },
        },
    ]


def toleration(key):
    return {
        "key": f"node.kubernetes.io/{key}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }


def pod(containers):
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "generateName": "web-7d4b9c6f5-",
            "namespace": "demo",
            "creationTimestamp": None,
            "labels": {"app": "web", "pod-template-hash": "7d4b9c6f5"},
            "annotations": {"prometheus.io/scrape": "true", "example.com/note": "a < b && c > d"},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": "web-7d4b9c6f5",
                    "uid": "8f2d9b1e-3a62-4b8a-9c1e-27c3f8d0a001",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
            "managedFields": managed_fields(containers),
        },
        "spec": {
            "volumes": volumes(),
            "containers": containers,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "serviceAccount": "default",
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [toleration("not-ready"), toleration("unreachable")],
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {},
    }


def review(containers):
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    resource = {"group": "", "version": "v1", "resource": "pods"}
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "0398c0e7-ecc5-4181-8b9a-586571eef7e6",
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "namespace": "demo",
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "5a4b1ee1",
                "groups": ["system:serviceaccounts", "system:authenticated"],
                "extra": {"authentication.kubernetes.io/credential-id": ["JTI=1"]},
            },
            "object": pod(containers),
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }


def go_json(value):
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return (text + "\n").encode()


def make_review(kilobytes):
    """Bytes of a review: one bare container, or a full one for every four thousand bytes; then
    environment variables in turn until it is as long as asked."""
    if kilobytes < 6:
        containers = [bare_container(0)]
    else:
        containers = [full_container(i) for i in range((kilobytes + 2) // 4)]
    number = 0
    while len(text := go_json(review(containers))) < kilobytes * 1000:
        containers[number % len(containers)]["env"].append(
            {"name": f"SETTING_{number:03d}", "value": f"https://db{number}/?a=1&b=<{number}>"}
        )
        number += 1
    return text


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit(__doc__.strip().rsplit("\n", 1)[1])
    sys.stdout.buffer.write(make_review(int(sys.argv[1])))
