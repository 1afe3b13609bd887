"""Start of the Space; the large packages are imported in two processes at the same time."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from dpsims_hub.processes.quick_start import hidden
from dpsims_hub.space import zero_gpu
from dpsims_hub.space.photo_process import PhotoProcess

if TYPE_CHECKING:
    import gradio as gr


def start_space(
    models: str | None,
    *,
    host: str | None = None,
    port: int | None = None,
    share: bool = False,
    mcp: bool = False,
    segmenter: str = "",
    device: str | None = None,
    dtype: str | None = None,
) -> tuple[gr.Blocks, str]:
    """Start a Space and return it with its address; its first model is loaded in the background.

    `models` are paths, Hub ids or bundled names in one text, see `wanted_models`. For `host`, `port`, `share`
    and `mcp` see `launch_app`, for `segmenter` see `build_app`, for `device` and `dtype` (such as "bfloat16")
    see `ModelRegistry`.

    Raises:
        OSError: a model is missing, or the port is taken.
        ValueError: a model cannot be used, or an option needs a package that is missing.
        ModuleNotFoundError: Gradio is not installed.
    """
    zero_gpu.prepare()
    maker = None if zero_gpu.is_zero_gpu() else PhotoProcess()  # ZeroGPU gives its GPU to this process only
    try:
        with nullcontext() if mcp else hidden("mcp"):
            from dpsims_hub.space.app import build_app, is_local, launch_app
            from dpsims_hub.space.model_registry import ModelRegistry, wanted_models
            from dpsims_hub.space.photo_worker import PhotoWorker
        registry = ModelRegistry(wanted_models(models), device, dtype)
        worker = PhotoWorker(registry, maker, beside_browser=not share and is_local(host))
        app = build_app(registry, worker, segmenter)
        worker.prepare(registry.find())
        return app, launch_app(app, host, port, share=share, mcp=mcp)
    except BaseException:
        if maker is not None:
            maker.close()
        raise
