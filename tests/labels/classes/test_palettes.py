"""Palettes of class colours in another order than the ids, and palettes that are decoration."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels import ClassSpec, LabelMapError, read_label_map
from tests.labels.png_files import PALETTE, write_png
from tests.labels.three_classes import SPEC

ROWS = [[0, 1, 2, 2], [255, 0, 1, 2]]
COLOURS = {0: (128, 64, 128), 1: (70, 130, 180), 2: (0, 0, 142), 255: (0, 0, 0)}
VOC = [  # the first colours of PASCAL VOC, from its development kit
    *((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)),
    *((128, 128, 128), (64, 0, 0), (192, 0, 0), (64, 128, 0), (192, 128, 0)),
]


def table(*colours) -> bytes:
    return bytes(itertools.chain.from_iterable(colours))


def silently(source, spec=SPEC, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_label_map(source, spec, **options).tolist()


ORDERS = [order for order in itertools.permutations((0, 1, 2, 255)) if order != (0, 1, 2, 255)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("stored", [False, True])
def test_every_order_of_the_class_colours_gives_what_was_painted(tmp_path, order, stored):
    """As PNG optimisers do: the same picture, its colour table in any order, unused colours gone."""
    rows = [[order.index(value) for value in row] for row in ROWS]
    palette = table(*(COLOURS[value] for value in order))
    path = write_png(tmp_path / "p.png", rows, kind=PALETTE, palette=palette)
    with pytest.warns(UserWarning, match=r"p\.png: its palette holds the class colours in another order"):
        result = read_label_map(path, SPEC, stored=stored).tolist()
    assert result == ROWS


def test_an_index_without_a_class_is_refused_where_the_others_are_ids(tmp_path):
    palette = table(*(COLOURS[value] for value in (0, 1, 2, 255)))
    path = write_png(tmp_path / "p.png", [[0, 1, 2, 3]], kind=PALETTE, palette=palette)
    with pytest.raises(LabelMapError, match="value 3 on 1 of 4 px"):
        read_label_map(path, SPEC)


def test_optimised_by_pillow(tmp_path):
    """A writer of its own: quantising numbers the colours by how often they come."""
    rgb = np.array([[COLOURS[value] for value in row] for row in ROWS], np.uint8)
    image = Image.fromarray(rgb).quantize(4, dither=Image.Dither.NONE)
    image.save(tmp_path / "q.png", optimize=True)
    assert np.asarray(Image.open(tmp_path / "q.png")).tolist() != ROWS
    with pytest.warns(UserWarning, match="is read by its colours"):
        assert read_label_map(tmp_path / "q.png", SPEC).tolist() == ROWS


def test_a_map_of_unknown_and_a_map_of_one_class(tmp_path):
    """What a single map in use would not tell, its whole palette does."""
    palette = table((0, 0, 0), COLOURS[0], COLOURS[1], COLOURS[2])
    for index, value in enumerate((255, 0, 1, 2)):
        path = write_png(tmp_path / f"{index}.png", [[index] * 3], kind=PALETTE, palette=palette)
        with pytest.warns(UserWarning, match="is read by its colours"):
            assert read_label_map(path, SPEC).tolist() == [[value] * 3]


def test_a_palette_with_one_strange_colour_is_refused(tmp_path):
    palette = table(COLOURS[1], COLOURS[0], (9, 9, 9))
    path = write_png(tmp_path / "p.png", [[0, 1, 2]], kind=PALETTE, palette=palette)
    for stored in (False, True):
        with pytest.raises(LabelMapError, match=r"index 0 has the colour \(70, 130, 180\) of sky, but means"):
            read_label_map(path, SPEC, stored=stored)


def test_a_colour_of_two_classes_is_refused(tmp_path):
    ade = ClassSpec.load("ade20k")
    shared = ade.classes[6].rgb  # of road and skyscraper
    path = write_png(tmp_path / "p.png", [[0, 1]], kind=PALETTE, palette=table(shared, ade.classes[0].rgb))
    with pytest.raises(LabelMapError, match="has the colour .* of road, but means wall"):
        read_label_map(path, ade)


@pytest.mark.parametrize(
    ("palette", "rows"),
    [
        (table(COLOURS[0], COLOURS[1], COLOURS[2]), [[0, 1, 2]]),  # right order
        (table(COLOURS[0], COLOURS[2], COLOURS[1]), [[0, 0]]),  # wrong order, but not where it is used
        (bytes(range(9)), [[0, 1, 2]]),  # other colours
        (bytes(value // 3 for value in range(768)), [[0, 0, 0]]),  # greys: black is no sign of unknown
        (table((0, 0, 0), (255, 0, 0), (0, 255, 0)), [[0, 1, 2]]),  # black first, as many tools have it
        (table(*VOC), [[0, 1, 2]]),  # labelme's
    ],
)
@pytest.mark.parametrize("stored", [False, True])
def test_decoration_does_not_count(tmp_path, palette, rows, stored):
    path = write_png(tmp_path / "p.png", rows, kind=PALETTE, palette=palette)
    assert silently(path, stored=stored) == rows


def test_colours_that_were_invented_do_not_count_against_voc(tmp_path):
    """Classes without colours get those of PASCAL VOC but for the first; labelme writes the first too."""
    spec = ClassSpec.from_dict({"classes": ["background", "person", "dog"]})
    path = write_png(tmp_path / "p.png", [[0, 1, 2]], kind=PALETTE, palette=table(*VOC[:3]))
    assert [info.rgb for info in spec.classes] == VOC[1:4]
    assert silently(path, spec) == silently(path, spec, stored=True) == [[0, 1, 2]]
    assert silently(path, ClassSpec.from_dict(spec.to_dict())) == [[0, 1, 2]]


def test_invented_colours_in_another_order_are_refused(tmp_path):
    spec = ClassSpec.from_dict({"classes": ["background", "person", "dog"]})
    path = write_png(tmp_path / "p.png", [[0, 1]], kind=PALETTE, palette=table(VOC[2], VOC[1]))
    with pytest.raises(LabelMapError, match="save the ids as a greyscale PNG"):
        read_label_map(path, spec)


def test_voc_colours_that_are_class_colours_are_refused(tmp_path):
    """CamVid's Building is (128, 0, 0), the second colour of PASCAL VOC: index or colour, nobody can tell."""
    spec = ClassSpec.load("camvid")
    path = write_png(tmp_path / "p.png", [[4, 3, 7]], kind=PALETTE, palette=table(*VOC))
    assert silently(path, spec) == [[4, 3, 7]]  # (0, 0, 128) is no class: the palette is decoration
    clear = write_png(tmp_path / "q.png", [[0, 3]], kind=PALETTE, palette=table(*VOC))
    with pytest.raises(LabelMapError, match="index 0 has the colour"):
        read_label_map(clear, spec)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_greys_that_are_ids_in_another_order_are_refused(tmp_path, order):
    """As an optimiser makes of a greyscale map: index i is the grey of id order[i]."""
    palette = table(*((level, level, level) for level in order))
    path = write_png(tmp_path / "m.png", [[0, 1, 2], [2, 1, 0]], kind=PALETTE, palette=palette)
    with pytest.raises(LabelMapError, match="greys in another order than its indices"):
        read_label_map(path, SPEC)


@pytest.mark.parametrize("levels", [(0, 1, 2), (0, 85, 170), (10, 20, 30)])
def test_greys_that_agree_or_are_decoration_do_no_harm(tmp_path, levels):
    palette = table(*((level, level, level) for level in levels))
    path = write_png(tmp_path / "m.png", [[0, 1, 2]], kind=PALETTE, palette=palette)
    assert silently(path) == [[0, 1, 2]]


def test_a_palette_under_a_rule_for_class_and_object_is_refused(tmp_path):
    coded = ClassSpec.from_dict({"classes": ["a", "b"], "stored": {"instances": "class or class*1000+n"}})
    palette = table((1, 2, 3), (4, 5, 6))
    path = write_png(tmp_path / "m.png", [[0, 1]], kind=PALETTE, palette=palette)
    with pytest.raises(LabelMapError, match="is a palette image, and the stored-value rule"):
        read_label_map(path, coded, stored=True)
