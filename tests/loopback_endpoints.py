"""What the fake Hub answers: repositories in memory, and one method per endpoint.

A method of `Handler` is called after the HTTP method and the endpoint: `_get_tree` answers
`GET /api/models/OWNER/NAME/tree/REVISION/PATH`, for datasets and Spaces too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

if TYPE_CHECKING:
    from tests.loopback_hub import LoopbackHub

OWNER, VISITOR = "someone", "visitor"
TOKENS = {"hf_of_someone": OWNER, "hf_of_visitor": VISITOR}
KINDS = {"model": "models", "dataset": "datasets", "space": "spaces"}
SILENCE = 0  # a status for `LoopbackHub.refuse`: the connection closes without an answer
API = re.compile(r"/api/(models|datasets|spaces)/([^/]+/[^/]+)(?:/([a-z-]+)(?:/([^/]+)(?:/(.*))?)?)?/?")
RESOLVE = re.compile(r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
DATE = "2026-01-01T00:00:00.000Z"


@dataclass
class Repository:
    """Commits by id, each a mapping from path to content, and the branches that point at them."""

    kind: str
    name: str
    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Make `files` the whole content of a branch."""
        sha = hashlib.sha1(f"{self.kind}/{self.name}/{len(self.commits)}".encode()).hexdigest()
        self.commits[sha], self.branches[branch] = files, sha
        return sha

    def find(self, revision: str) -> str | None:
        """Id of a branch's head or of a commit."""
        sha = self.branches.get(revision, revision)
        return sha if sha in self.commits else None

    def readable_by(self, user: str) -> bool:
        return not self.private or self.owned_by(user)

    def owned_by(self, user: str) -> bool:
        return self.name.partition("/")[0] == user


