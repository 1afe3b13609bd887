"""The Space as an app of Gradio: page, server functions and endpoints, and how they are served."""

from __future__ import annotations

import os

import gradio as gr
from starlette.middleware import Middleware

from dpsims_hub.space import studio
from dpsims_hub.space.api import add_endpoints
from dpsims_hub.space.guards import BodyLimit, NameGuard
from dpsims_hub.space.model_registry import ModelRegistry
from dpsims_hub.space.page_head import PageHead
from dpsims_hub.space.page_service import PageService
from dpsims_hub.space.photo_worker import PhotoWorker

TITLE = "DP-SIMS: paint a scene, get a photo"
DESCRIPTION = (
    "Choose a class, paint, and the photo follows the brush. Start from a scene, a map or your own photo."
)
MAX_QUEUE = 32
MAX_SESSIONS = 500  # sessions that Gradio stores; our page stores its own state
MAX_FILE = "8mb"
QUEUE_PAUSE = 0.05  # seconds between checks of an empty queue; Gradio's 0.001 takes 8 % of a core
KEEP_FILES = (60, 300)  # seconds: every minute, programs' uploads and photos older than five are deleted


def build_app(
    registry: ModelRegistry,
    worker: PhotoWorker,
    segmenter: str = "",
    keep_files: tuple[int, int] = KEEP_FILES,
) -> gr.Blocks:
    """Return the Space, ready for `launch_app`.

    Args:
        registry: the models; the first is shown.
        worker: makes the photos.
        segmenter: turns photos into label maps for all models, a folder or Hub id; "" means each model's own.
        keep_files: every how many seconds Gradio deletes files, and how many seconds old they are then.
    """
    model_info = registry.find()
    service = PageService(registry, worker, segmenter)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=keep_files) as app:
        studio.Studio(
            model=service.describe(model_info),
            models=registry.list(),
            server_functions=service.functions(),
        )
        add_endpoints(registry, worker)
    app.queue(max_size=MAX_QUEUE, default_concurrency_limit=1)
    app._queue.sleep_when_free = QUEUE_PAUSE
    return app


def launch_app(
    app: gr.Blocks,
    host: str | None = None,
    port: int | None = None,
    *,
    share: bool = False,
    mcp: bool = False,
) -> str:
    """Serve the Space in the background and return its address.

    Args:
        app: what `build_app` returned.
        host: None means GRADIO_SERVER_NAME, or else 127.0.0.1.
        port: None means GRADIO_SERVER_PORT, or else the first free one from 7860.
        share: open a public tunnel of Gradio's.
        mcp: also serve the endpoints as MCP tools.

    Raises:
        OSError: the port is taken.
        ValueError: MCP is wanted, and its package is missing or of another version than Gradio needs.
    """
    head = Middleware(PageHead, TITLE, DESCRIPTION)
    _, local, public = app.launch(
        server_name=host,
        server_port=port,
        share=share,
        mcp_server=mcp,
        max_file_size=MAX_FILE,
        state_session_capacity=MAX_SESSIONS,
        app_kwargs={"middleware": [Middleware(BodyLimit), Middleware(NameGuard), head]},
        prevent_thread_lock=True,
        quiet=True,
        show_error=False,  # sentences meant for visitors are gr.Error, which always shows
        run_history=False,
        ssr_mode=False,
        footer_links=["api"],
        **studio.launch_options(),
    )
    if mcp and not app.mcp_server:  # Gradio then serves the app without MCP
        app.close(verbose=False)
        raise ValueError(f"the MCP server needs pip install 'gradio[mcp]' ({app.mcp_error}).")
    return public or local


def is_local(host: str | None) -> bool:
    """Whether only browsers on this machine can reach an address; `host` is as in `launch_app`."""
    host = host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    return host in ("127.0.0.1", "localhost", "::1")
