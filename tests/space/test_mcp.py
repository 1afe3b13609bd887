"""The Space as MCP tools over HTTP; off by default."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import io
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.space.live_space import LiveSpace
from tests.space.served_space import APP, SECRETS, ServedSpace

HAS_MCP = importlib.util.find_spec("mcp") is not None
needs_mcp = pytest.mark.skipif(not HAS_MCP, reason="needs the package mcp: pip install 'gradio[mcp]'")


def ask(served: ServedSpace, question: Callable[[Any], Awaitable[Any]]) -> Any:
    """Open a session with the server's tools and make one call."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def run() -> Any:
        address = f"http://127.0.0.1:{served.port}/gradio_api/mcp/"
        async with (
            streamablehttp_client(address) as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            return await question(session)

    return asyncio.run(run())


@needs_mcp
def test_the_tools_have_clear_names_and_say_what_they_take(served: ServedSpace) -> None:
    tools = {tool.name: tool for tool in ask(served, lambda session: session.list_tools()).tools}
    assert set(tools) == {"models", "generate", "variations", "read_map"}
    takes = {
        "models": set(),
        "generate": {"label_map", "map_text", "seed", "seed_b", "mix", "model", "regions"},
        "variations": {"label_map", "map_text", "seed", "count", "model"},
        "read_map": {"label_map", "stored", "model"},
    }
    for name, tool in tools.items():
        properties = tool.inputSchema["properties"]
        assert set(properties) == takes[name]
        assert all(len(one["description"]) > 20 for one in properties.values())
    assert "photo of a label map" in tools["generate"].description
    assert '{"class": "Sky", "seed": 3}' in tools["generate"].description


@needs_mcp
def test_assistants_learn_the_classes_and_roll_one_of_them(served: ServedSpace) -> None:
    answer = ask(served, lambda session: session.call_tool("models", {}))
    assert not answer.isError
    text = " ".join(part.text for part in answer.content if part.type == "text")
    assert "SignSymbol" in text
    regions = [{"class": "Road", "seed": 3}]
    wanted = {"map_text": served.map, "regions": regions}
    plain, rolled = (
        ask(served, lambda session, given=given: session.call_tool("generate", given))
        for given in ({"map_text": served.map}, wanted)
    )
    assert not rolled.isError
    assert plain.content[0] != rolled.content[0]


@needs_mcp
def test_a_tool_makes_the_photo_of_the_endpoint(served: ServedSpace) -> None:
    wanted = {"map_text": served.map, "seed": 5}
    answer = ask(served, lambda session: session.call_tool("generate", wanted))
    assert not answer.isError
    data = next(part.data for part in answer.content if part.type == "image")
    event, values = served.endpoint("generate", None, served.map, 5, 0, 0.0, "", None)
    assert event == "complete"
    path = values[0]["path"]
    photos = [base64.b64decode(data), served.get(f"/gradio_api/file={path}").body]
    ours, theirs = (np.asarray(Image.open(io.BytesIO(photo)).convert("RGB")) for photo in photos)
    np.testing.assert_array_equal(ours, theirs)


@needs_mcp
@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"map_text": "r1:2x2:AAAA"}, "no multiple of 4"),
        ({"map_text": "$map", "model": "/etc"}, "no model of that name"),
        ({"label_map": "/etc/passwd"}, ""),
        ({}, ""),
    ],
)
def test_a_tool_refuses_in_a_sentence(served: ServedSpace, wanted: dict[str, Any], said: str) -> None:
    wanted = {name: served.map if value == "$map" else value for name, value in wanted.items()}
    answer = ask(served, lambda session: session.call_tool("generate", wanted))
    text = " ".join(part.text for part in answer.content if part.type == "text")
    assert answer.isError
    assert said in text
    assert not [secret for secret in SECRETS if secret in text]


def test_there_are_no_tools_unless_they_are_wanted(space: LiveSpace) -> None:
    status, _ = space.post("/gradio_api/mcp/", b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}')
    assert status in (404, 405)


@pytest.mark.skipif(HAS_MCP, reason="the package mcp is there")
def test_wanting_tools_without_the_package_is_one_sentence() -> None:
    done = subprocess.run([sys.executable, str(APP), "--mcp"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'gradio[mcp]'" in done.stderr
