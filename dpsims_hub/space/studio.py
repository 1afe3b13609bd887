"""`Studio`: the page of the Space as one Gradio component, put together from the files of `page/`.

The page's truth is an array of class ids in the browser. It talks to Python through server functions only,
which answer in milliseconds; Gradio's queue, events and value are left to the public API.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

PAGE = Path(__file__).parent / "page"
SCRIPTS = (
    "painting/map_codec.js",
    "painting/painter.js",
    "painting/history.js",
    "tools/shapes.js",
    "stamps/outlines.js",
    "stamps/stamp_shapes.js",
    "painting/colours.js",
    "icons.js",
    "scene_state.js",
    "stage_layout.js",
    "painting/view.js",
    "panels/notices.js",
    "painting/strokes.js",
    "painting/zoom.js",
    "painting/pointers.js",
    "tools/gestures.js",
    "tools/drawn_shapes.js",
    "tools/move_region.js",
    "tools/class_changes.js",
    "stamps/placing.js",
    "painting/hover.js",
    "painting/toolbar.js",
    "panels/class_groups.js",
    "panels/number_keys.js",
    "panels/palette.js",
    "panels/recents.js",
    "panels/class_sheet.js",
    "panels/legend.js",
    "photo/rerolls.js",
    "photo/reroll_list.js",
    "photo/compare.js",
    "photo/original.js",
    "photo/fast_lane.js",
    "photo/live_photo.js",
    "photo/lanczos.js",
    "photo/fine_photo.js",
    "panels/style_panel.js",
    "photo/variations.js",
    "photo/past.js",
    "panels/scenes.js",
    "stamps/tray.js",
    "panels/scene_file.js",
    "panels/files.js",
    "panels/map_repair.js",
    "panels/drafts.js",
    "panels/models.js",
    "panels/sharing.js",
    "panels/shortcuts.js",
    "panels/first_run.js",
    "studio.js",
)
STYLES = (
    "styles/ground.css",
    "styles/controls.css",
    "styles/stage.css",
    "styles/panels.css",
    "styles/menus.css",
    "styles/tools.css",
    "styles/classes.css",
    "styles/map_repair.css",
    "styles/results.css",
    "styles/narrow.css",
    "styles/forced.css",
)
SERVER_FUNCTIONS = frozenset(
    {
        "live",
        "variations",
        "read_map",
        "read_photo",
        "inspect_map",
        "repair_map",
        "download",
        "palette",
        "scene_photo",
        "switch_model",
    }
)


class Studio(gr.HTML):
    """Painter, live photo, classes and style in one component.

    Args:
        model: what the page needs to know of the model at start: `name`, `title`, `width`, `height` (pixels),
            `classes` (`id`, `name`, `aliases`, `rgb` each), `ignore_index`, `examples` (`name` and `map` as a
            map string each), `max_seed`, `no_photos` (why it cannot open photos, "" if it can).
        models: `name` and `title` of every model that may be chosen; with one, the page shows no choice.
        server_functions: Python functions by the names in `SERVER_FUNCTIONS`. Each takes one object and
            returns one; they run in threads, beside the queue.

    Raises:
        ValueError: a server function is missing.
    """

    def __init__(
        self,
        *,
        model: dict[str, Any],
        models: Sequence[dict[str, str]],
        server_functions: Sequence[Callable[[dict], dict]],
        **options: Any,
    ) -> None:
        check_server_functions(server_functions)
        super().__init__(
            html_template=read_page("studio.html"),
            css_template=join_styles(),
            js_on_load=join_scripts(),
            apply_default_css=False,
            elem_id=options.pop("elem_id", "studio"),
            server_functions=list(server_functions),
            model=model,
            models=list(models),
            **options,
        )

    def get_config(self, cls: type | None = None) -> dict[str, Any]:
        """What the browser is told; Gradio would repeat our arguments beside `props`, as text."""
        config = super().get_config() if cls is None else super().get_config(cls)
        own = ("model", "models", "server_functions")
        return {name: value for name, value in config.items() if name not in own}

    @property
    def skip_api(self) -> bool:
        """The component has no value, so it does not belong into the description of the API."""
        return True


def check_server_functions(functions: Sequence[Callable]) -> None:
    """Checks that the page will find every function it calls.

    Raises:
        ValueError: one is missing.
    """
    missing = sorted(SERVER_FUNCTIONS - {function.__name__ for function in functions})
    if missing:
        raise ValueError(f"Studio: the server function(s) {', '.join(missing)} are missing.")


def join_scripts() -> str:
    """The scripts of the page as one strict script, in the order that they build on each other."""
    return "\n".join(['"use strict";', *(read_page(name) for name in SCRIPTS)])


def join_styles() -> str:
    """The styles of the page; narrow layouts come last, so that they win."""
    return "\n".join(read_page(name) for name in STYLES)


def read_page(name: str) -> str:
    """One file of the page, as text."""
    return (PAGE / name).read_text(encoding="utf-8")


def launch_options() -> dict[str, Any]:
    """What the page wants from `Blocks.launch`: narrow margins, and keyframes, which cannot be scoped."""
    return {"css": read_page("styles/window.css")}
