"""The page's pure scripts: map strings, painting, history, colours and share links."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("gradio")

from dpsims_hub.labels import ClassSpec  # noqa: E402
from dpsims_hub.space import map_string  # noqa: E402
from tests.space.script_runner import script_runner  # noqa: E402

HEIGHT, WIDTH = 14, 19


@pytest.fixture(scope="module")
def run():
    with script_runner() as runner:
        yield runner


def random_map(seed: int = 0, classes: int = 4) -> np.ndarray:
    """Blotches of two pixels, so that regions of several pixels and single ones occur."""
    small = np.random.default_rng(seed).integers(0, classes, (HEIGHT // 2, WIDTH // 2 + 1))
    return small.repeat(2, 0).repeat(2, 1)[:HEIGHT, :WIDTH]


def paint(run, call: str, label_map: np.ndarray) -> tuple[np.ndarray, int]:
    body = f"const ids = Uint16Array.from(given); const changed = {call}; return [Array.from(ids), changed];"
    ids, changed = run(body, label_map.ravel().tolist())
    return np.array(ids).reshape(label_map.shape), changed


def test_map_strings_are_those_of_the_server(run):
    for label_map in (random_map(), np.full((300, 400), 1000), np.arange(70_000).reshape(1, -1) % 65_536):
        height, width = label_map.shape
        body = f"return encodeMap(Uint16Array.from(given), {width}, {height});"
        assert run(body, label_map.ravel().tolist()) == map_string.encode(label_map)
        body = "const map = decodeMap(given); return [Array.from(map.ids), map.width, map.height];"
        ids, *size = run(body, map_string.encode(label_map))
        assert size == [width, height]
        assert ids == label_map.ravel().tolist()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "r2:1x1:AAABAA==",
        "r1:0x1:",
        "r1:1x1:AAAB",
        "r1:1x1:AAAAAA==",
        "r1:1x1:AAACAA==",
        "r1:2x1:AAABAA==",
        "r1:1x1:A",
        "r1:99999x99999:AAABAA==",
    ],
)
def test_damaged_map_strings_are_refused_in_a_sentence(run, text):
    message = run("try { decodeMap(given); return null; } catch (problem) { return problem.message; }", text)
    assert message.startswith("Th")
    assert message.endswith(".")


def near_segment(pixel: tuple[int, int], start: tuple, end: tuple, reach: Fraction) -> bool:
    """Distance of a pixel's centre from a segment, in exact fractions."""
    x, y = (Fraction(2 * value + 1, 2) for value in pixel)
    along = (end[0] - start[0], end[1] - start[1])
    length2 = along[0] ** 2 + along[1] ** 2
    share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length2 if length2 else Fraction(0)
    share = min(max(share, Fraction(0)), Fraction(1))
    return (x - start[0] - share * along[0]) ** 2 + (y - start[1] - share * along[1]) ** 2 <= reach**2


def snapped(place: tuple[float, float], diameter: int) -> tuple[Fraction, Fraction]:
    if diameter % 2:
        return tuple(Fraction(2 * int(np.floor(value)) + 1, 2) for value in place)
    return tuple(Fraction(int(np.floor(value + 0.5))) for value in place)


@pytest.mark.parametrize("diameter", [1, 2, 3, 6, 9])
def test_a_brush_paints_the_pixels_within_its_radius_of_the_segment_and_no_others(run, diameter):
    rng = np.random.default_rng(diameter)
    for _ in range(3):
        start, end = (tuple(map(float, rng.uniform((-2, -2), (WIDTH + 2, HEIGHT + 2)))) for _ in range(2))
        before = random_map()
        call = (
            f"paintSegment(ids, {WIDTH}, {HEIGHT}, {{x: {start[0]}, y: {start[1]}}}, "
            f"{{x: {end[0]}, y: {end[1]}}}, {diameter}, 7)"
        )
        after, changed = paint(run, call, before)
        ends = snapped(start, diameter), snapped(end, diameter)
        expected = before.copy()
        for y in range(HEIGHT):
            for x in range(WIDTH):
                if near_segment((x, y), *ends, Fraction(diameter, 2)):
                    expected[y, x] = 7
        np.testing.assert_array_equal(after, expected)
        assert changed == (after != before).sum()


def grown_region(label_map: np.ndarray, x: int, y: int) -> np.ndarray:
    """The connected region of a pixel, grown by one ring at a time."""
    same, region = label_map == label_map[y, x], np.zeros(label_map.shape, bool)
    region[y, x] = True
    while True:
        padded = np.pad(region, 1)
        grown = same & (region | padded[2:, 1:-1] | padded[:-2, 1:-1] | padded[1:-1, 2:] | padded[1:-1, :-2])
        if (grown == region).all():
            return region
        region = grown


