"""The real binary, as a server and as CleverTap's stand-in, on ports of their own.

Nothing here decides whether a test passes.
"""

import json
import os
import re
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

WRITE_KEY = "write_key_1"

ROOT = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("TAPLINE_BIN", str(ROOT / "target/release/tapline"))

# Longer than anything here takes; a test that waits this long has failed.
PATIENCE_SECONDS = 30


class Process:
    """One process, once it says where it listens."""

    def __init__(self, arguments, variables, directory):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TAPLINE_")}
        self._child = subprocess.Popen(
            [BINARY, *arguments],
            cwd=directory,
            env={**inherited, **variables, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.url = None
        self._said = []
        self._listens = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        if not self._listens.wait(PATIENCE_SECONDS) or self.url is None:
            self._child.kill()
            raise RuntimeError(f"tapline {arguments[0]} does not listen; it said:\n{''.join(self._said)}")

    def _listen(self):
        with self._child.stderr as lines:
            for line in lines:
                self._said.append(line)
                found = re.search(r"listens on (http:[^\s;]+)", line)
                if found and self.url is None:
                    self.url = found[1]
                    self._listens.set()
        self._listens.set()

    def stop(self):
        """Stops it as an init system would."""
        self._child.terminate()
        self._child.wait(PATIENCE_SECONDS)


class Stand:
    """Both processes and their data; stops and removes them at the end of a `with`."""

    def __enter__(self):
        self._data = tempfile.TemporaryDirectory(prefix="tapline-sdk-")
        self._processes = []
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        directory = self._data.name
        simulator = Process(["simulator", "--listen", "127.0.0.1:0"], {}, directory)
        self._processes.append(simulator)
        flags = ["--listen", "127.0.0.1:0", "--data", f"{directory}/data", "--rules", str(ROOT / "rules")]
        variables = {
            "TAPLINE_WRITE_KEY": WRITE_KEY,
            "TAPLINE_ACCOUNT_ID": "TEST-ACCOUNT",
            "TAPLINE_PASSCODE": "passcode_1",
            "TAPLINE_CLEVERTAP_URL": simulator.url,
        }
        tapline = Process(["serve", *flags], variables, directory)
        self._processes.append(tapline)
        self.url, self._simulator = tapline.url, simulator.url

    def __exit__(self, *_):
        for process in reversed(self._processes):
            process.stop()
        self._data.cleanup()

    def settled(self):
        """Waits until nothing is pending: the records that CleverTap's stand-in took, and how the events ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            metrics = dict(line.rsplit(" ", 1) for line in get(f"{self.url}/metrics").splitlines() if line[0] != "#")
            if metrics["tapline_events_pending"] in ("0", "0.0"):
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"events are still pending: {metrics}")
            time.sleep(0.02)
        states = ("delivered", "filtered", "failed", "dead")
        ends = {state: int(metrics[f'tapline_events_ended{{state="{state}"}}']) for state in states}
        return json.loads(get(f"{self._simulator}/received"))["records"], ends


def get(url):
    """The body behind an address, as text."""
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        return answer.read().decode()
