from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from dpsims_hub.labels.sources.streams import RowStream
from dpsims_hub.training.command_line import parse_config
from dpsims_hub.training.loop import Trainer
from tests.training.shards import write_shards
from tests.training.stream_readers import EVEN, ROWS, UNEVEN, open_stream
from tests.training.tiny_run import forget_accelerators, tiny_flags, write_pairs
from train_accelerate import main


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Tiny tensors gain nothing from a pool of threads; on a busy machine it mostly waits for itself."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _new_accelerator():
    forget_accelerators()
    yield
    forget_accelerators()


@pytest.fixture(scope="session")
def pairs_dir(tmp_path_factory) -> Path:
    """Twelve pairs of 48x64 (height x width), 3 classes."""
    return write_pairs(tmp_path_factory.mktemp("pairs"))


@pytest.fixture
def flags(pairs_dir, tmp_path):
    """Makes the flags of a tiny run that writes to tmp_path/out."""

    def make(*more: object, steps: int = 4) -> list[str]:
        return tiny_flags(pairs_dir, tmp_path / "out", *more, steps=steps)

    return make


@pytest.fixture
def make_trainer(flags):
    """Makes the trainer of a tiny run."""

    def make(*more: object) -> Trainer:
        return Trainer(parse_config(flags("--report_to", "none", *more)))

    return make


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[tuple[int, ...], Path]:
    """Folders of a stream's rows by the lengths of their shards."""
    root = tmp_path_factory.mktemp("shards")
    lengths = (UNEVEN, EVEN, (ROWS,))
    return {shards: write_shards(root / str(len(shards)), shards) for shards in lengths}


@pytest.fixture
def uneven(folders) -> RowStream:
    return open_stream(folders[UNEVEN])


class Finished(NamedTuple):
    """A run that ended by itself after 4 steps, with checkpoints after 2 and 4 and a sheet after 2."""

    output_dir: Path
    flags: list[str]
    printed: str


@pytest.fixture(scope="session")
def finished(pairs_dir, tmp_path_factory) -> Finished:
    forget_accelerators()
    output_dir = tmp_path_factory.mktemp("finished") / "out"
    often = ("--checkpointing_steps", 2, "--validation_steps", 2)
    rates = ("--learning_rate_g", 2e-4, "--lr_decay_steps", 3)
    argv = tiny_flags(pairs_dir, output_dir, *often, *rates)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(argv) == 0
    forget_accelerators()
    return Finished(output_dir, argv, printed.getvalue())
