"""`space_app.py` in its own process, and a client that checks each answer for secrets."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import psutil

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "space_app.py"
SECRETS = ("Traceback", "site-packages", "dpsims_hub/", "root:x:0", str(ROOT), str(Path.home()))


class Reply(NamedTuple):
    """The answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class ServedSpace:
    """The Space as visitors use it.

    Args:
        models: names and folders, as for --model.
        folder: for temporary files, uploads and the log.
        mcp: whether to serve MCP as well.
    """

    def __init__(self, models: list[str], folder: Path, mcp: bool = False) -> None:
        self.command = [sys.executable, str(APP), "--model", ",".join(models), *(["--mcp"] if mcp else [])]
        self.folder = folder
        self.files, self.temporary, self.log = folder / "files", folder / "temporary", folder / "log.txt"
        self.temporary.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Start the process and wait until every model makes photos."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("GRADIO_", "DPSIMS_"))
        }
        ours = {
            "GRADIO_TEMP_DIR": str(self.files),
            "GRADIO_ANALYTICS_ENABLED": "False",
            "TMPDIR": str(self.temporary),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }
        with self.log.open("ab") as log:
            command = [*self.command, "--port", str(self.port)]
            self.process = subprocess.Popen(command, cwd=ROOT, env=kept | ours, stdout=log, stderr=log)
        self._wait(lambda: f":{self.port}/" in self.log.read_text() and self._answers())
        parts = self.get("/config").json["components"]
        studio = next(part for part in parts if part["props"].get("elem_id") == "studio")
        self.component, self.model = studio["id"], studio["props"]["props"]["model"]
        self.map = self.model["examples"][0]["map"]
        for model in studio["props"]["props"]["models"]:
            example = self.call("switch_model", model=model["name"])["examples"][0]["map"]
            self.photo(model=model["name"], map=example)

    def stop(self) -> None:
        """Terminate the process."""
        self.process.kill()
        self.process.wait(timeout=20)

    def post(self, path: str, body: bytes, content_type: str = "application/json") -> Reply:
        """Send a body; see `ask`."""
        return self.ask("POST", path, body, {"Content-Type": content_type})

    def get(self, path: str) -> Reply:
        """Ask for a path; see `ask`."""
        return self.ask("GET", path, None, {})

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        """Return the answer, which must contain no secret of the server that was not in the request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            reply = Reply(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()
        told, sent = reply.body.decode("utf-8", "replace"), path + (body or b"").decode("utf-8", "replace")
        assert not [secret for secret in SECRETS if secret in told and secret not in sent], told[:500]
        return reply

    def call(self, function: str, /, **request: Any) -> dict[str, Any]:
        """Call a server function as the page does, with the keywords as its one object."""
        return self.call_with(function, request)

    def call_with(self, function: str, request: Any, session: str = "visitor") -> dict[str, Any]:
        """Call a server function with any JSON value."""
        question = {
            "session_hash": session,
            "component_id": self.component,
            "fn_name": function,
            "data": request,
        }
        reply = self.post("/gradio_api/component_server", json.dumps(question).encode())
        assert reply.status == 200, reply
        return reply.json

    def photo(self, **request: Any) -> str:
        """Return the photo of `live` as a data URL; retry while the server is busy."""
        while True:
            answer = self.call("live", **request)
            if not answer.get("busy"):
                return answer["photo"]
            time.sleep(answer["retry_ms"] / 1000)

    def upload(self, content: bytes, name: str = "map.png") -> Reply:
        """Upload a file as programs do."""
        head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        form = head.encode() + content + b"\r\n--x--\r\n"
        return self.post("/gradio_api/upload", form, "multipart/form-data; boundary=x")

    def endpoint(self, name: str, *data: Any) -> tuple[str, Any]:
        """Call a named endpoint through the queue: ("complete", values) or ("error", sentence or None)."""
        joined = self.post(f"/gradio_api/call/{name}", json.dumps({"data": data}).encode())
        assert joined.status == 200, joined
        told = self.get(f"/gradio_api/call/{name}/{quote(joined.json['event_id'])}").body.decode()
        event, content = told.strip().split("\n\n")[-1].split("\n")[:2]
        return event.removeprefix("event: "), json.loads(content.removeprefix("data: "))

    def cpu_seconds(self) -> float:
        """Processor time of the server in seconds."""
        return sum(psutil.Process(self.process.pid).cpu_times()[:2])

    def rss(self) -> int:
        """Resident memory of the server and its photo process in bytes."""
        server = psutil.Process(self.process.pid)
        return sum(one.memory_info().rss for one in (server, *server.children(recursive=True)))

    def peak_during(self, work: Callable[[], Any]) -> tuple[Any, int]:
        """Return the result of the work, and the server's largest growth of memory meanwhile, in bytes."""
        before, done = self.rss(), threading.Event()
        seen = [before]

        def watch() -> None:
            while not done.wait(0.005):
                seen.append(self.rss())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            return work(), max(seen) - before
        finally:
            done.set()
            watcher.join()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _wait(self, is_so: Callable[[], bool], seconds: float = 200) -> None:
        end = time.monotonic() + seconds
        while not is_so():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.1)


def map_text(rows: list[list[int]]) -> str:
    """Return the text of a map, one run a pixel, from the description of the form alone."""
    pixels = [pixel for row in rows for pixel in row]
    data = b"".join(bytes([pixel % 256, pixel // 256, 1, 0]) for pixel in pixels)
    return f"r1:{len(rows[0])}x{len(rows)}:{base64.b64encode(data).decode()}"


def rows_of(text: str) -> list[list[int]]:
    """Return the rows of a map's text, read byte by byte."""
    _, size, runs = text.split(":")
    width, data, pixels = int(size.split("x")[0]), base64.b64decode(runs), []
    for at in range(0, len(data), 4):
        pixels += [data[at] + 256 * data[at + 1]] * (data[at + 2] + 256 * data[at + 3])
    return [pixels[at : at + width] for at in range(0, len(pixels), width)]


def base64_of(content: bytes) -> str:
    """Return bytes as a page sends them."""
    return base64.b64encode(content).decode()


def refusal(answer: dict[str, Any], request: Any = "") -> str:
    """Return the sentence of a refusal: one line, no path other than those in the request."""
    assert set(answer) == {"error"}, answer
    assert 10 < len(answer["error"]) < 400
    assert "\n" not in answer["error"]
    assert "/" not in answer["error"] or "/etc/passwd" in str(request), answer
    return answer["error"]


def file_data(path: str, **more: Any) -> dict[str, Any]:
    """Return a path in the form in which programs name an uploaded file."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}
