"""A Space that serves in this process, with the requests of its page."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from dpsims_hub.space.model_registry import ModelRegistry
from dpsims_hub.space.photo_worker import PhotoWorker


@dataclass
class LiveSpace:
    """A serving Space.

    Args:
        app: the Blocks.
        address: without a slash at the end.
        registry: its models.
        worker: makes its photos.
        files: where Gradio keeps uploads and photos of programs.
    """

    app: gr.Blocks
    address: str
    registry: ModelRegistry
    worker: PhotoWorker
    files: Path

    @property
    def map(self) -> str:
        """An example map of the first model, as text."""
        return self.registry.find().examples[0][1]

    def call(self, function: str, /, **request: Any) -> dict[str, Any]:
        """Call a server function as the page does, with the keywords as its one object."""
        return self.call_with(function, request)

    def call_with(self, function: str, request: Any) -> dict[str, Any]:
        """Call a server function with any JSON value."""
        body = {
            "session_hash": "test",
            "component_id": self._studio(),
            "fn_name": function,
            "data": request,
        }
        status, answer = self.post("/gradio_api/component_server", json.dumps(body).encode())
        assert status == 200, answer
        return json.loads(answer)

    def post(self, path: str, body: bytes, content_type: str = "application/json") -> tuple[int, bytes]:
        """Return status and content of a raw request."""
        headers = {"Content-Type": content_type}
        request = urllib.request.Request(self.address + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def _studio(self) -> int:
        return next(block._id for block in self.app.blocks.values() if getattr(block, "server_fns", None))
