"""What a test serves itself, beside the program."""

import threading


class Served:
    """An http.server in a thread of its own. Use `with`; `address` is its HOST:PORT."""

    def __init__(self, server):
        self._server = server
        self.address = "{}:{}".format(*server.server_address)
        self._thread = threading.Thread(target=server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
