from __future__ import annotations

import pytest

from dpsims_hub.space import app
from dpsims_hub.space.app import is_local, start_space


@pytest.mark.parametrize(
    ("host", "variable", "local"),
    [
        (None, None, True),
        ("127.0.0.1", "0.0.0.0", True),
        ("localhost", None, True),
        ("0.0.0.0", None, False),
        (None, "0.0.0.0", False),
        (None, "127.0.0.1", True),
        ("192.168.0.7", None, False),
    ],
)
def test_which_addresses_only_this_machine_reaches(
    monkeypatch: pytest.MonkeyPatch, host: str | None, variable: str | None, local: bool
) -> None:
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    if variable:
        monkeypatch.setenv("GRADIO_SERVER_NAME", variable)
    assert is_local(host) is local


@pytest.mark.parametrize(
    ("options", "beside"), [({}, True), ({"share": True}, False), ({"host": "::"}, False)]
)
def test_only_a_local_space_is_beside_its_browser(
    monkeypatch: pytest.MonkeyPatch, options: dict, beside: bool
) -> None:
    made = []

    class Worker(app.PhotoWorker):
        def __init__(self, registry, *, beside_browser) -> None:
            made.append(beside_browser)
            super().__init__(registry)

        def prepare(self, model_info):
            """Nothing is to be loaded."""

    monkeypatch.setattr(app, "PhotoWorker", Worker)
    monkeypatch.setattr(app, "launch_app", lambda *arguments, **options: "")
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    start_space(["camvid"], **options)[0].close()
    assert made == [beside]
