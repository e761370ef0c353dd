"""The way into the cluster's network: accepts on a socket that was opened outside of it, and
connects to an address inside. An accepted connection stays where its listener is."""

import socket
import threading


def _pour(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for each, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        try:
            each.shutdown(how)
        except OSError:
            pass


def _carry(outer, address):
    with outer:
        try:
            inner = socket.create_connection(address, 10)
        except OSError:
            return
        with inner:
            inner.settimeout(None)
            back = threading.Thread(target=_pour, args=(inner, outer), daemon=True)
            back.start()
            _pour(outer, inner)
            back.join()


def _accept(listener, address):
    while True:
        outer, _ = listener.accept()
        threading.Thread(target=_carry, args=(outer, address), daemon=True).start()


def open_gate(listener, address):
    threading.Thread(target=_accept, args=(listener, address), daemon=True).start()
