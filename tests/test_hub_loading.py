"""Loading from a Hub goes another way through diffusers than loading from a folder: a test of its own."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.pipeline import DPSIMSPipeline

NAME, COMMIT = "someone/streets", "0123456789abcdef0123456789abcdef01234567"
LOAD = """
import sys
from dpsims_hub.pipeline import DPSIMSPipeline
pipe = DPSIMSPipeline.from_pretrained(sys.argv[1])
print(sum(w.double().sum() for w in pipe.generator.parameters()).item(), pipe.spec.num_classes)
try:
    DPSIMSPipeline.from_pretrained(sys.argv[2])
except FileNotFoundError as error:
    print(error)
"""


def serve(folder: Path) -> tuple[ThreadingHTTPServer, list[str]]:
    """Starts a stand-in of the Hub that knows one model; returns it and the paths it was asked for."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):  # noqa: N802
            self.answer(send_body=False)

        def do_GET(self):  # noqa: N802
            self.answer(send_body=True)

        def answer(self, send_body: bool) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
            prefix = f"/{NAME}/resolve/{COMMIT}/"
            if path == f"/api/models/{NAME}/revision/main":
                body = {"id": NAME, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
                self.send(json.dumps(body).encode(), send_body)
            elif path == f"/api/models/{NAME}/tree/{COMMIT}":
                body = [
                    {"type": "file", "path": name, "size": (folder / name).stat().st_size, "oid": COMMIT}
                    for name in files
                ]
                self.send(json.dumps(body).encode(), send_body)
            elif path.startswith(prefix) and path.removeprefix(prefix) in files:
                self.send((folder / path.removeprefix(prefix)).read_bytes(), send_body)
            else:
                self.send(b"", send_body, 404)

        def send(self, body: bytes, send_body: bool, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            if send_body:
                self.wfile.write(body)

        def log_message(self, *unused) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, asked


@pytest.fixture
def pipe() -> DPSIMSPipeline:
    return DPSIMSPipeline(
        DPSIMSGenerator(
            num_classes=3,
            latent_dim=4,
            image_widths=(8, 8, 8),
            encoder_widths=(4, 4),
            modulation_widths=(4, 4),
            mapping_width=4,
            mapping_layers=1,
            num_noise_tokens=1,
            attention_dim=2,
            spectral_norm=False,
        )
    )


def test_pipeline_loads_from_a_hub(pipe, tmp_path):
    folder = tmp_path / "model"
    pipe.save_pretrained(folder)
    (folder / "README.md").write_text("not needed")
    (folder / "generator" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"not needed")
    server, asked = serve(folder)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HF_") and "proxy" not in name.lower()
    } | {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", LOAD, NAME, "someone/else"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    numbers, refusal = done.stdout.splitlines()
    total = sum(w.double().sum() for w in pipe.generator.parameters()).item()
    assert numbers == f"{total} 3"
    assert not any("README" in path or "fp16" in path for path in asked)
    assert refusal.startswith("someone/else: neither a model folder here nor a model that the Hub gives (")