@pytest.mark.parametrize(("x", "y"), [(0, 0), (WIDTH - 1, HEIGHT - 1), (9, 7)])
def test_fill_reaches_the_pixels_joined_by_sides(run, x, y):
    before = random_map(3, classes=2)
    region = grown_region(before, x, y)
    after, changed = paint(run, f"fillRegion(ids, {WIDTH}, {HEIGHT}, {x}, {y}, 9)", before)
    np.testing.assert_array_equal(after, np.where(region, 9, before))
    assert changed == region.sum()
    assert paint(run, f"fillRegion(ids, {WIDTH}, {HEIGHT}, {x}, {y}, {before[y, x]})", before)[1] == 0


def test_rectangles_hold_both_corners_in_any_order_and_stay_inside(run):
    before = random_map()
    fill = f"paintMask(ids, rectangleMask({{x: %s, y: %s}}, {{x: %s, y: %s}}, {WIDTH}, {HEIGHT}), 9)"
    after, changed = paint(run, fill % (11.9, 2.1, 3.0, 8.5), before)
    expected = before.copy()
    expected[2:9, 3:12] = 9
    np.testing.assert_array_equal(after, expected)
    assert changed == 63
    after, _ = paint(run, fill % (-5, -5, 99, 99), before)
    assert (after == 9).all()


def test_shares_are_counted_largest_first(run):
    label_map = random_map()
    counts = run("return countClasses(Uint16Array.from(given));", label_map.ravel().tolist())
    ids, numbers = np.unique(label_map, return_counts=True)
    assert dict(map(tuple, counts)) == dict(zip(ids.tolist(), numbers.tolist(), strict=True))
    assert [count for _, count in counts] == sorted(numbers.tolist(), reverse=True)


HISTORY = """
let time = 0;
const scene = (...values) => ({ ids: Uint16Array.from(values) });
const numbers = (one) => (one ? one.ids[0] : null);
"""


def test_history_goes_back_and_forth_and_forgets_the_oldest(run):
    body = """
    const history = createHistory(4);
    history.begin(scene(0));
    for (let step = 1; step <= 6; step++) history.record(scene(step));
    const seen = [];
    for (let one = history.undo(); one; one = history.undo()) seen.push(numbers(one));
    seen.push(numbers(history.redo()), history.undoSteps, history.redoSteps);
    history.record(scene(9));
    seen.push(history.redoSteps, numbers(history.redo()), numbers(history.undo()), numbers(history.redo()));
    return seen;
    """
    assert run(HISTORY + body) == [5, 4, 3, 2, 3, 1, 3, 0, None, 3, 9]


def test_quick_changes_of_one_kind_are_one_step_of_history(run):
    body = """
    const history = createHistory(100, 1e6, () => time);
    const steps = [];
    history.begin(scene(0));
    const mixes = [0, 500, 900, 2500].map((at) => ["mix", at]);
    for (const [kind, at] of [...mixes, ["", 2501], ["", 2502], ["mix", 2503]]) {
      time = at;
      history.record(scene(at), kind);
      steps.push(history.undoSteps);
    }
    return steps;
    """
    assert run(HISTORY + body) == [1, 1, 1, 2, 3, 4, 5]


def test_history_counts_a_map_that_stays_once(run):
    body = """
    const history = createHistory(100, 40); // room for ten maps of two pixels
    const still = Uint16Array.of(1, 2);
    history.begin({ ids: still });
    for (let step = 0; step < 50; step++) history.record({ ids: still, seed: step });
    const styles = history.undoSteps;
    for (let step = 0; step < 50; step++) history.record(scene(step, step));
    return [styles, history.undoSteps];
    """
    assert run(HISTORY + body) == [50, 10]


@pytest.mark.parametrize(
    ("names", "useful"),
    [
        (["unlabeled", "ego vehicle", "road"], 2),
        (["Void", "background", "sky"], 2),
        (["Sky", "Unlabelled"], 0),
        (["unlabeled"], 0),
    ],
)
def test_the_first_class_to_paint_with_names_something(run, names, useful):
    classes = [{"id": number, "name": name} for number, name in enumerate(names)]
    assert run("return usefulClass({ classes: given });", classes) == useful


