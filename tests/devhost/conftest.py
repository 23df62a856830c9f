"""Real processes for the tests of the devhost: Azurite, and devhosts on the sample app."""

import base64
import contextlib
import json
import os
import pathlib
import queue
import secrets
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SAMPLE_APP = pathlib.Path(__file__).parent / "sample_app"
WAIT_MAX_S = 60


class Process:
    """A process of ours whose output lines can be waited for."""

    def __init__(self, command, env):
        self.lines = []
        self._fresh = queue.Queue()
        self.popen = subprocess.Popen(
            command, env=env, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.popen.stdout:
            self.lines.append(line.rstrip())
            self._fresh.put(line.rstrip())
        self._fresh.put(None)

    def wait_for_line(self, text):
        """Return the next line that holds a text; lines before it are used up."""
        while True:
            try:
                line = self._fresh.get(timeout=WAIT_MAX_S)
            except queue.Empty:
                self.kill()
                raise AssertionError(f"no line with '{text}':\n" + "\n".join(self.lines)) from None
            if line is None:
                raise AssertionError("the process ended:\n" + "\n".join(self.lines))
            if text in line:
                return line

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def interrupt(self):
        """End the process as Ctrl-C does; return its exit code once every line was read."""
        self.popen.send_signal(signal.SIGINT)
        code = self.popen.wait(timeout=WAIT_MAX_S)
        self._reader.join()
        return code

    def stop(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(timeout=10)
        if self.popen.poll() is None:
            self.kill()
        self._reader.join()
        self.popen.stdout.close()


class Answer:
    """An HTTP answer, whatever its status."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.text = body.decode()

    def json(self):
        return json.loads(self.text)


class Devhost(Process):
    """A devhost on an app, started as a developer starts it."""

    def __init__(self, folder, env, *options, app=SAMPLE_APP):
        ready_file = folder / "ready.json"
        ready_file.unlink(missing_ok=True)
        self.state = folder / "state.sqlite"
        command = [sys.executable, "-m", "devhost", "start", "--app", str(app), "--port", "0"]
        command += ["--state", str(self.state), "--ready-file", str(ready_file), *options]
        super().__init__(command, env)
        self.wait_for_line("devhost at")
        self.ready = json.loads(ready_file.read_text())
        self.url = self.ready["url"]

    def call(self, method, path, body=None, headers=None):
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=WAIT_MAX_S) as found:
                return Answer(found.status, found.headers, found.read())
        except urllib.error.HTTPError as err:
            with err:
                return Answer(err.code, err.headers, err.read())


class Azurite(Process):
    """Blob and queue storage over plain http, with one account."""

    account = "sample"

    def __init__(self, folder):
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()
        env = {**os.environ, "AZURITE_ACCOUNTS": f"{self.account}:{self.key}"}
        script = str(ROOT / "node_modules/azurite/dist/src/azurite.js")
        ports = ["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"]
        flags = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--location", str(folder)]
        super().__init__(["node", script, *flags, *ports], env)
        blob = self.wait_for_line("Blob service is successfully listening").split(" at ")[1]
        queues = self.wait_for_line("Queue service is successfully listening").split(" at ")[1]
        self.blob_url = f"{blob}/{self.account}"
        self.connection = (
            f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};"
            f"BlobEndpoint={self.blob_url};QueueEndpoint={queues}/{self.account};"
        )


@pytest.fixture(scope="session")
def azurite(tmp_path_factory):
    """Azurite, for the whole session."""
    process = Azurite(tmp_path_factory.mktemp("azurite"))
    yield process
    process.stop()


@pytest.fixture
def notes(tmp_path):
    """The file in which the sample app writes down what it did."""
    path = tmp_path / "notes.txt"
    path.touch()
    return path


@pytest.fixture
def start_devhost(azurite, tmp_path, notes):
    """A function that starts a devhost on the sample app; all are ended with the test."""
    started = []
    env = {
        **os.environ,
        "AzureWebJobsStorage": azurite.connection,
        "SAMPLE_SCHEDULE": "0 0 2 * * *",
        "SAMPLE_QUEUE": f"sample-{secrets.token_hex(4)}",
        "SAMPLE_NOTES": str(notes),
    }

    def start(*options, **settings):
        host = Devhost(tmp_path, {**env, **settings}, *options)
        host.queue = env["SAMPLE_QUEUE"]
        started.append(host)
        return host

    yield start
    for host in started:
        host.stop()