class Refusal(Exception):  # noqa: N818
    """An answer that is no success."""

    def __init__(self, status: int, code: str = "", message: str = "", body: Any = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.body = {"error": message or code} if body is None else body


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802
        self._answer()

    def do_HEAD(self) -> None:  # noqa: N802
        self._answer()

    def do_POST(self) -> None:  # noqa: N802
        self._answer()

    def log_message(self, *unused: object) -> None:
        pass

    def _answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        self.route, self.query = address.path, parse_qs(address.query, keep_blank_values=True)
        self.user = ""
        try:
            self._obey_rules()
            self.user = self._signed_in()
            self._dispatch()
        except Refusal as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
            self._send_json(refusal.body, refusal.status, {k: v for k, v in headers.items() if v})

    def _obey_rules(self) -> None:
        for method, fragment, status in self.hub.rules:
            if method == self.command and fragment in self.route:
                raise Refusal(status, message="The fake Hub was told to refuse this")

    def _signed_in(self) -> str:
        """Name of the user, "" for a stranger; an unknown token is refused even where none is needed."""
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in TOKENS:
            raise Refusal(401, message="Invalid credentials in Authorization header")
        return TOKENS.get(token, "")

    def _dispatch(self) -> None:
        if match := RESOLVE.fullmatch(self.route):
            return self._resolve(match[1] or "models", match[2], unquote(match[3]), unquote(match[4]))
        if match := API.fullmatch(self.route):
            kind, name, action, revision, path = match.groups()
            method = f"_{self.command}_{action or 'info'}".lower().replace("-", "_")
            if hasattr(self, method):
                repository = self._repository(kind, name)
                return getattr(self, method)(repository, unquote(revision or ""), unquote(path or ""))
        plain = {
            ("GET", "/api/whoami-v2"): self._whoami,
            ("POST", "/api/repos/create"): self._create,
            ("POST", "/api/validate-yaml"): self._validate_yaml,
        }
        if (self.command, self.route) not in plain:
            raise Refusal(404, message=f"The fake Hub does not know {self.command} {self.route}")
        return plain[self.command, self.route]()

    def _repository(self, kind: str, name: str) -> Repository:
        """Strangers get 401 for what is private and for what does not exist, users 404, as on the Hub."""
        repository = self.hub.repositories.get((kind, name))
        if repository is None or not repository.readable_by(self.user):
            raise Refusal(404 if self.user else 401, "RepoNotFound", "Repository not found")
        return repository

    def _commit_id(self, repository: Repository, revision: str) -> str:
        sha = repository.find(revision)
        if sha is None:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha

    def _require_owner(self, name: str) -> None:
        if not self.user:
            raise Refusal(401, message="Invalid username or password.")
        if name.partition("/")[0] != self.user:
            raise Refusal(403, message=f"You have no right to write to {name}")

    # Files

    def _resolve(self, kind: str, name: str, revision: str, path: str) -> None:
        repository = self._repository(kind, name)
        sha = self._commit_id(repository, revision)
        content = repository.commits[sha].get(path)
        if content is None:
            raise Refusal(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": sha, "ETag": f'"{_blob_id(content)}"', "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if wanted is None:
            return self._send(content, 200, headers)
        start, end = _span(wanted[1], wanted[2], len(content))
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        if start >= end:
            raise Refusal(416, message="Range not satisfiable")
        return self._send(content[start:end], 206, headers)

    # Reading a repository

    def _get_info(self, repository: Repository, revision: str, path: str) -> None:
        self._get_revision(repository, "main", path)

    def _get_revision(self, repository: Repository, revision: str, path: str) -> None:
        sha = self._commit_id(repository, revision)
        files = sorted(repository.commits[sha].items())
        sized = "blobs" in self.query
        self._send_json(
            {
                "_id": sha[:24],
                "id": repository.name,
                "author": repository.name.partition("/")[0],
                "sha": sha,
                "private": repository.private,
                "gated": False,
                "disabled": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "createdAt": DATE,
                "lastModified": DATE,
                "siblings": [
                    {"rfilename": name} | (_sizes(content) if sized else {}) for name, content in files
                ],
            }
        )

    def _get_tree(self, repository: Repository, revision: str, path: str) -> None:
        files = repository.commits[self._commit_id(repository, revision)]
        prefix = f"{path.strip('/')}/" if path.strip("/") else ""
        below = {name: content for name, content in files.items() if name.startswith(prefix)}
        if not below and prefix:
            raise Refusal(404, "EntryNotFound", f"{path} does not exist")
        recursive = self.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        folders = {
            prefix + "/".join(parts[:depth])
            for parts in (name.removeprefix(prefix).split("/") for name in below)
            for depth in range(1, len(parts) if recursive else min(2, len(parts)))
        }
        shown = {n: c for n, c in below.items() if recursive or "/" not in n.removeprefix(prefix)}
        entries = [*map(_folder_entry, sorted(folders)), *(_file_entry(*f) for f in sorted(shown.items()))]
        self._send_json(entries)

    def _post_paths_info(self, repository: Repository, revision: str, path: str) -> None:
        files = repository.commits[self._commit_id(repository, revision)]
        if "json" in (self.headers.get("Content-Type") or ""):
            wanted = json.loads(self.body)["paths"]
        else:
            wanted = parse_qs(self.body.decode()).get("paths", [])
        entries = []
        for name in (item.strip("/") for item in wanted):
            if name in files:
                entries.append(_file_entry(name, files[name]))
            elif any(other.startswith(f"{name}/") for other in files):
                entries.append(_folder_entry(name))
        self._send_json(entries)

    def _get_refs(self, repository: Repository, revision: str, path: str) -> None:
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": sha}
            for name, sha in repository.branches.items()
        ]
        self._send_json({"branches": branches, "tags": [], "converts": []})

    def _get_auth_check(self, repository: Repository, revision: str, path: str) -> None:
        if revision == "write":
            self._require_owner(repository.name)
        self._send_json({})

    def _whoami(self) -> None:
        if not self.user:
            raise Refusal(401, message="Invalid username or password.")
        self._send_json({"type": "user", "name": self.user, "orgs": [], "auth": {"type": "access_token"}})

    # Writing

    def _create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or self.user}/{asked['name']}"
        self._require_owner(name)
        kind = KINDS[asked.get("type") or "model"]
        address = f"{self.hub.url}/{'' if kind == 'models' else f'{kind}/'}{name}"
        if (kind, name) in self.hub.repositories:
            message = f"You already created this {kind.removesuffix('s')} repo"
            raise Refusal(409, message=message, body={"error": message, "url": address})
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.add(name, {".gitattributes": b"*.safetensors filter=lfs\n"}, kind, private=private)
        self._send_json({"url": address, "name": name})

    def _validate_yaml(self) -> None:
        text = json.loads(self.body)["content"]
        header = re.match(r"---\s*\n(.*?)\n---", text, re.S)
        try:
            data = yaml.safe_load(header[1]) if header else {}
            fault = "" if isinstance(data, dict) else "the metadata must be a mapping"
        except yaml.YAMLError as error:
            fault = str(error)
        if fault:
            raise Refusal(400, body={"errors": [{"message": fault}], "warnings": []})
        self._send_json({"errors": [], "warnings": []})

    def _post_preupload(self, repository: Repository, revision: str, path: str) -> None:
        self._require_owner(repository.name)
        files = repository.commits[self._commit_id(repository, revision)]
        answers = []
        for asked in json.loads(self.body)["files"]:
            old = files.get(asked["path"])
            answer = {"path": asked["path"], "uploadMode": "regular", "shouldIgnore": False}
            answers.append(answer | ({} if old is None else {"oid": _blob_id(old)}))
        self._send_json({"files": answers})

    def _post_commit(self, repository: Repository, revision: str, path: str) -> None:
        self._require_owner(repository.name)
        if revision not in repository.branches:
            raise Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        files = dict(self.hub.files(repository.name, repository.kind, revision))
        for line in self.body.splitlines():
            item = json.loads(line)
            value, name = item["value"], item["value"].get("path", "")
            if item["key"] == "file":
                files[name] = base64.b64decode(value["content"], validate=True)
            elif item["key"] == "deletedFile":
                del files[name]
            elif item["key"] == "deletedFolder":
                files = {k: v for k, v in files.items() if not k.startswith(f"{name.rstrip('/')}/")}
            elif item["key"] != "header":
                raise Refusal(400, message=f"The fake Hub takes no {item['key']}")
        sha = repository.commit(files, revision)
        prefix = "" if repository.kind == "models" else f"{repository.kind}/"
        address = f"{self.hub.url}/{prefix}{repository.name}/commit/{sha}"
        self._send_json({"success": True, "commitUrl": address, "commitOid": sha, "hookOutput": ""})

    def _post_branch(self, repository: Repository, revision: str, path: str) -> None:
        self._require_owner(repository.name)
        if revision in repository.branches:
            raise Refusal(409, message=f"Reference {revision} already exists")
        start = json.loads(self.body or b"{}").get("startingPoint") or "main"
        repository.branches[revision] = self._commit_id(repository, start)
        self._send_json({})

    # Answers

    def _send_json(self, value: Any, status: int = 200, headers: Mapping[str, str] = {}) -> None:  # noqa: B006
        self._send(json.dumps(value).encode(), status, {"Content-Type": "application/json", **headers})

    def _send(self, content: bytes, status: int, headers: Mapping[str, str]) -> None:
        asked_range = self.headers.get("Range") or ""
        self.hub.record(self.command, unquote(self.route), asked_range, self.user, status)
        if status == SILENCE:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _span(first: str, last: str, length: int) -> tuple[int, int]:
    """Start and end (exclusive) of a Range header; `bytes=-n` means the last n."""
    if not first:
        return max(0, length - int(last)), length
    return int(first), min(length, int(last) + 1 if last else length)


def _blob_id(content: bytes) -> str:
    """Git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _sizes(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "blobId": _blob_id(content)}


def _file_entry(path: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(content), "oid": _blob_id(content)}


def _folder_entry(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "size": 0, "oid": hashlib.sha1(path.encode()).hexdigest()}
