"""Label Studio in an environment of its own: installed once, started for a test, spoken to as its users do."""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PACKAGES = ("label-studio==1.23.2", "playwright==1.65.2")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_GUIDE = Path(__file__).parents[1] / "docs/howto/folder.md"
_BROWSER = Path(__file__).with_name("labeling_browser.py")
_FOLDER = Path(os.environ.get("SSLTS_LABEL_STUDIO") or Path.home() / ".cache/sslts-tests/label-studio-1.23.2")
_USER, _PASSWORD = "person@example.com", "not-a-secret"
# ends the server when standard input closes, so also when the tests are killed
_WATCH = '"$@" & server=$!; read -r _; kill -9 $server'


def read_interface(channels, labels=("step", "turn", "unlabeled")):
    """Return the labeling interface of the guide, with other channels and labels; the first label has hotkey 1."""
    (view,) = re.findall(r"^<View>$.*?^</View>$", _GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    for tag, attribute, names in (("Channel", "column", channels), ("Label", "value", labels)):
        tags = re.compile(rf'(<{tag} {attribute}="\w+"/>\s*)+')
        assert len(tags.findall(view)) == 1
        view = tags.sub(" ".join(f'<{tag} {attribute}="{name}"/>' for name in names) + "\n", view)
    return view


def make_environment(folder=_FOLDER, packages=PACKAGES):
    """Return the Python of an environment with packages, such as Label Studio; make it if there is none."""
    python, done = folder / "bin/python", folder / "installed.txt"
    if not done.exists() or done.read_text().split() != list(packages):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        done.write_text("\n".join(packages))
    return python


@contextlib.contextmanager
def serve_label_studio(folder):
    """Start Label Studio on this machine with its data in a folder, and stop it at the end.

    Yields
    ------
    LabelingServer
    """
    python, token = make_environment(), secrets.token_hex(20)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    options = {"data-dir": folder, "internal-host": "127.0.0.1", "port": port, "host": address}
    options |= {"username": _USER, "password": _PASSWORD, "user-token": token}
    command = [python.with_name("label-studio"), "start", "--no-browser"]
    command += [text for name, value in options.items() for text in (f"--{name}", str(value))]
    quiet = {"COLLECT_ANALYTICS": "false", "LATEST_VERSION_CHECK": "false", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""}
    environment = {**os.environ, **quiet, "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true"}
    environment.pop("PYTHONPATH", None)
    log = Path(folder) / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["bash", "-c", _WATCH, "watch", *command],
            stdin=subprocess.PIPE, stdout=output, stderr=output, env=environment, start_new_session=True,
        )  # fmt: skip
    try:
        _await_start(address, process, log)
        yield LabelingServer(address, token, python)
    finally:
        process.stdin.close()
        process.wait()


def _await_start(address, process, log, patience=600):
    """Wait until the server answers; the first start makes its database, which takes minutes on a busy machine."""
    end = time.monotonic() + patience
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=10):
            return
        time.sleep(1)
    raise RuntimeError(f"Label Studio did not start:\n{log.read_text()[-3000:]}")


class LabelingServer:
    """A running Label Studio."""

    def __init__(self, address, token, python):
        self.address, self._token, self._python = address, token, python

    def get_version(self):
        """Return the version of Label Studio."""
        return json.loads(self._ask("/api/version"))["release"]

    def make_project(self, interface, **settings):
        """Return the number of a new project with a labeling interface, and settings such as ``sampling``."""
        body = json.dumps({"title": "Signals", "label_config": interface, **settings}).encode()
        return json.loads(self._ask("/api/projects/", body, "application/json"))["id"]

    def import_tasks(self, project, path):
        """Upload a file of tasks, as the import page does."""
        mark = secrets.token_hex(16)
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{Path(path).name}"\r\n\r\n'
        body = head.encode() + Path(path).read_bytes() + f"\r\n--{mark}--\r\n".encode()
        answer = self._ask(f"/api/projects/{project}/import", body, f"multipart/form-data; boundary={mark}")
        return json.loads(answer)

    def correct(self, project, tasks, window=(1280, 800)):
        """Let somebody correct tasks in a browser.

        Parameters
        ----------
        project : int
            The project.
        tasks : list of list of tuple
            What to do in each task, in the order in which Label Studio presents them: names and arguments of methods
            of ``Person`` in ``labeling_browser.py``, at last ``("submit",)``, ``("skip",)`` or ``("postpone",)``.
        window : tuple of int
            Width and height of the browser's window.
        """
        orders = {"address": self.address, "user": _USER, "password": _PASSWORD, "chromium": CHROMIUM}
        orders |= {"project": project, "tasks": tasks, "window": window}
        text = json.dumps(orders, default=str)  # paths of pictures
        subprocess.run([self._python, "-I", _BROWSER], input=text, text=True, check=True, timeout=600)

    def export(self, project, path, kind="JSON", *, all_tasks=False):
        """Write the export of a project, as the export page offers it, into a file."""
        query = f"exportType={kind}&download_all_tasks={str(all_tasks).lower()}"
        Path(path).write_bytes(self._ask(f"/api/projects/{project}/export?{query}"))

    def _ask(self, place, body=None, kind=None):
        headers = {"Authorization": f"Token {self._token}", **({"Content-Type": kind} if kind else {})}
        request = urllib.request.Request(self.address + place, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{place}: {error.code} {error.read()[:2000]!r}") from error
