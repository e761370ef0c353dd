"""Pods created or updated as fast as the API server takes it, by processes that do nothing else."""

import json
import multiprocessing
import socket
import ssl

import kube

WORKERS = 4


def _pod(namespace):
    pod = kube.pod("unused", "nginx:1.27", "ghcr.io/org/app:2.4", namespace=namespace,
                   schedulerName="nobody")  # fmt: skip
    del pod["metadata"]["name"]
    pod["metadata"]["generateName"] = "scale-"
    return pod


def _request(token, method, path, content_type, body):
    body = json.dumps(body).encode()
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _send(port, ca, requests, results):
    context = ssl.create_default_context(cafile=ca)
    rewritten = 0
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            stream = sock.makefile("rb")
            for request in requests:
                sock.sendall(request)
                rewritten += _is_rewritten(stream)
    results.put(rewritten)


def _is_rewritten(stream):
    status = stream.readline()
    assert status.split()[1] in (b"200", b"201"), status
    length = 0
    while (line := stream.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
        if line.lower().startswith(b"transfer-encoding:"):
            length = None
    body = stream.read(length) if length is not None else _chunks(stream)
    return b"/dockercache/library/nginx:1.27" in body


def _chunks(stream):
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body


def create(client, namespace, count):
    """How many of the pods were rewritten."""
    path = client.path("Pod", namespace)
    request = _request(client.token, "POST", path, "application/json", _pod(namespace))
    return _run(client, [[request] * (count // WORKERS)] * WORKERS)


def label(client, namespace, count, value):
    """Give each of some pods the label `value` and a number, `count` times in all, a worker to a pod.
    How many of the answers had rewritten images."""
    pods = client.list("Pod", namespace, limit=WORKERS)
    return _run(client, [
        [
            _request(client.token, "PATCH", client.path("Pod", namespace, pod["metadata"]["name"]),
                     kube.MERGE, {"metadata": {"labels": {value: str(number)}}})
            for number in range(count // WORKERS)
        ]
        for pod in pods
    ])  # fmt: skip


def _run(client, shares):
    """Each worker sends its share, one after another."""
    results = multiprocessing.Queue()
    workers = [
        multiprocessing.Process(target=_send, args=(client.port, client.ca, share, results))
        for share in shares
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    return sum(results.get() for _ in workers)
