"""`Studio`: the page of the Space as one Gradio component, made from the files of `page/`.

The page stores the label map as an array of class ids in the browser. It calls Python only through server
functions, which bypass Gradio's queue. Queue and events serve only the public API.
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
STYLES = (  # narrow layouts come late, so that they override the rules before them
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
        model: the model that is shown first: `name`, `title`, `width`, `height` (pixels), `classes` (`id`,
            `name`, `aliases`, `rgb` each), `ignore_index`, `examples` (`name` and `map` as a map string
            each), `max_seed`, `regions`, `no_photos` (why it cannot open photos, "" if it can).
        models: `name` and `title` of every model that may be chosen; with one, the page shows no choice.
        server_functions: Python functions with the names in `SERVER_FUNCTIONS`. Each takes one object and
            returns one. They run in threads, outside the queue.

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
        missing = sorted(SERVER_FUNCTIONS - {function.__name__ for function in server_functions})
        if missing:
            raise ValueError(f"Studio: the server function(s) {', '.join(missing)} are missing.")
        super().__init__(
            html_template=read_page("studio.html"),
            css_template="\n".join(map(read_page, STYLES)),
            js_on_load=join_scripts(),
            apply_default_css=False,
            elem_id=options.pop("elem_id", "studio"),
            server_functions=list(server_functions),
            model=model,
            models=list(models),
            **options,
        )

    def get_config(self, *arguments: Any) -> dict[str, Any]:
        """The component for the browser, without our arguments, which Gradio would repeat beside `props`."""
        config, own = super().get_config(*arguments), ("model", "models", "server_functions")
        return {name: value for name, value in config.items() if name not in own}

    @property
    def skip_api(self) -> bool:
        """True: the component has no value, so the description of the API omits it."""
        return True


def join_scripts() -> str:
    """The scripts of the page as one script in strict mode; scripts come after those that they need."""
    return "\n".join(['"use strict";', *map(read_page, SCRIPTS)])


def read_page(name: str) -> str:
    """The text of one file of the page."""
    return (PAGE / name).read_text(encoding="utf-8")


def launch_options() -> dict[str, Any]:
    """Options of `Blocks.launch`: styles for narrow margins, and keyframes, which cannot be scoped."""
    return {"css": read_page("styles/window.css")}
