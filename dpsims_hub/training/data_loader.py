"""The batches of a run, and its position in the data, with one interface for map-style data sets and streams.

The position is the step for a map-style data set, and a state of its own for a stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from dpsims_hub.labels import ClassSpec, LabelMapError, Sample
from dpsims_hub.labels.sources.data_source import DataSource
from dpsims_hub.labels.sources.streams import RowStream
from dpsims_hub.labels.survey.masks import look_at_masks
from dpsims_hub.labels.survey.opened_source import some_labels
from dpsims_hub.training.augmentation import NUM_DRAWS
from dpsims_hub.training.checkpoint import load_data_states
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.data import PositionSampler, TrainingPairs, make_loader
from dpsims_hub.training.stopping import start_workers
from dpsims_hub.training.stream import StreamedPairs, make_stream_loader
from dpsims_hub.training.stream_resume import data_state, restore
from dpsims_hub.training.transform import PairTransform

_REFRESH_BATCHES = 16
_CHECKED_MAPS = 64  # our choice


def training_source(config: TrainConfig) -> DataSource:
    """The data source that the settings name for training."""
    return DataSource(
        directory=config.train_data_dir,
        name=config.dataset_name,
        config_name=config.dataset_config_name,
        split=config.train_split,
        revision=config.dataset_revision,
        image_column=config.image_column,
        label_column=config.label_column,
        instance_column=config.instance_column,
        classes=config.classes,
        label_suffix=config.label_suffix,
        streaming=config.streaming,
        cache_dir=config.cache_dir,
    )


def validation_source(config: TrainConfig) -> DataSource | None:
    """The data source of the validation pairs; None if the sheets show training pairs."""
    if config.validation_data_dir:
        return DataSource(
            directory=config.validation_data_dir,
            split=config.validation_split,
            classes=config.classes,
            label_suffix=config.label_suffix,
        )
    if config.validation_split:
        return replace(training_source(config), split=config.validation_split)
    return None


def example_transform(config: TrainConfig, spec: ClassSpec, latent_dim: int) -> PairTransform:
    """The transform that makes a run's examples of pairs."""
    return PairTransform(
        config.size,
        config.max_zoom,
        config.flip,
        config.resize_mode,
        latent_dim,
        config.samples_per_map,
        spec if config.instance_offsets else None,
        NUM_DRAWS if config.augmentation_changes else 0,
    )


class TooManyBadSamplesError(ValueError):
    """More bad pairs than --skip_bad_samples allows."""


