"""The evaluation of one model on one data set of photos and label maps.

A first pass reads, checks and hashes every pair. Then the measures run on the training photos, if there are
any, and on the scenes, in which K photos of every label map are made and compared. Every number is reported
with a floor or a ceiling from the same run. Processes share the batches; records are cached on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dpsims_hub.evaluation.exposure import ExposureMeasure
from dpsims_hub.evaluation.measures import BackboneMeasure, JudgeMeasure, Measure
from dpsims_hub.evaluation.neighbours import most_similar, shuffled_partners
from dpsims_hub.evaluation.pixel_probe import PixelProbe
from dpsims_hub.evaluation.recipe import describe_environment, tensors_sha256
from dpsims_hub.evaluation.record_cache import RecordCache, key_of
from dpsims_hub.evaluation.scenes import Scene, SharedInputs, read_photos
from dpsims_hub.evaluation.settings import Settings
from dpsims_hub.evaluation.summaries import Summary
from dpsims_hub.evaluation.survey import RESIZING, Pairs, Survey, survey
from dpsims_hub.pipelines.pipeline_dpsims import DPSIMSPipeline
from dpsims_hub.processes.process_group import ProcessGroup, shared_out

if TYPE_CHECKING:
    from dpsims_hub.evaluation.inception import InceptionMeasure

MIN_PAIRS = 4  # two halves with at least two photos each, as a covariance needs
NO_CACHE = RecordCache(None)

Records = dict[str, np.ndarray]


class Evaluation:
    """One model, one data set, and the measures.

    Args:
        pipe: the model.
        data: real photos and label maps that the model was not trained on.
        measures: of the evaluation; the first is that of the timm backbone.
        train: pairs that the model was trained on. They give the floor "real against real". The pixel probe
            is fitted on them, never on the evaluated photos.
        settings: seed, batch size, photos per map, bootstrap draws.
        cache: of records.
        group: the processes.

    Raises:
        ValueError: model and data do not fit together, or there are too few photos.
    """

    def __init__(
        self,
        pipe: DPSIMSPipeline,
        data: Pairs,
        measures: Sequence[Measure],
        train: Pairs | None = None,
        settings: Settings | None = None,
        cache: RecordCache = NO_CACHE,
        group: ProcessGroup | None = None,
    ) -> None:
        self.pipe, self.data, self.train = pipe, data, train
        self.settings = settings or Settings()
        self.cache, self.group = cache, group or ProcessGroup()
        self.size = tuple(pipe.generator.config.sample_size)
        for pairs, what in ((data, "the evaluated data"), (train, "the training data")):
            if pairs is not None:
                check_fits(pipe, pairs, what)
        check_objects(pipe, data)
        self.probe = None
        self.measures = [*measures, ExposureMeasure()]
        if train is not None:
            self.probe = PixelProbe(data.spec.num_classes, len(train), self.settings.seed)
            self.measures.append(JudgeMeasure("probe", self.probe))

    @property
    def steps(self) -> int:
        """Steps of `run` in all processes together: one for each pair in each pass."""
        trained = 0 if self.train is None else len(self.train) * (1 + len(self._feature_measures()))
        return trained + len(self.data) * (1 + len(self.measures))

    def run(self, advance: Callable[[int], object] = lambda count: None) -> dict:
        """Runs the measures; the same seed gives the same numbers on one machine.

        Args:
            advance: called with the number of steps that this process has just done.

        Returns:
            Size, counts, distances, diversity, faithfulness (None without training photos), segmentation
            (None without a segmenter), all JSON-safe.

        Raises:
            OSError: a record cannot be written.
            ValueError: the data are damaged.
        """
        objects = bool(self.pipe.generator.config.use_instance_offsets)
        seen, trained = survey(self.data, self.size, self.group, None, advance, objects), None
        if self.train is not None:
            trained = survey(self.train, self.size, self.group, self.probe, advance, objects)
            self.group.together(lambda: check_apart(self.data, seen, trained))
            rows = (*trained.probe_rows, trained.digest)
            self.group.together(lambda: self.probe.fit(*rows))
        self.shared = self._shared_inputs(seen, trained or seen)
        train_features = {} if trained is None else self._train_features(trained, advance)
        self.summary = Summary(self._scene_records(advance), train_features, self.settings)
        return self._report(seen, trained)

    def scene(self, indices: Sequence[int]) -> Scene:
        """The pictures of some pairs, after `run`."""
        return Scene(self.shared, indices)

    def _shared_inputs(self, seen: Survey, reference: Survey) -> SharedInputs:
        settings, spec, config = self.settings, self.data.spec, self.pipe.generator.config
        count, random = len(self.data), torch.Generator().manual_seed(settings.seed)
        own = {key: repr(value) for key, value in config.items() if not key.startswith("_")}
        return SharedInputs(
            pipe=self.pipe,
            model_identity=key_of(tensors_sha256(self.pipe.generator), own, str(self.pipe.generator.dtype)),
            data=self.data,
            survey=seen,
            size=self.size,
            latents=torch.randn((count, settings.num_images, config.latent_dim), generator=random),
            colour_sums=reference.colour_sums,
            others=shuffled_partners(count, settings.seed),
            neighbours=most_similar(seen.thumbnails, spec.ignore_index),
        )

    def _feature_measures(self) -> list[BackboneMeasure | InceptionMeasure | ExposureMeasure]:
        return [one for one in self.measures if hasattr(one, "vectors")]

    def _identity(self, measure: Measure) -> str:
        return key_of(measure.name, measure.description, describe_environment(self.pipe.device))

    def _batches(self, count: int) -> list[range]:
        size = self.settings.batch_size
        return [range(count)[first : first + size] for first in range(0, count, size)]

    def _train_features(self, trained: Survey, advance: Callable[[int], object]) -> Records:
        """Vectors (m, D) of the training photos, by measure."""
        features = {}
        for measure in self._feature_measures():
            identity = self._identity(measure)

            def record_batch(batch: range, measure=measure, identity=identity) -> Records:
                key = key_of(identity, list(self.size), [trained.digests[index] for index in batch])
                record = self.cache.fetch(
                    key, lambda: {"train": measure.vectors(read_photos(self.train, batch, self.size))}
                )
                advance(len(batch))
                return record

            records = shared_out(self.group, self._batches(len(self.train)), record_batch)
            features[measure.name] = joined(records)["train"]
        return features

    def _scene_records(self, advance: Callable[[int], object]) -> dict[str, Records]:
        """The records of all scenes, joined, by measure."""
        identities = {measure.name: self._identity(measure) for measure in self.measures}

        def record_batch(batch: range) -> dict[str, Records]:
            scene = Scene(self.shared, batch)
            records = {}
            for measure in self.measures:
                key = key_of(identities[measure.name], scene.identity)
                records[measure.name] = self.cache.fetch(key, lambda one=measure: one.record(scene))
                advance(len(batch))
            return records

        found = shared_out(self.group, self._batches(len(self.data)), record_batch)
        return {name: joined([records[name] for records in found]) for name in identities}

    def _report(self, seen: Survey, trained: Survey | None) -> dict[str, Any]:
        return {
            "size": {"width": self.size[1], "height": self.size[0]},
            "resizing": RESIZING,
            "data": {"pairs": len(self.data), "sha256_as_evaluated": seen.digest},
            "train_data": None
            if trained is None
            else {"pairs": len(trained.digests), "sha256_as_evaluated": trained.digest},
            "seed": self.settings.seed,
            "photos_per_label_map": self.settings.num_images,
            "bootstrap_draws": self.settings.replicates,
            "class_mean_colours_of": "the evaluated photos" if trained is None else "the training photos",
        } | self.summary.report(self.measures, self.data.spec)


def check_apart(data: Pairs, seen: Survey, trained: Survey) -> None:
    """Refuses training data that contain all evaluated pairs: floor and probe would be meaningless.

    Raises:
        ValueError: they do.
    """
    if set(seen.digests) <= set(trained.digests):
        raise ValueError(
            f"{getattr(data, 'root', 'the evaluated data')}: every pair is among the training data too; "
            "name other --data or --train-data."
        )


def joined(records: Sequence[Mapping[str, np.ndarray]]) -> Records:
    """The records of all batches as one."""
    return {name: np.concatenate([record[name] for record in records]) for name in records[0]}


def check_fits(pipe: DPSIMSPipeline, data: Pairs, what: str) -> None:
    """Checks that a model can be evaluated on data; `what` is their name in messages.

    Raises:
        ValueError: there are too few pairs, or the classes differ.
    """
    where = getattr(data, "root", what)
    if len(data) < MIN_PAIRS:
        raise ValueError(
            f"{where}: holds {len(data)} pairs; an evaluation needs {MIN_PAIRS}, and means something "
            "from some hundred on."
        )
    ours, theirs = data.spec, pipe.spec
    if pipe.config.class_spec is None:
        same = ours.num_classes == theirs.num_classes
    else:
        same = [name.casefold() for name in ours.names] == [name.casefold() for name in theirs.names]
    if not same or ours.ignore_index != theirs.ignore_index:
        raise ValueError(
            f"{where}: its classes ({ours.name}, N = {ours.num_classes}, unknown {ours.ignore_index}) "
            f"are not the model's ({theirs.name}, N = {theirs.num_classes}, unknown {theirs.ignore_index})."
        )


def check_objects(pipe: DPSIMSPipeline, data: Pairs) -> None:
    """Checks that data have object numbers where the model reads instance offsets.

    Raises:
        ValueError: they have none.
    """
    if pipe.generator.config.use_instance_offsets and data[0].instance_ids is None:
        where = getattr(data, "root", "the evaluated data")
        raise ValueError(f"{where}: has no object numbers, and the model reads instance offsets.")
