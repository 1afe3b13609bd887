import numpy as np
import pytest
from PIL import Image

from dpsims_hub.labels import ClassSpec
from dpsims_hub.pictures.sheets import (
    BACKGROUND,
    comparison_sheet,
    enlarge_photo,
    flow_legend,
    fold_rows,
    photo_from_array,
    picture_of_map,
    save_picture,
)

SPEC = ClassSpec.load("camvid")
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (10, 8)) -> Image.Image:
    return Image.new("RGB", size, colour)


def boxes(sheet: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of everything of one colour."""
    rows, columns = np.nonzero((np.asarray(sheet) == colour).all(axis=-1))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_pictures_stand_in_rows_and_columns_at_their_own_size():
    sheet = comparison_sheet([[plain(RED), plain(GREEN, (30, 4))], [plain(BLUE, (20, 8))]])
    assert boxes(sheet, RED) == (6, 6, 16, 14)
    assert boxes(sheet, GREEN) == (6 + 20 + 6, 6, 6 + 20 + 6 + 30, 10)
    assert boxes(sheet, BLUE) == (6, 6 + 8 + 6, 26, 28)
    assert sheet.size == (6 + 20 + 6 + 30 + 6, 6 + 8 + 6 + 8 + 6)


def test_headers_captions_legend_and_footer_take_room_and_hide_nothing():
    rows = [[plain(RED, (80, 60)), plain(GREEN, (80, 60))]]
    bare = comparison_sheet(rows)
    full = comparison_sheet(
        rows, ["map", "photo"], captions=[["one", "two"]], legend=plain(BLUE, (50, 7)), footer="made here"
    )
    assert full.height > bare.height
    for colour, size in ((RED, (80, 60)), (GREEN, (80, 60)), (BLUE, (50, 7))):
        left, top, right, bottom = boxes(full, colour)
        assert (right - left, bottom - top) == size
    above_red = np.asarray(full)[: boxes(full, RED)[1]]
    assert (above_red != BACKGROUND).any()


def test_long_caption_is_cut_at_its_column():
    rows = [[plain(RED, (40, 20)), plain(GREEN, (40, 20))]]
    sheet = comparison_sheet(rows, captions=[["a very long caption that cannot fit", ""]])
    below = np.asarray(sheet)[boxes(sheet, RED)[3] :]
    inked = np.nonzero((below != BACKGROUND).any(axis=(0, 2)))[0]
    assert 0 < inked.max() < boxes(sheet, GREEN)[0]


def test_bad_shapes():
    with pytest.raises(ValueError, match="at least one picture"):
        comparison_sheet([])
    with pytest.raises(ValueError, match="at least one picture"):
        comparison_sheet([[]])
    with pytest.raises(ValueError, match="1 headers for 2 columns"):
        comparison_sheet([[plain(RED), plain(RED)]], ["map"])
    with pytest.raises(ValueError, match="one text for each picture"):
        comparison_sheet([[plain(RED), plain(RED)]], captions=[["map"]])


def test_map_is_enlarged_without_blending():
    ids = np.array([[0, 3], [8, 255]])
    picture = np.asarray(picture_of_map(ids, SPEC, 3))
    for (row, column), class_id in np.ndenumerate(ids):
        colour = SPEC.ignore_rgb if class_id == 255 else SPEC.classes[class_id].rgb
        assert (picture[3 * row : 3 * row + 3, 3 * column : 3 * column + 3] == colour).all()


def test_photo_from_array_covers_the_whole_range():
    values = np.array([-2.0, -1.0, -1 + 2 * 100.4 / 255, 0.9999, 1.0, 7.0], dtype=np.float32)
    picture = photo_from_array(np.broadcast_to(values, (3, 1, 6)))
    assert np.asarray(picture)[0, :, 1].tolist() == [0, 0, 100, 255, 255, 255]


def test_photo_from_array_keeps_channels_and_places():
    photo = np.full((3, 4, 5), -1.0, dtype=np.float32)
    photo[2, 1, 3] = 1
    assert photo_from_array(photo).getpixel((3, 1)) == BLUE


def test_enlarged_photo():
    assert enlarge_photo(plain(RED), 2).size == (20, 16)
    picture = plain(RED)
    assert enlarge_photo(picture, 1) is picture


def test_fold_rows():
    assert fold_rows([[1, 2], [3, 4], [5, 6]], 2) == [[1, 2, 3, 4], [5, 6]]


def test_legend_wraps_and_shows_the_asked_classes():
    broad, narrow = flow_legend(SPEC, [0, 3, 8], 1000), flow_legend(SPEC, [0, 3, 8], 120)
    assert narrow.height > broad.height
    assert narrow.width < broad.width
    for legend in (broad, narrow):
        seen = {tuple(colour) for colour in np.asarray(legend).reshape(-1, 3)}
        shown = {class_id for class_id, info in enumerate(SPEC.classes) if info.rgb in seen}
        assert shown >= {3, 8}
        assert not shown & {1, 2, 5}
    with pytest.raises(ValueError, match="at least one class"):
        flow_legend(SPEC, [], 100)


def test_saved_picture_carries_its_facts_and_leaves_nothing_beside(tmp_path):
    path = save_picture(plain(RED), tmp_path / "new" / "a.png", {"seed": "7"})
    with Image.open(path) as image:
        assert image.text == {"seed": "7"}
        assert image.convert("RGB").getpixel((0, 0)) == RED
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]


def test_failed_saving_keeps_the_old_picture_and_leaves_nothing_beside(tmp_path):
    path = save_picture(plain(RED), tmp_path / "a.png")
    before = path.read_bytes()
    with pytest.raises(OSError, match="cannot write mode F as PNG"):
        save_picture(Image.new("F", (4, 4)), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_saving_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"^cannot write .*file/a\.png \(.*\); choose another output path\.$"):
        save_picture(plain(RED), tmp_path / "file" / "a.png")


def test_saving_over_a_folder_leaves_nothing_beside(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match=r"cannot write .*a\.png"):
        save_picture(plain(RED), tmp_path / "a.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
