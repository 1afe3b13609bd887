"""One live Space for all tests of this folder: the bundled model and a random one of ADE20K's classes."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpsims_hub.labels import ClassSpec
from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from tests.space.live_space import LiveSpace
from tests.space.models import save_tiny
from tests.space.served_space import ServedSpace

pytest.importorskip("gradio")


@pytest.fixture(scope="session")
def ade20k_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "ade20k", ClassSpec.load("ade20k"))


@pytest.fixture(scope="session")
def registry(ade20k_folder: Path) -> ModelRegistry:
    return ModelRegistry(["camvid", str(ade20k_folder)], device="cpu")


@pytest.fixture(scope="session")
def camvid(registry: ModelRegistry) -> ModelInfo:
    return registry.find("camvid")


@pytest.fixture(scope="session")
def ade20k(registry: ModelRegistry) -> ModelInfo:
    return registry.find("ade20k")


@pytest.fixture(scope="session")
def space(registry: ModelRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    from dpsims_hub.space.app import build_app, launch_app
    from dpsims_hub.space.photo_worker import PhotoWorker

    with pytest.MonkeyPatch.context() as patch:
        files = tmp_path_factory.mktemp("gradio")
        patch.setenv("GRADIO_TEMP_DIR", str(files))
        worker = PhotoWorker(registry)
        app = build_app(registry, worker)
        address = launch_app(app, "127.0.0.1")
        worker.prepare(registry.find()).result(timeout=120)
        yield LiveSpace(app, address.rstrip("/"), registry, worker, files)
        app.close()
        worker.close()


@pytest.fixture(scope="session")
def served(ade20k_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedSpace]:
    """`space_app.py` in its own process, for attacks and load; with MCP where it is installed."""
    mcp = importlib.util.find_spec("mcp") is not None
    server = ServedSpace(["camvid", str(ade20k_folder)], tmp_path_factory.mktemp("served"), mcp)
    yield server
    server.stop()


@pytest.fixture
def unharmed(served: ServedSpace) -> Iterator[None]:
    """After an attack the server still makes the same photo and stores no file of a visitor."""
    wanted, files_before = served.photo(map=served.map, seed=7), set(served.temporary.iterdir())
    yield
    assert served.photo(map=served.map, seed=7) == wanted
    assert set(served.temporary.iterdir()) <= files_before
