"""What the program keeps in its Secret in mode `self`; and how a test lets it grow old."""

import base64
import pathlib
import re
import signal
import tempfile

from certificates import old_ca, old_leaf
from installation import NAMESPACE
from world import b64

SECRET = "pullthrough-certificates"  # what the chart calls it
PEM = "-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n"


def kept(inst):
    """{key: text}"""
    data = inst.world.kube.get("Secret", SECRET, NAMESPACE)["data"]
    return {key: base64.b64decode(text).decode() for key, text in data.items()}


def put(inst, texts):
    """Into the Secret; and let the program look now."""
    data = {key: b64(text) for key, text in texts.items()}
    inst.world.kube.patch("Secret", SECRET, {"data": data}, NAMESPACE)
    look(inst)


def look(inst):
    """Every replica looks at Secret and bundle now, not within a minute."""
    for pod in inst.pods():
        inst.world.signal(pod, signal.SIGHUP)


def bundle(inst):
    """The CAs that the API server trusts."""
    text = inst.configuration()["webhooks"][0]["clientConfig"]["caBundle"]
    return authorities(base64.b64decode(text).decode())


def authorities(text):
    return set(re.findall(PEM, text))


def first_ca(texts):
    """The one that signs."""
    return re.findall(PEM, texts["ca.crt"])[0]


def let_leaf_grow_old(inst):
    """The Secret's leaf is past two thirds of its life from now on. What it holds then."""
    texts = kept(inst)
    with tempfile.TemporaryDirectory() as folder:
        leaf = old_leaf(_unpacked(texts, folder), inst.service_name, (-70, 20))
    put(inst, leaf)
    return {**texts, **leaf}


def let_ca_grow_old(inst):
    """The same of the CA that signs."""
    texts = kept(inst)
    with tempfile.TemporaryDirectory() as folder:
        aged = old_ca(_unpacked(texts, folder), (-300, 60))
    change = {"ca.crt": texts["ca.crt"].replace(first_ca(texts), aged)}
    put(inst, change)
    return {**texts, **change}


def _unpacked(texts, folder):
    for key, text in texts.items():
        pathlib.Path(folder, key).write_text(text)
    return pathlib.Path(folder)
