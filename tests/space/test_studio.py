"""The page as a component: its files fit together, and Gradio gets only what it needs."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("gradio")

from dpsims_hub.space.studio import (  # noqa: E402
    PAGE,
    SCRIPTS,
    SERVER_FUNCTIONS,
    STYLES,
    Studio,
    join_scripts,
    launch_options,
    read_page,
)

MODEL = {
    "name": "small",
    "title": "Small",
    "width": 4,
    "height": 3,
    "classes": [{"id": 0, "name": "sky", "aliases": [], "rgb": [0, 0, 9]}],
    "ignore_index": 255,
    "examples": [],
    "max_seed": 9,
}


class Elements(HTMLParser):
    """Collects the attributes of every element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.found if "id" in attributes]


def server_functions() -> list:
    def named(name: str):
        def answer(request: dict) -> dict:
            return {"asked": name, **request}

        answer.__name__ = name
        return answer

    return [named(name) for name in sorted(SERVER_FUNCTIONS)]


def studio(**changes) -> Studio:
    settings = {"model": MODEL, "models": [{"name": "small", "title": "Small"}]}
    return Studio(**settings | {"server_functions": server_functions()} | changes)


def test_every_script_of_the_page_is_joined_once():
    assert sorted(SCRIPTS) == sorted(path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.js"))
    assert sorted((*STYLES, "styles/window.css")) == sorted(
        path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.css")
    )
    joined = join_scripts()
    assert joined.startswith('"use strict";')
    assert all(joined.count(read_page(name)) == 1 for name in SCRIPTS)


def test_no_function_of_one_script_hides_one_of_another():
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", join_scripts(), re.MULTILINE)
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", ["studio.html", *STYLES])
def test_templates_hold_nothing_that_gradio_would_replace(name):
    text = read_page(name)
    assert not re.search(r"\{\{|\$\{|`|@children", text)
    assert "\\" not in text  # swallowed by the template string


def test_the_page_asks_no_other_host_for_anything():
    for path in filter(Path.is_file, PAGE.rglob("*")):
        assert not re.search(r"https?://|@import|url\(", path.read_text(encoding="utf-8")), path.name


def test_ids_are_unique_and_every_one_that_a_script_or_label_names_exists():
    elements = Elements(read_page("studio.html"))
    ids = elements.ids()
    assert len(ids) == len(set(ids))
    scripts = join_scripts()
    wanted = {f"dps-{name}" for name in re.findall(r'find\("([\w-]+)"\)', scripts)}
    assert len(wanted) > 30
    for key in ("for", "popovertarget", "aria-labelledby", "aria-describedby"):
        wanted |= {attributes[key] for _, attributes in elements.found if key in attributes}
    assert wanted <= set(ids)


def test_every_icon_that_a_button_names_is_drawn():
    named = {
        attributes["data-icon"]
        for _, attributes in Elements(read_page("studio.html")).found
        if "data-icon" in attributes
    }
    drawn = set(re.findall(r'^  (\w+): "M', read_page("icons.js"), re.MULTILINE))
    assert named <= drawn


def test_braces_of_the_styles_match():
    for text in (*map(read_page, STYLES), launch_options()["css"]):
        assert text.count("{") == text.count("}") > 0


def test_the_component_carries_the_page_and_its_model():
    config = studio().get_config()
    assert config["html_template"] == read_page("studio.html")
    assert config["js_on_load"] == join_scripts()
    assert config["props"] == {
        "model": MODEL,
        "models": [{"name": "small", "title": "Small"}],
    }
    assert not any("object at 0x" in str(value) for value in config.values())


def test_the_browser_may_call_the_server_functions_and_no_others():
    component = studio()
    assert {function.__name__ for function in component.server_fns} == SERVER_FUNCTIONS
    assert component.live({"seed": 3}) == {"asked": "live", "seed": 3}
    assert component.skip_api


@pytest.mark.parametrize("left_out", ["variations", "read_photo"])
def test_a_missing_server_function_is_named(left_out):
    functions = [function for function in server_functions() if function.__name__ != left_out]
    with pytest.raises(ValueError, match=left_out):
        studio(server_functions=functions)
