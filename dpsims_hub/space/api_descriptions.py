"""What the endpoints take and give, in words: their docstrings, told by Gradio's clients (`view_api`) too.

Gradio shows the docstrings over MCP; its clients show the description of a component's schema instead.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

Component = TypeVar("Component")


def parameters_of(function: Callable) -> dict[str, str]:
    """Return what a docstring's "Args:" say of each parameter, each on one line.

    Args:
        function: with a docstring in Google style.
    """
    found: dict[str, str] = {}
    name = ""
    for line in _section(function, "Args"):
        start = re.match(r" {4}(\w+): (.*)", line)
        if start:
            name, text = start.groups()
            found[name] = text
        elif name:
            found[name] += f" {line.strip()}"
    return {key: _plain(text) for key, text in found.items()}


def returns_of(function: Callable) -> str:
    """Return what a docstring's "Returns:" says, on one line.

    Args:
        function: with a docstring in Google style.
    """
    return _plain(" ".join(line.strip() for line in _section(function, "Returns")))


def described(component: Component, text: str) -> Component:
    """Return a component of Gradio whose schema carries a description, as input and as output.

    Args:
        component: of an endpoint.
        text: one line.
    """
    as_input: dict[str, Any] = component.api_info_as_input() | {"additional_description": text}
    as_output: dict[str, Any] = component.api_info_as_output() | {"description": text}
    component.api_info_as_input = lambda: as_input
    component.api_info_as_output = lambda: as_output
    return component


def _section(function: Callable, title: str) -> list[str]:
    lines = inspect.getdoc(function).split("\n")
    if f"{title}:" not in lines:
        return []
    body = lines[lines.index(f"{title}:") + 1 :]
    end = next((at for at, line in enumerate(body) if line and not line.startswith(" ")), len(body))
    return [line for line in body[:end] if line.strip()]


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
