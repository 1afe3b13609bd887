"""A fake Hugging Face Hub on this machine, from the standard library.

It speaks the endpoints that the clients were recorded to call (models, datasets and Spaces; reading whole
files and ranges, creating, committing), keeps repositories in memory and remembers what it was asked. Clients
read HF_ENDPOINT on import, so whatever loads runs in a process of its own, see `LoopbackHub.run`.

A test module that wants the fixture `hub` says `pytest_plugins = ["tests.loopback_hub"]`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.loopback_endpoints import RESOLVE, Handler, Repository

ROOT = Path(__file__).resolve().parents[1]


class Request(NamedTuple):
    """What a client asked: path without query, the Range header, who asked, and the status it got."""

    method: str
    path: str
    range: str
    user: str
    status: int


class LoopbackHub:
    """The server. Users own the repositories below their name; tokens are those of TOKENS."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.requests: list[Request] = []
        self.rules: list[tuple[str, str, int]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """From now on connections are refused."""
        self.server.shutdown()
        self.server.server_close()

    def record(self, *facts: str | int) -> None:
        """Remember a request; the arguments are the fields of Request."""
        self.requests.append(Request(*facts))

    def add(
        self,
        name: str,
        content: Path | Mapping[str, bytes],
        kind: str = "models",
        *,
        private: bool = False,
        branch: str = "main",
    ) -> str:
        """Commit a folder or a mapping as the whole content of a branch; returns the commit's id."""
        if isinstance(content, Path):
            paths = (path for path in content.rglob("*") if path.is_file())
            content = {path.relative_to(content).as_posix(): path.read_bytes() for path in paths}
        repository = self.repositories.setdefault((kind, name), Repository(kind, name, private))
        return repository.commit(dict(content), branch)

    def files(self, name: str, kind: str = "models", revision: str = "main") -> dict[str, bytes]:
        """Content of a repository by path."""
        repository = self.repositories[kind, name]
        return repository.commits[repository.find(revision)]

    def fetched(self, name: str, method: str = "GET") -> list[str]:
        """Paths of the files of a model or `datasets/NAME` that were read, sorted, each once."""
        found = (RESOLVE.fullmatch(request.path) for request in self.requests if request.method == method)
        names = ((f"{match[1]}/{match[2]}" if match[1] else match[2], match[4]) for match in found if match)
        return sorted({path for repository, path in names if repository == name})

    def refuse(self, method: str, fragment: str, status: int) -> None:
        """Answer requests whose path contains `fragment` with an error status, or SILENCE."""
        self.rules.append((method, fragment, status))

    def environment(self, home: Path, token: str = "") -> dict[str, str]:
        """Variables of a process that knows this Hub alone; `home` holds its cache."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("HF_") and "proxy" not in name.lower()
        }
        ours = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0",
            "PYTHONPATH": str(ROOT),
        }
        return kept | ours | ({"HF_TOKEN": token} if token else {})

    def run(
        self, code: str, *arguments: object, home: Path, token: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Python code in a new process, in the folder `home`; fails with its messages if it fails."""
        home.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=home,
            env=self.environment(home / "hf", token) | variables,
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """A Hub without repositories."""
    server = LoopbackHub()
    yield server
    server.stop()
