"""Pods created as fast as the API server takes them, by processes that do nothing else."""

import json
import multiprocessing
import socket
import ssl

import kube

WORKERS = 4


def _send(port, ca, token, namespace, count, results):
    context = ssl.create_default_context(cafile=ca)
    pod = kube.pod("unused", "nginx:1.27", "ghcr.io/org/app:2.4", namespace=namespace,
                   schedulerName="nobody")  # fmt: skip
    del pod["metadata"]["name"]
    pod["metadata"]["generateName"] = "scale-"
    body = json.dumps(pod).encode()
    request = (
        f"POST /api/v1/namespaces/{namespace}/pods HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    rewritten = 0
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            stream = sock.makefile("rb")
            for _ in range(count):
                sock.sendall(request)
                rewritten += _is_rewritten(stream)
    results.put(rewritten)


def _is_rewritten(stream):
    status = stream.readline()
    assert b" 201 " in status, status
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
    results = multiprocessing.Queue()
    each = count // WORKERS
    arguments = (client.port, client.ca, client.token, namespace, each, results)
    workers = [multiprocessing.Process(target=_send, args=arguments) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    return sum(results.get() for _ in workers)
