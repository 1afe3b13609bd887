"""What a data set holds and what is wrong with it, found in one pass and bounded memory.

Every pair is decoded as training would decode it. A bad pair never ends the pass: all its files are looked at
one by one, and what is wrong with each is kept as a `Fault`. Counts come from the good pairs alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import partial

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
from dpsims_hub.labels.survey.faults import COLUMNS, Fault, PairParts, entered, find_faults
from dpsims_hub.labels.survey.masks import Masks, count_pixels

FAULT_KINDS = ("unpaired", "unreadable", "ids", "format", "size")
MAX_KEPT = 1000  # faults of a kind whose sentences are kept; all are counted


@dataclass(frozen=True)
class PairFacts:
    """What one pair adds to a survey.

    Args:
        name: What messages call the pair.
        faults: What is wrong; nothing below is set where there is any.
        size: (height, width) in pixels.
        kinds: File format and image mode of each column, such as "PNG L".
        pixels: Of each class, and of unknown at the end, shape (N + 1,).
        num_objects: Objects of the thing classes, by their object numbers.
        example: The pair made small, if it was wanted.
        turn: What an EXIF note does to the photo; also of a pair with faults.
        palette: The colours of a palette map by index, of the indices in use.
    """

    name: str
    faults: tuple[Fault, ...] = ()
    size: tuple[int, int] = (0, 0)
    kinds: dict[str, str] = field(default_factory=dict)
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    num_objects: int = 0
    example: Sample | None = None
    turn: str = ""
    palette: dict[int, Rgb] = field(default_factory=dict)


class Survey:
    """Sums over pairs.

    Args:
        spec: The classes.

    Attributes:
        num_pairs: Pairs read, good and bad.
        num_good: Pairs without a fault; all that follows counts these.
        sizes: Photos by (height, width).
        kinds: Files by format and mode, for each column.
        pixels: Of each class, and of unknown at the end, shape (N + 1,).
        photos: Photos that hold each class, and unknown at the end, shape (N + 1,).
        num_all_unknown: Maps without one known pixel.
        all_unknown: Names of the first `MAX_KEPT` of them.
        turned: Photos by what their EXIF note does, of all pairs.
        num_other_palettes: Palette maps in which an index has another colour than in an earlier one.
        num_objects: Objects of thing classes.
        masks: Which maps hold only 0, 1 and 255.
        num_faults: By kind, all of them.
        remedies: By kind, how many of them have which remedy.
        faults: By kind, the first `MAX_KEPT`.
        examples: Small pairs spread over the data, for a picture.
    """

    def __init__(self, spec: ClassSpec) -> None:
        self.spec = spec
        self.num_pairs = self.num_good = self.num_all_unknown = self.num_objects = 0
        self.num_other_palettes = 0
        self.all_unknown: list[str] = []
        self.turned: Counter[str] = Counter()
        self._palette: dict[int, Rgb] = {}
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.kinds: dict[str, Counter[str]] = {column: Counter() for column in COLUMNS}
        self.pixels = np.zeros(spec.num_classes + 1, dtype=np.int64)
        self.photos = np.zeros(spec.num_classes + 1, dtype=np.int64)
        self.num_faults: Counter[str] = Counter()
        self.remedies: dict[str, Counter[str]] = {kind: Counter() for kind in FAULT_KINDS}
        self.faults: dict[str, list[Fault]] = {kind: [] for kind in FAULT_KINDS}
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
        """Count a fault, and keep it while there are few of its kind."""
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
    """Read all pairs into a survey. A source that breaks off is a fault too, and the end of the pass.

    Args:
        survey: Receives the facts.
        pairs: Drawn one by one while others are read.
        num_workers: Threads.
        on_pair: Called after each pair, for a progress bar.
    """
    jobs = _jobs(survey, pairs)
    with closing(read_ahead(partial(_do, spec=survey.spec), jobs, num_workers)) as facts_of_pairs:
        for facts in facts_of_pairs:
            survey.add(facts)
            if on_pair is not None:
                on_pair()


def read_facts(parts: PairParts, spec: ClassSpec, *, with_example: bool = False) -> PairFacts:
    """Read one pair as training does, and look at each file apart where that fails.

    Args:
        parts: How to open it.
        spec: The classes.
        with_example: Whether the facts shall carry a small version of the pair.
    """
    try:
        with ExitStack() as files:
            opened = {column: entered(call, files) for column, call in parts.openers().items()}
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


def _jobs(survey: Survey, pairs: Iterable[PairParts]) -> Iterator[tuple[PairParts, bool]]:
    """Yield pairs, and whether an example is wanted of each; end at a source that breaks off."""
    try:
        for position, parts in enumerate(pairs):
            yield parts, survey.examples.wants(position)
    except Exception as error:  # the libraries of streams raise many types; a report is wanted all the same
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        survey.add_fault(Fault("unreadable", "the data", f"the data: cannot be read on ({reason})."))


def _do(job: tuple[PairParts, bool], *, spec: ClassSpec) -> PairFacts:
    return read_facts(job[0], spec, with_example=job[1])


def _turn(parts: PairParts) -> str:
    """Return what the note of a photo does, of a pair that has faults; "" where the photo is one."""
    with suppress(LabelMapError, OSError), ExitStack() as files:
        photo = entered(parts.photo, files)
        decode(*photo)
        return turn_of(photo.image)
    return ""


def _palette_in_use(label: Part) -> dict[int, Rgb]:
    """Return the colours of a decoded palette map by index; empty for other maps."""
    if label.image.mode != "P":
        return {}
    colours = palette_colours(label.image)
    used = np.unique(np.asarray(label.image)).tolist()
    return {index: colours[index] for index in used if index < len(colours)}


def _count_objects(sample: Sample, spec: ClassSpec) -> int:
    """Return how many objects of thing classes there are: pixels of one number and one class are one."""
    if sample.instance_ids is None:
        return 0
    is_thing = np.zeros(spec.ignore_index + 1, dtype=bool)
    is_thing[[info.id for info in spec.classes if info.kind == "thing"]] = True
    things = is_thing[sample.label_map]
    keys = sample.instance_ids[things].astype(np.int64) * (spec.ignore_index + 1) + sample.label_map[things]
    return len(np.unique(keys))