@pytest.mark.parametrize("natural", ["true", "false"])
def test_every_class_of_ade20k_is_shown_in_a_colour_of_its_own(run, natural):
    classes = ClassSpec.load("ade20k").to_dict()["classes"]
    colours = run(f"return displayColours(given, {natural});", classes)
    assert len({tuple(colour) for colour in colours}) == 150
    assert all(0 <= value <= 255 for colour in colours for value in colour)


def test_a_share_link_gives_back_the_scene(run):
    spec = {
        "width": WIDTH,
        "height": HEIGHT,
        "ignore_index": 255,
        "max_seed": 99,
        "title": "T",
        "classes": [{}] * 4,
        "regions": True,
    }
    scene = {
        "model": "a/b c&d=e",
        "map": map_string.encode(random_map()),
        "seed": 7,
        "seed_b": 99,
        "mix": 0.25,
        "regions": [{"class": 2, "seed": 5}, {"region": map_string.encode(random_map() % 2), "seed": 6}],
    }
    body = """
    const scene = readFragment("#" + sceneFragment(given[0]));
    const { ids, style } = fittingScene(scene, given[1]);
    return [scene.model, Array.from(ids), style];
    """
    model, ids, style = run(body, [scene, spec])
    assert model == scene["model"]
    assert ids == random_map().ravel().tolist()
    assert style == {"seed": 7, "seedB": 99, "mix": 0.25, "regions": scene["regions"]}
    assert run('return readFragment("#section-2");') is None


def test_a_model_with_one_noise_gets_no_regions(run):
    spec = {"width": WIDTH, "height": HEIGHT, "max_seed": 99, "classes": [{}] * 4, "regions": False}
    scene = {"map": map_string.encode(random_map()), "regions": [{"class": 2, "seed": 5}]}
    assert run("return fittingScene(given[0], given[1]).style.regions;", [scene, spec]) == []
    assert run("return [mostRerolls(given), mostRerolls({ regions: true })];", spec) == [0, 32]


@pytest.mark.parametrize(
    ("key", "code", "latin"),
    [
        ("Z", "KeyZ", "z"),
        ("z", "KeyY", "z"),  # German
        ("я", "KeyZ", "z"),
        ("Н", "KeyY", "y"),
        ("ζ", "KeyZ", "z"),
        ("х", "BracketLeft", "["),
        ("ъ", "BracketRight", "]"),
        ("ö", "Semicolon", "ö"),
        ("[", "Digit8", "["),
        ("Escape", "Escape", "Escape"),
    ],
)
def test_keys_of_other_scripts_are_the_latin_ones_at_their_place(run, key, code, latin):
    assert run("return latinKey(given);", {"key": key, "code": code}) == latin


def test_brackets_typed_with_option_or_alt_gr_count_as_brackets(run):
    body = "return given.map(([key, altKey, metaKey]) => isComposed({ key, altKey, metaKey }));"
    keys = [
        ("[", True, False),
        ("]", True, False),
        ("[", False, False),
        ("[", True, True),
        ("z", True, False),
    ]
    assert run(body, keys) == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"map": map_string.encode(np.zeros((3, 3), int))}, "3x3"),
        ({"map": map_string.encode(np.full((HEIGHT, WIDTH), 4))}, "class 4"),
        ({"seed": 100}, "seed"),
        ({"map": "r1:x"}, "not a map of this page"),
    ],
)
def test_a_scene_that_does_not_fit_the_model_is_refused_in_a_sentence(run, change, words):
    spec = {
        "width": WIDTH,
        "height": HEIGHT,
        "ignore_index": 255,
        "max_seed": 99,
        "title": "T",
        "classes": [{}] * 4,
    }
    scene = {"map": map_string.encode(random_map()), "seed": 1} | change
    body = "try { fittingScene(given[0], given[1]); return ''; } catch (problem) { return problem.message; }"
    assert words in run(body, [scene, spec])


@pytest.mark.parametrize(
    ("regions", "wanted"), [(True, "re-rolled"), (False, "This model has one look for the whole photo.")]
)
def test_a_re_roll_needs_a_model_with_several_latents(run, regions, wanted):
    body = """
    const done = [];
    const state = { model: given, regions: [], className: () => "", on() {} };
    state.setStyle = () => done.push("re-rolled");
    const find = () => ({ addEventListener() {} });
    const app = { state, find, notify: (text) => done.push(text), say() {} };
    mountRerolls(app);
    app.rerollClass(1);
    return done;
    """
    assert run(body, {"regions": regions, "max_seed": 9}) == [wanted]
