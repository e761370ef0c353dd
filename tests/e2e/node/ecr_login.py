#!/usr/bin/python3
"""Kubelet's credential provider for ECR, as far as tests need it: a login from the AWS stand-in.

Reads a CredentialProviderRequest and answers with AWS's user name and an authorization token of the
node's principal. The stand-in's address is the first argument.
"""

import json
import sys
import urllib.request

request = json.load(sys.stdin)
host = request["image"].partition("/")[0]
login = urllib.request.Request(
    f"{sys.argv[1]}/_standin/logins", json.dumps({"principal": "puller"}).encode(), method="POST"
)
with urllib.request.urlopen(login, timeout=20) as answer:
    password = json.load(answer)["password"]
json.dump(
    {
        "kind": "CredentialProviderResponse",
        "apiVersion": request["apiVersion"],
        "cacheKeyType": "Registry",
        "cacheDuration": "5m",
        "auth": {host: {"username": "AWS", "password": password}},
    },
    sys.stdout,
)
