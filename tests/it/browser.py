"""A browser, to see of a page what a person sees: Debian's chromium without a screen, spoken to by
its DevTools protocol over two pipes. Nothing of it is installed into the page, and it reaches this
machine only."""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess

PROGRAMS = ("chromium-headless-shell", "chromium")
DEADLINE_S = 20
FLAGS = (
    "--no-sandbox",  # which root can't have
    "--remote-debugging-pipe",
    "--headless",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def installed():
    """The program's path, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def _high(descriptor):
    """The same one above those that the browser expects: 3, to read from, and 4, to write to."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved


class Browser:
    def __init__(self, folder):
        ours, theirs = zip(*[map(_high, pipe) for pipe in (os.pipe()[::-1], os.pipe())])
        self._to, self._from = open(ours[0], "wb", 0), open(ours[1], "rb", 0)  # noqa: SIM115
        self._log = open(folder / "browser.log", "wb")  # noqa: SIM115
        plumbing = f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}'
        self.process = subprocess.Popen(
            ["bash", "-c", plumbing, "bash", installed(), *FLAGS, f"--user-data-dir={folder}/profile"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=theirs,
        )
        for each in theirs:
            os.close(each)
        self._messages, self._rest, self.events = 0, b"", []

    def end(self):
        with contextlib.suppress(OSError, EOFError):
            self.call("Browser.close")
        self.process.wait(DEADLINE_S)
        for each in (self._to, self._from, self._log):
            each.close()

    def _read(self):
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], DEADLINE_S)
            assert ready, f"the browser says nothing for {DEADLINE_S} s: {self.events[-3:]}"
            data = os.read(self._from.fileno(), 1 << 20)
            if not data:
                raise EOFError("the browser has ended: see browser.log")
            self._rest += data
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, **parameters):
        self._messages += 1
        message = {"id": self._messages, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._to.write(json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._messages:
            self.events.append(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def wait_event(self, method, session):
        while True:
            for event in self.events:
                if event["method"] == method and event.get("sessionId") == session:
                    self.events.remove(event)
                    return event["params"]
            self.events.append(self._read())

    @contextlib.contextmanager
    def page(self, url, width=1280, height=800, scheme="light"):
        """A tab that shows it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Network", "Log", "Runtime"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.call("Emulation.setEmulatedMedia", features=[feature])
        page.call("Page.navigate", url=url)
        self.wait_event("Page.loadEventFired", session)
        yield page
        self.call("Target.closeTarget", targetId=target)


class Page:
    def __init__(self, browser, session):
        self._browser, self._session = browser, session

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def look(self, expression):
        """What JavaScript of ours sees there; the page has none."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self):
        """What is to be read."""
        return self.look("document.body.innerText")

    def said(self, *methods):
        """The parameters of such events until now."""
        return [
            event["params"]
            for event in self._browser.events
            if event["method"] in methods and event.get("sessionId") == self._session
        ]

    def screenshot(self, path):
        """All of it, as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))
