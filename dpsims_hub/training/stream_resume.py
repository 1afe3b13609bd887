"""The position of a stream's loader, saved with a checkpoint and restored for the same or other readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dpsims_hub.training.stream_shares import Place, Progress

if TYPE_CHECKING:
    from torchdata.stateful_dataloader import StatefulDataLoader

_READERS = {"processes", "workers", "shuffle buffer"}  # the position is kept if these settings change


def data_state(loader: StatefulDataLoader) -> dict[str, Any]:
    """Position after the last batch that was yielded, a few numbers per worker; prefetching is excluded."""
    earlier = [[run.num_shards, [list(place) for place in run.places]] for run in loader.dataset.earlier]
    return {"settings": _settings(loader), "readers": loader.state_dict(), "earlier": earlier}


def restore(
    loader: StatefulDataLoader,
    state: dict[str, Any],
    all_states: Callable[[], Sequence[dict[str, Any]]] | None = None,
) -> str:
    """Restore the position of an earlier loader in a new one, before its first batch.

    With equal settings the loader continues with the next batch. With another number of processes or workers
    or another shuffle buffer no row is lost, but rows already read from unfinished blocks are read again.
    With other rows, shards or seed the epoch restarts. Returns a sentence on what changed, or "".

    Args:
        loader: a new loader.
        state: result of `data_state` in the process of the same rank, or in another process for a new rank.
        all_states: reads the results of all processes, by rank; None if `state` is the only one.
    """
    before, now = state["settings"], _settings(loader)
    pairs = loader.dataset
    runs = state.get("earlier", [])  # not in older checkpoints
    earlier = tuple(Progress(shards, tuple(Place(*place) for place in places)) for shards, places in runs)
    changed = [name for name in now if before[name] != now[name]]
    if not changed:
        pairs.earlier = earlier
        loader.load_state_dict(state["readers"])
        return ""
    states = (all_states and all_states()) or [state]
    readers = [reader for one in states for reader in _readers_of(one)]
    values = {name: "" if name == "rows" else f" ({before[name]} then, {now[name]} now)" for name in changed}
    told = ", ".join(f"{name}{value}" for name, value in values.items())
    epoch = min(place.epoch for place, _ in readers)
    pairs.start_epoch(epoch)
    if set(changed) <= _READERS and len(readers) == before["processes"] * max(1, before["workers"]):
        progress = Progress(before["shards"], tuple(place for place, _ in readers))
        pairs.earlier = (*(run for run in earlier if run.last_epoch >= epoch), progress)
        again = sum(given for _, given in readers)
        return (
            f"Changed since the checkpoint: {told}. Epoch {epoch} of the stream continues with the remaining "
            f"rows, and {again} rows of unfinished blocks come a second time."
        )
    return (
        f"Changed since the checkpoint: {told}. The position in the stream is lost; epoch {epoch} restarts."
    )


def _settings(loader: StatefulDataLoader) -> dict[str, int | str]:
    """All settings that the order of samples depends on, by their names in messages."""
    pairs = loader.dataset
    return {
        "processes": pairs.world_size,
        "workers": loader.num_workers,
        "shards": pairs.stream.num_shards,
        "seed": pairs.seed,
        "shuffle buffer": pairs.buffer_size,
        "rows": pairs.fingerprint,
    }


def _readers_of(state: dict[str, Any]) -> list[tuple[Place, int]]:
    """For each reader of a process, by worker, its unfinished block and how many of its rows were yielded."""
    found = sorted(_reader_states(state["readers"]), key=lambda one: one[0])
    return [(Place(*(reader[name] for name in Place._fields)), reader["given"]) for _, reader in found]


def _reader_states(state: Any, worker: int = 0) -> Iterator[tuple[int, dict[str, int]]]:
    """(worker, state) of all readers, at any depth of the loader's state."""
    if not isinstance(state, dict):
        return
    worker = state.get("worker_id", worker)
    if state.keys() >= {*Place._fields, "given"}:
        yield worker, state
    for part in state.values():
        yield from _reader_states(part, worker)
