"""Contents and faults of a data set, found in one pass with bounded memory.

Every pair is decoded as in training. A bad pair does not end the pass: each of its files is checked, and its
faults are kept as `Fault`. Classes, sizes and objects are counted in the good pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from operator import call

import numpy as np

from dpsims_hub.labels.classes.class_file import Rgb
from dpsims_hub.labels.classes.errors import LabelMapError
from dpsims_hub.labels.classes.palettes import palette_colours
from dpsims_hub.labels.classes.spec import ClassSpec
from dpsims_hub.labels.reading.image_files import decode
from dpsims_hub.labels.reading.samples import Part, Sample, make_sample
from dpsims_hub.labels.reading.turned_photos import turn_of
from dpsims_hub.labels.sources.layouts import Listing
from dpsims_hub.labels.sources.read_ahead import read_ahead
from dpsims_hub.labels.survey.examples import Examples, shrink
from dpsims_hub.labels.survey.faults import COLUMNS, Fault, PairParts, find_faults
from dpsims_hub.labels.survey.masks import Masks, count_pixels
from dpsims_hub.storage.error_text import first_line

FAULT_KINDS = ("unpaired", "unreadable", "ids", "format", "size")
MAX_KEPT = 1000  # faults of a kind whose messages are kept; all are counted


@dataclass(frozen=True)
class PairFacts:
    """Facts of one pair; of a pair with faults only `name`, `faults` and `turn` are set."""

    name: str
    faults: tuple[Fault, ...] = ()
    size: tuple[int, int] = (0, 0)  # (height, width) in pixels
    kinds: dict[str, str] = field(default_factory=dict)  # format and mode by column, such as "PNG L"
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # by class, unknown last
    num_objects: int = 0  # of thing classes
    example: Sample | None = None  # small version of the pair, if wanted
    turn: str = ""  # by EXIF orientation
    palette: dict[int, Rgb] = field(default_factory=dict)  # used colours of a palette map, by index


class Survey:
    """Sums over pairs.

    `num_pairs`, `turned` and the faults count all pairs, the other attributes the good ones. Arrays have one
    entry per class and a last one for unknown, shape (N + 1,).
    """

    def __init__(self, spec: ClassSpec) -> None:
        self.spec = spec
        self.num_pairs = self.num_good = 0
        self.num_objects = 0  # of thing classes
        self.num_all_unknown = 0  # maps without a known pixel
        self.all_unknown: list[str] = []  # names of the first `MAX_KEPT` of them
        self.num_other_palettes = 0  # maps in which an index has another colour than in earlier maps
        self._palette: dict[int, Rgb] = {}
        self.turned: Counter[str] = Counter()  # photos by the effect of their EXIF orientation
        self.sizes: Counter[tuple[int, int]] = Counter()  # photos by (height, width)
        self.kinds: dict[str, Counter[str]] = {column: Counter() for column in COLUMNS}  # see `PairFacts`
        self.pixels = np.zeros(spec.num_classes + 1, dtype=np.int64)
        self.photos = np.zeros(spec.num_classes + 1, dtype=np.int64)  # photos with a pixel of the class
        self.num_faults: Counter[str] = Counter()  # by kind
        self.remedies: dict[str, Counter[str]] = {kind: Counter() for kind in FAULT_KINDS}
        self.faults: dict[str, list[Fault]] = {kind: [] for kind in FAULT_KINDS}  # the first `MAX_KEPT`
        self.masks = Masks(spec)
        self.examples = Examples()

    def add(self, facts: PairFacts) -> None:
        """Add one pair."""
        position = self.num_pairs
        self.num_pairs += 1
        self.turned.update([facts.turn] if facts.turn else [])
        for fault in facts.faults:
            self.add_fault(fault)
        if facts.faults:
            return
        self.num_good += 1
        self.sizes[facts.size] += 1
        for column, kind in facts.kinds.items():
            self.kinds[column][kind] += 1
        self.pixels += facts.pixels
        self.photos += facts.pixels > 0
        if not facts.pixels[:-1].any():
            self.num_all_unknown += 1
            self.all_unknown += [facts.name] if self.num_all_unknown <= MAX_KEPT else []
        self.num_other_palettes += any(
            self._palette.setdefault(index, colour) != colour for index, colour in facts.palette.items()
        )
        self.num_objects += facts.num_objects
        self.masks.add(facts.name, facts.pixels, facts.kinds["label"].rpartition(" ")[2])
        if facts.example is not None:
            self.examples.add(position, facts.example)

    def add_fault(self, fault: Fault) -> None:
        """Count a fault, and keep it if fewer than `MAX_KEPT` of its kind are kept."""
        self.num_faults[fault.kind] += 1
        self.remedies[fault.kind].update([fault.remedy] if fault.remedy else [])
        if len(self.faults[fault.kind]) < MAX_KEPT:
            self.faults[fault.kind].append(fault)

    def add_unpaired(self, listing: Listing) -> None:
        """Count the files of a folder that have no partner."""
        for what, names in listing.unpaired.items():
            for name in names:
                path = str(listing.root / name)
                hint = f"; {listing.hint}" if listing.hint else ""
                message = f"{path}: one of {len(names)} {what}{hint}."
                self.add_fault(Fault("unpaired", path, message, remedy="names" if hint else ""))


def survey_pairs(
    survey: Survey,
    pairs: Iterable[PairParts],
    num_workers: int = 0,
    on_pair: Callable[[], object] | None = None,
) -> None:
    """Read all pairs into a survey, with `num_workers` threads.

    A source that fails counts as a fault and ends the pass. `on_pair` is called after each pair, for a
    progress bar.
    """
    with closing(read_ahead(call, _jobs(survey, pairs), num_workers)) as facts_of_pairs:
        for facts in facts_of_pairs:
            survey.add(facts)
            if on_pair is not None:
                on_pair()


def read_facts(parts: PairParts, spec: ClassSpec, *, with_example: bool) -> PairFacts:
    """Read one pair as training does, or find its faults; `with_example` adds a small version of it."""
    try:
        with ExitStack() as files:
            opened = {column: files.enter_context(opener()) for column, opener in parts.openers.items()}
            kinds = {column: f"{part.image.format} {part.image.mode}" for column, part in opened.items()}
            photo, label = opened["photo"], opened["label"]
            sample = make_sample(photo, label, opened.get("instances"), spec, stem=parts.name)
            turn, palette = turn_of(photo.image), _palette_in_use(label)
    except (LabelMapError, OSError) as error:
        return PairFacts(parts.name, find_faults(parts, spec, error), turn=_turn(parts))
    return PairFacts(
        parts.name,
        size=sample.label_map.shape,
        kinds=kinds,
        pixels=count_pixels(sample.label_map, spec),
        num_objects=_count_objects(sample, spec),
        example=shrink(sample) if with_example else None,
        turn=turn,
        palette=palette,
    )


def _jobs(survey: Survey, pairs: Iterable[PairParts]) -> Iterator[Callable[[], PairFacts]]:
    """Yield a call that reads each pair, with an example if one is wanted; end at a source that fails."""
    try:
        for position, parts in enumerate(pairs):
            yield partial(read_facts, parts, survey.spec, with_example=survey.examples.wants(position))
    except Exception as error:  # streams raise many types
        message = f"the data: reading stopped ({first_line(error)})."
        survey.add_fault(Fault("unreadable", "the data", message))


def _turn(parts: PairParts) -> str:
    """Return the effect of the EXIF orientation of a readable photo of a pair with faults; else ""."""
    with suppress(LabelMapError, OSError), parts.openers["photo"]() as photo:
        decode(*photo)
        return turn_of(photo.image)
    return ""


def _palette_in_use(label: Part) -> dict[int, Rgb]:
    """Return the used colours of a decoded palette map by index; empty for other maps."""
    if label.image.mode != "P":
        return {}
    colours = palette_colours(label.image)
    used = np.unique(np.asarray(label.image)).tolist()
    return {index: colours[index] for index in used if index < len(colours)}


def _count_objects(sample: Sample, spec: ClassSpec) -> int:
    """Return the objects of thing classes: pixels with one number and one class are one object."""
    if sample.instance_ids is None:
        return 0
    things = np.isin(sample.label_map, [info.id for info in spec.classes if info.kind == "thing"])
    keys = sample.instance_ids[things].astype(np.int64) * (spec.ignore_index + 1) + sample.label_map[things]
    return len(np.unique(keys))
