"""A stream's position: exactly resumable by the same readers, without a lost row by others."""

from __future__ import annotations

import io
import pickle
from itertools import islice

import pytest
import torch

from dpsims_hub.training.stream_resume import data_state, restore
from tests.training.shards import write_shards
from tests.training.stream_readers import (
    ROWS,
    UNEVEN,
    assert_equal,
    make_loader,
    make_pairs,
    numbers,
    open_stream,
)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("world_size", [1, 2])
def test_a_resumed_loader_gives_the_very_next_batches(folders, workers, world_size, tmp_path):
    for rank in range(world_size):
        split = {"rank": rank, "world_size": world_size}
        straight = list(islice(make_loader(open_stream(folders[UNEVEN]), workers, **split), 15))
        assert {int(epoch) for batch in straight[7:] for epoch in batch["epoch"]} >= {0, 1} or world_size == 2
        first = make_loader(open_stream(folders[UNEVEN]), workers, **split)
        assert_equal(list(islice(first, 7)), straight[:7])
        torch.save(data_state(first), tmp_path / "state.pt")
        again = make_loader(open_stream(folders[UNEVEN]), workers, **split)
        assert restore(again, torch.load(tmp_path / "state.pt", weights_only=True)) == ""
        assert_equal(list(islice(again, 8)), straight[7:])


@pytest.mark.parametrize("buffer_size", [1, 5, 100])
def test_it_can_stop_after_any_sample(uneven, buffer_size):
    straight = list(islice(make_pairs(uneven, buffer_size=buffer_size), 100))
    running = make_pairs(uneven, buffer_size=buffer_size)
    items = iter(running)
    for count in range(90):
        resumed = make_pairs(uneven, buffer_size=buffer_size)
        resumed.load_state_dict(running.state_dict())
        assert_equal(list(islice(resumed, 3)), straight[count : count + 3])
        next(items)


def test_a_loader_that_was_resumed_can_be_saved_again(uneven):
    straight = list(islice(make_loader(uneven, 2), 12))
    state = None
    for start in range(0, 12, 4):
        loader = make_loader(uneven, 2)
        assert state is None or restore(loader, state) == ""
        state = data_state(loader)  # before any batch
        loader = make_loader(uneven, 2)
        assert restore(loader, state) == ""
        assert_equal(list(islice(loader, 4)), straight[start : start + 4])
        state = data_state(loader)


def test_the_state_has_no_rows_in_it(uneven):
    sizes = []
    for buffer_size in (2, 30):
        loader = make_loader(uneven, buffer_size=buffer_size)
        list(islice(loader, 2))
        torch.save(data_state(loader), file := io.BytesIO())
        sizes.append(file.tell())
    assert sizes[0] == sizes[1] < 5_000


def test_with_another_seed_the_epoch_restarts_and_a_sentence_says_so(uneven):
    before = make_loader(uneven)
    list(islice(before, 15))  # 60 samples: in epoch 1
    changed = make_loader(uneven, seed=4)
    sentence = restore(changed, data_state(before))
    assert "seed (3 then, 4 now)" in sentence
    assert "epoch 1 restarts" in sentence
    expected = make_loader(uneven, seed=4)
    expected.dataset.start_epoch(1)
    batches = list(islice(changed, 5))
    assert_equal(batches, list(islice(expected, 5)))
    assert {int(epoch) for epoch in batches[0]["epoch"]} == {1}


CHANGES = {
    "processes (1 then, 2 now)": {"world_size": 2},
    "workers (0 then, 2 now)": {"workers": 2},
    "shuffle buffer (6 then, 7 now)": {"buffer_size": 7},
}


@pytest.mark.parametrize("named", CHANGES)
def test_other_readers_continue_the_epoch_and_a_sentence_says_so(uneven, named, tmp_path):
    """Of 41 rows 20 are given out, of which two are of an open block of 6."""
    before = make_loader(uneven)
    seen = numbers(item for batch in islice(before, 5) for item in split_batch(batch))
    torch.save(data_state(before), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    left = []
    for rank in range(CHANGES[named].get("world_size", 1)):
        changed = make_loader(uneven, batch_size=1, **{**CHANGES[named], "rank": rank})
        sentence = restore(changed, state)
        assert sentence.startswith(f"Changed since the checkpoint: {named}. Epoch 0 of the stream continues")
        assert "and 2 rows of unfinished blocks come a second time" in sentence
        items = list(islice(changed, 40))
        left += [int(item["number"]) for item in items if item["epoch"] == 0]
    assert set(seen) | set(left) == set(range(ROWS))
    assert len(left) == ROWS - 18


def split_batch(batch: dict) -> list[dict]:
    return [{"number": number} for number in batch["number"]]


def test_with_other_rows_the_epoch_restarts(uneven, tmp_path):
    before = make_loader(uneven)
    list(islice(before, 2))
    other = make_loader(open_stream(write_shards(tmp_path / "other", UNEVEN, first=100)))
    sentence = restore(other, data_state(before))
    assert sentence.startswith("Changed since the checkpoint: rows.")
    assert "epoch 0 restarts" in sentence
    assert len(set(numbers(islice(other.dataset, ROWS)))) == ROWS


def test_pairs_can_be_pickled_in_the_middle(uneven):
    pairs = make_pairs(uneven)
    straight = list(islice(make_pairs(uneven), 20))
    list(islice(pairs, 9))
    assert_equal(list(islice(pickle.loads(pickle.dumps(pairs)), 11)), straight[9:])
