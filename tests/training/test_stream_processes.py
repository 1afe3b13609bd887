"""Two real processes share a stream, each from its own saved place, and neither waits for the other."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import distributed

from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.training.stream import StreamedPairs, make_stream_loader
from dpsims_hub.training.stream_resume import data_state, restore
from tests.training.shards import telling_transform, write_shards

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHARDS = (5, 3, 1)  # of 9 rows, one process gets 5 and the other 4
BEFORE, AFTER = 3, 12


def make_loader(folder: Path, rank: int):
    stream = DataSource(name=str(folder), streaming=True).open()
    pairs = StreamedPairs(stream, telling_transform(), seed=1, buffer_size=4, rank=rank, world_size=2)
    return make_stream_loader(pairs, 2, 1)


def continue_one_rank(folder: Path, rank: int) -> None:
    """What each new process does: resume, and meet the other one after every batch."""
    distributed.init_process_group("gloo", f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    loader = make_loader(folder / "rows", rank)
    assert restore(loader, torch.load(folder / f"state_{rank}.pt", weights_only=True)) == ""
    batches = []
    for batch in islice(loader, AFTER):
        distributed.all_reduce(batch["real_images"].sum())
        batches.append(batch)
    found = {"world_size": distributed.get_world_size(), "batches": batches}
    torch.save(found, folder / f"batches_{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def continued(tmp_path_factory):
    """(what both would have read without a stop, what new processes read after it)."""
    folder = tmp_path_factory.mktemp("continued")
    write_shards(folder / "rows", SHARDS)
    straight = [list(islice(make_loader(folder / "rows", rank), BEFORE + AFTER)) for rank in range(2)]
    for rank in range(2):
        loader = make_loader(folder / "rows", rank)
        list(islice(loader, BEFORE))
        torch.save(data_state(loader), folder / f"state_{rank}.pt")
    code = f"from {__name__} import *; continue_one_rank(Path({str(folder)!r}), int(sys.argv[1]))"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(rank)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=240)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    return straight, [torch.load(folder / f"batches_{rank}.pt") for rank in range(2)]


def test_new_processes_read_what_the_old_ones_would_have_read(continued):
    straight, found = continued
    for rank in range(2):
        assert found[rank]["world_size"] == 2
        for expected, batch in zip(straight[rank][BEFORE:], found[rank]["batches"], strict=True):
            assert expected.keys() == batch.keys()
            names = expected.keys() - {"skipped", "left_out"}
            assert [name for name in names if not torch.equal(expected[name], batch[name])] == []


def test_together_they_read_every_row_once_an_epoch(continued):
    straight, found = continued
    rows = []
    for rank in range(2):
        for batch in straight[rank][:BEFORE] + found[rank]["batches"]:
            rows += zip(batch["epoch"].tolist(), batch["number"].tolist(), strict=True)
    for epoch in range(6):  # each process read 30 of its 5 or 4 rows an epoch
        assert sorted(number for of, number in rows if of == epoch) == list(range(9))
