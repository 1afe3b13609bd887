"""The place of a stream's loader: saved with a checkpoint, and taken up by the same or by other readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dpsims_hub.training.stream_progress import Progress
from dpsims_hub.training.stream_shares import Place

if TYPE_CHECKING:
    from torchdata.stateful_dataloader import StatefulDataLoader

_READERS = {"processes", "workers", "shuffle buffer"}  # settings that may change without losing the place


def data_state(loader: StatefulDataLoader) -> dict[str, Any]:
    """Where a loader is, after the last batch that it gave out: a few numbers per worker, for `torch.save`.

    What workers have prepared beyond that batch does not count.
    """
    earlier = [[run.num_shards, [list(place) for place in run.places]] for run in loader.dataset.earlier]
    return {"settings": _settings(loader), "readers": loader.state_dict(), "earlier": earlier}


def restore(
    loader: StatefulDataLoader,
    state: dict[str, Any],
    all_states: Callable[[], Sequence[dict[str, Any]]] | None = None,
) -> str:
    """Put a new loader, before its first batch, where another one was.

    With the same settings the loader goes on with the very next batch. With other numbers of processes or
    workers, or another shuffle buffer, the epoch goes on with the rows that no block of the old readers had
    behind it: no row is lost, and those of the open blocks that were given out come again. With other rows,
    shards or seed the epoch begins anew.

    Args:
        loader: made for the same data, settings and numbers of processes and workers, or for others.
        state: what `data_state` returned, in the process of the same rank; in a process that was not there
            then, that of another one.
        all_states: reads what it returned in every process, by rank; None where `state` is all there is.

    Returns:
        "" where the loader goes on with the very next batch; otherwise a sentence on what differs.
    """
    before, now = state["settings"], _settings(loader)
    pairs, earlier = loader.dataset, _earlier(state)
    changed = [name for name in now if before[name] != now[name]]
    if not changed:
        pairs.earlier = earlier
        loader.load_state_dict(state["readers"])
        return ""
    states = (all_states and all_states()) or [state]
    readers = [reader for one in states for reader in _readers_of(one)]
    told = ", ".join(name if name == "rows" else _then_and_now(name, before, now) for name in changed)
    epoch = min(place.epoch for place, _ in readers)
    pairs.start_epoch(epoch)
    if set(changed) <= _READERS and len(readers) == before["processes"] * max(1, before["workers"]):
        progress = Progress(before["shards"], tuple(place for place, _ in readers))
        pairs.earlier = (*(run for run in earlier if run.last_epoch >= epoch), progress)
        again = sum(given for _, given in readers)
        return (
            f"Other than at the checkpoint are the stream's {told}; epoch {epoch} goes on with the rows that "
            f"are left, and {again} rows of blocks that were not finished come a second time."
        )
    return (
        f"The place in the stream cannot be kept, because other than at the checkpoint are its {told}; epoch "
        f"{epoch} begins anew."
    )


def _settings(loader: StatefulDataLoader) -> dict[str, int | str]:
    """Everything that the order of samples depends on, by the name that a sentence gives it."""
    pairs = loader.dataset
    return {
        "processes": pairs.world_size,
        "workers": loader.num_workers,
        "shards": pairs.stream.num_shards,
        "seed": pairs.seed,
        "shuffle buffer": pairs.buffer_size,
        "rows": pairs.fingerprint,
    }


def _then_and_now(name: str, before: dict[str, Any], now: dict[str, Any]) -> str:
    return f"{name} ({before[name]} then, {now[name]} now)"


def _earlier(state: dict[str, Any]) -> tuple[Progress, ...]:
    """Runs with other readers that came before; checkpoints of older versions have none."""
    runs = state.get("earlier", [])
    return tuple(Progress(shards, tuple(Place(*place) for place in places)) for shards, places in runs)


def _readers_of(state: dict[str, Any]) -> list[tuple[Place, int]]:
    """The open block of each of a process' readers, by worker, and how many of its rows were given out."""
    found = sorted(_reader_states(state["readers"]), key=lambda one: one[0])
    return [(Place(*(reader[name] for name in Place._fields)), reader["given"]) for _, reader in found]


def _reader_states(state: Any, worker: int = 0) -> Iterator[tuple[int, dict[str, int]]]:
    """(number of the worker, state) of all readers, wherever the loader keeps their states."""
    if not isinstance(state, dict):
        return
    worker = state.get("worker_id", worker)
    if state.keys() >= {*Place._fields, "given"}:
        yield worker, state
    for part in state.values():
        yield from _reader_states(part, worker)
