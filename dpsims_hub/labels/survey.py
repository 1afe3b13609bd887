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
from typing import NamedTuple

import numpy as np
from PIL import ImageOps

from dpsims_hub.labels.class_file import Rgb
from dpsims_hub.labels.errors import LabelMapError
from dpsims_hub.labels.exact_pixels import NUMBER_MODES, exact_pixels
from dpsims_hub.labels.examples import Examples, shrink
from dpsims_hub.labels.image_files import decode
from dpsims_hub.labels.instance_codes import classes_of_numbers
from dpsims_hub.labels.layouts import Listing
from dpsims_hub.labels.palettes import palette_colours
from dpsims_hub.labels.read_ahead import read_ahead
from dpsims_hub.labels.reading import read_label_map
from dpsims_hub.labels.samples import Part, Sample, make_sample
from dpsims_hub.labels.spec import ClassSpec
from dpsims_hub.labels.turned_photos import turn_of

FAULT_KINDS = ("unpaired", "unreadable", "ids", "format", "size")
MAX_KEPT = 1000  # faults of a kind whose sentences are kept; all are counted
COLUMNS = ("photo", "label", "instances")


class Fault(NamedTuple):
    """One thing that is wrong.

    `kind` is "unpaired" (a file without a partner), "unreadable" (missing, damaged, no image), "ids" (values
    that are no class), "format" (an image that cannot be a photo, a map or object numbers) or "size" (photo
    and map differ). Of wrong ids, `value` is the most frequent one and `pixels` how many hold it.
    """

    kind: str
    name: str
    message: str
    value: int | None = None
    pixels: int | None = None


class PairParts(NamedTuple):
    """How to open the images of one pair: each call opens a file or the bytes of a row anew, undecoded."""

    name: str
    photo: Callable[[], Part]
    label: Callable[[], Part]
    instances: Callable[[], Part] | None = None

    def openers(self) -> dict[str, Callable[[], Part]]:
        """Return the calls by column."""
        calls = dict(zip(COLUMNS, self[1:], strict=True))
        return {column: call for column, call in calls.items() if call is not None}


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
        num_faults: By kind, all of them.
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
        self.faults: dict[str, list[Fault]] = {kind: [] for kind in FAULT_KINDS}
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
        if facts.example is not None:
            self.examples.add(position, facts.example)

    def add_fault(self, fault: Fault) -> None:
        """Count a fault, and keep it while there are few of its kind."""
        self.num_faults[fault.kind] += 1
        if len(self.faults[fault.kind]) < MAX_KEPT:
            self.faults[fault.kind].append(fault)

    def add_unpaired(self, listing: Listing) -> None:
        """Count the files of a folder that have no partner."""
        for what, names in listing.unpaired.items():
            for name in names:
                path = str(listing.root / name)
                hint = f"; {listing.hint}" if listing.hint else ""
                self.add_fault(Fault("unpaired", path, f"{path}: one of {len(names)} {what}{hint}."))


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
            opened = {column: _entered(call, files) for column, call in parts.openers().items()}
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
        pixels=_count_pixels(sample.label_map, spec),
        num_objects=_count_objects(sample, spec),
        example=shrink(sample) if with_example else None,
        turn=turn,
        palette=palette,
    )


def find_faults(parts: PairParts, spec: ClassSpec, error: Exception) -> tuple[Fault, ...]:
    """Return what is wrong with each file of a pair, or with the pair as a whole.

    Args:
        parts: A pair that cannot be read.
        spec: The classes.
        error: What reading the whole pair raised; it is the fault if every file alone is well.
    """
    calls = parts.openers()
    damaged = {column: _damage(call, parts.name) for column, call in calls.items()}
    faults = [fault for fault in damaged.values() if fault is not None]
    if damaged["label"] is None and (fault := _label_fault(calls["label"], spec)) is not None:
        faults.append(fault)
    if not faults:
        kind = "size" if len({_upright_size(call) for call in calls.values()}) > 1 else "format"
        faults.append(Fault(kind, parts.name, str(error)))
    return tuple(faults)


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


def _entered(call: Callable[[], Part], files: ExitStack) -> Part:
    """Open an image that is closed with `files`."""
    part = call()
    files.callback(part.image.close)
    return part


def _turn(parts: PairParts) -> str:
    """Return what the note of a photo does, of a pair that has faults; "" where the photo is one."""
    with suppress(LabelMapError, OSError), ExitStack() as files:
        photo = _entered(parts.photo, files)
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


def _count_pixels(label_map: np.ndarray, spec: ClassSpec) -> np.ndarray:
    counts = np.bincount(label_map.ravel(), minlength=spec.ignore_index + 1).astype(np.int64)
    return np.append(counts[: spec.num_classes], counts[spec.ignore_index])


def _count_objects(sample: Sample, spec: ClassSpec) -> int:
    """Return how many objects of thing classes there are: pixels of one number and one class are one."""
    if sample.instance_ids is None:
        return 0
    is_thing = np.zeros(spec.ignore_index + 1, dtype=bool)
    is_thing[[info.id for info in spec.classes if info.kind == "thing"]] = True
    things = is_thing[sample.label_map]
    keys = sample.instance_ids[things].astype(np.int64) * (spec.ignore_index + 1) + sample.label_map[things]
    return len(np.unique(keys))


def _damage(call: Callable[[], Part], name: str) -> Fault | None:
    """Return the fault of a file that cannot be opened or decoded."""
    try:
        part = call()
        with part.image:
            decode(part.image, part.name)
    except LabelMapError as error:
        return Fault("unreadable", str(error).partition(": ")[0], str(error))
    except OSError as error:
        where = str(error.filename or str(error).partition(": ")[0] or name)
        reason = error.strerror or str(error).removeprefix(f"{where}: ").rstrip(".")
        return Fault("unreadable", where, f"{where}: cannot be read ({reason}).")
    return None


def _label_fault(call: Callable[[], Part], spec: ClassSpec) -> Fault | None:
    """Return the fault of a decodable map: wrong ids, or an image that is no map of ids."""
    with ExitStack() as files:
        part = _entered(call, files)
        mode = part.image.mode
        try:
            read_label_map(part.image, spec, stored=True, name=part.name)
        except LabelMapError as error:
            wrong = _wrong_values(_entered(call, files), spec) if mode in NUMBER_MODES else Counter()
            if not wrong:
                return Fault("format", part.name, str(error))
            value, pixels = wrong.most_common(1)[0]
            return Fault("ids", part.name, str(error), value, pixels)
    return None


def _wrong_values(part: Part, spec: ClassSpec) -> Counter[int]:
    """Return the pixels of every value that is no class; empty where no numbers can be read."""
    wrong: Counter[int] = Counter()
    with suppress(LabelMapError):
        numbers = exact_pixels(part.image, part.name)
        if spec.instance_coding:
            numbers = classes_of_numbers(numbers, spec.instance_coding, part.name)
        values, counts = np.unique(numbers, return_counts=True)
        table = spec.id_table(stored=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            if not 0 <= value < len(table) or table[value] < 0:
                wrong[value] = count
    return wrong


def _upright_size(call: Callable[[], Part]) -> tuple[int, int]:
    with call().image as image:
        return ImageOps.exif_transpose(image).size