class TrainingDataLoader:
    """Endless batches of one process, from an opened map-style data set or stream.

    Raises:
        ValueError: there is no pair, or --instance_offsets is on and the data has no objects.
    """

    def __init__(
        self, config: TrainConfig, source: Any, transform: PairTransform, rank: int = 0, world_size: int = 1
    ) -> None:
        if config.instance_offsets and not source.has_instances:
            raise ValueError(
                "--instance_offsets: the data has no object numbers; add instances/STEM.png beside labels/, "
                "or name their column with --instance_column."
            )
        if config.instance_offsets and not any(info.kind == "thing" for info in source.spec.classes):
            raise ValueError(
                "--instance_offsets: no class of the list has objects, so all offsets would be 0; give the "
                'classes whose pixels belong to objects "kind": "thing" in the classes.json.'
            )
        if config.max_train_samples and isinstance(source, RowStream):
            raise ValueError("--max_train_samples: a stream has no first pairs; leave out --streaming.")
        self.config = config
        self.source = source
        self.transform = transform
        self.rank = rank
        self.world_size = world_size
        self.streamed = isinstance(source, RowStream)
        self.bad: list[str] = []
        self.left_out = 0
        self._loader: DataLoader | None = None
        self._batches: Iterator[dict[str, Any]] = iter(())
        if not self.streamed:
            skip_bad = config.skip_bad_samples > 0
            self.pairs = TrainingPairs(source, transform, config.seed, skip_bad, config.max_train_samples)

    def map_warnings(self) -> list[str]:
        """Warnings about the contents of some label maps."""
        return look_at_masks(some_labels(self.source, _CHECKED_MAPS), self.source.spec)

    @property
    def num_pairs(self) -> int | None:
        """Number of pairs in an epoch; None for a stream."""
        return None if self.streamed else len(self.pairs)

    def start(
        self, micro_step: int, state: dict[str, Any] | None = None, checkpoint: Path | None = None
    ) -> str:
        """Begin after `micro_step` batches, or continue from what the method `state` returned.

        `checkpoint` contains the states of all processes. Returns a sentence if the position could not be
        restored exactly, else "".
        """
        config = self.config
        self.bad = list(state["bad"]) if state else []
        self.left_out = state.get("left_out", 0) if state else 0  # older checkpoints have none
        sentence = ""
        if self.streamed:
            pairs = StreamedPairs(
                self.source,
                self.transform,
                seed=config.seed,
                buffer_size=config.shuffle_buffer_size,
                rank=self.rank,
                world_size=self.world_size,
                skip_bad=config.skip_bad_samples > 0,
            )
            self._loader = make_stream_loader(pairs, config.train_batch_size, config.dataloader_num_workers)
            if state and state["stream"] is not None:
                sentence = restore(self._loader, state["stream"], partial(_all_places, checkpoint))
            elif micro_step:
                sentence = "The checkpoint does not say where in the stream it was made: a new epoch begins."
        else:
            sampler = PositionSampler(config.train_batch_size, self.rank, self.world_size, micro_step)
            self._loader = make_loader(self.pairs, sampler, config.dataloader_num_workers)
        self._batches = start_workers(self._loader)
        return sentence

    def next(self) -> dict[str, Tensor]:
        """The next batch.

        Raises:
            ValueError: a pair is bad (LabelMapError), too many are bad, or the stream cannot be read.
        """
        try:
            batch = next(self._batches)
        except ValueError as error:
            if self.config.dataloader_num_workers == 0:
                raise
            raise _as_raised_in_worker(error) from error
        if (names := batch.pop("left_out")) and not self.left_out:
            print(
                f"Left out of the update: {names[0]}, no known pixel in its crop; the log counts such maps."
            )
        self.left_out += len(names)
        for sentence in batch.pop("skipped"):
            if sentence not in self.bad:
                self.bad.append(sentence)
                print(f"Skipped ({len(self.bad)} of at most {self.config.skip_bad_samples}): {sentence}")
        if len(self.bad) > self.config.skip_bad_samples:
            raise TooManyBadSamplesError(
                f"{self.bad[-1]} More than --skip_bad_samples {self.config.skip_bad_samples} pairs cannot be "
                "used; `dpsims check-data` lists them all."
            )
        return batch

    def state(self) -> dict[str, Any]:
        """The position after the last batch, for the checkpoint of this process."""
        place = {"bad": list(self.bad), "left_out": self.left_out}
        return {**place, "stream": data_state(self._loader) if self.streamed else None}

    def examples(self, count: int) -> Iterator[dict[str, Tensor]]:
        """The same examples in every call and process; those of a stream are its first rows, repeated."""
        if not self.streamed:
            places = np.random.default_rng((self.config.seed, 4)).integers(len(self.pairs), size=count)
            yield from (self.pairs[int(place)] for place in places)
            return
        made = 0
        while made < count:
            before = made
            for sample in islice(self._usable_samples(), count - made):
                yield self.transform(sample, (self.config.seed, 4, made))
                made += 1
            if made == before:
                raise ValueError(f"{self.config.dataset_name}: the stream has no pair that can be used.")

    def refresh_inputs(self) -> Iterator[dict[str, Tensor]]:
        """Inputs of the generator for its batch-norm statistics: 16 batches (our choice)."""
        size = max(2, self.config.train_batch_size)  # batch norm refuses one value per channel
        examples = self.examples(_REFRESH_BATCHES * size)
        while batch := list(islice(examples, size)):
            names = [name for name in ("label_map", "latents", "instance_offsets") if name in batch[0]]
            inputs = {name: torch.stack([example[name] for example in batch]) for name in names}
            yield {**inputs, "latents": inputs["latents"][:, 0]}

    def spread(self, count: int) -> list[dict[str, Tensor]]:
        """At most `count` examples, spread evenly over the data; the first ones of a stream."""
        if self.streamed:
            samples = islice(self._usable_samples(), count)
            return [self.transform(sample, (self.config.seed, 5, i)) for i, sample in enumerate(samples)]
        count = min(count, len(self.pairs))
        return [self.pairs[i * len(self.pairs) // count] for i in range(count)]

    def _usable_samples(self) -> Iterator[Sample]:
        for row in self.source.rows:
            try:
                yield self.source.sample(row)
            except LabelMapError:
                if not self.config.skip_bad_samples:
                    raise


def _all_places(checkpoint: Path | None) -> list[dict[str, Any]]:
    """The stream states of all processes that wrote a checkpoint, by rank.

    The key "feed" is an old name of the data loader, kept so that older checkpoints can be loaded.
    """
    states = load_data_states(checkpoint) if checkpoint else []
    return [state["feed"]["stream"] for state in states]


def _as_raised_in_worker(error: ValueError) -> ValueError:
    """The error of a loader's worker without the traceback that PyTorch prepends."""
    kind = type(error)
    return kind(str(error).rstrip().rpartition(f"{kind.__name__}: ")[2])
