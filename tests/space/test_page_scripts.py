"""The page's pure scripts: map strings, painting, history, live requests, search, colours and share links."""

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


def test_history_goes_back_and_forth_and_forgets_the_oldest(run):
    body = """
    const history = createHistory(4);
    let now = Uint16Array.of(0);
    for (let step = 1; step <= 6; step++) { history.remember(now); now = Uint16Array.of(step); }
    const seen = [];
    for (let ids = history.undo(now); ids; ids = history.undo(now)) { now = ids; seen.push(now[0]); }
    now = history.redo(now); seen.push(now[0]);
    seen.push(history.undoSteps, history.redoSteps);
    history.remember(now); seen.push(history.redoSteps);
    return seen;
    """
    assert run(body) == [5, 4, 3, 2, 3, 1, 3, 0]


LANE = """
const waits = [], sent = [], shown = [], failed = [], states = [];
let version = 0;
const later = (act, ms) => { if (ms < 60000) waits.push([act, ms]); };
const tick = async () => { for (let i = 0; i < 20; i++) await Promise.resolve(); };
const lane = createFastLane({
  build: () => version,
  ask: (request) => new Promise((resolve, reject) => sent.push({ request, resolve, reject })),
  show: async (reply, request) => { shown.push(request); },
  fail: (sentence) => failed.push(sentence),
  changed: (one) => states.push(one.state),
  clock: () => 0,
  later,
});
const change = () => { version++; lane.want(); };
"""


def test_one_live_request_at_a_time_and_the_newest_wins(run):
    body = """
    for (let i = 0; i < 50; i++) change();
    const first = sent.length;
    sent[0].resolve({ photo: "a" });
    await tick();
    const second = sent.length;
    sent[1].resolve({ photo: "b" });
    await tick();
    return [first, second, sent.length, sent.map((one) => one.request), shown, lane.most, lane.state];
    """
    assert run(LANE + body) == [1, 2, 2, [1, 50], [1, 50], 1, "idle"]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("resolve({ busy: true, retry_ms: 700 })", "busy"),
        ("resolve(undefined)", "offline"),
        ("reject(new Error('gone'))", "offline"),
    ],
)
def test_a_refused_request_is_asked_again_later_with_the_newest_state(run, answer, state):
    body = f"""
    change();
    sent[0].{answer};
    await tick();
    change();
    const early = sent.length, name = lane.state, [again, wait] = waits.pop();
    again();
    await tick();
    sent[1].resolve({{ photo: "a" }});
    await tick();
    return [early, name, wait, sent.length, shown, lane.state, lane.most, failed.length];
    """
    early, name, wait, count, shown, after, most, failures = run(LANE + body)
    assert (early, name, count, shown, after, most, failures) == (1, state, 2, [2], "idle", 1, 0)
    assert (560 if state == "busy" else 200) <= wait <= 5000


def test_pauses_grow_while_the_server_is_away(run):
    body = """
    change();
    const pauses = [];
    for (let i = 0; i < 7; i++) {
      sent[i].reject(new Error("gone"));
      await tick();
      const [again, wait] = waits.pop();
      pauses.push(wait);
      again();
      await tick();
    }
    return pauses;
    """
    pauses = run(LANE + body)
    assert pauses[0] < pauses[2] < pauses[4]
    assert max(pauses) <= 4800


def test_an_error_is_told_once_and_not_asked_again(run):
    body = """
    change();
    sent[0].resolve({ error: "no such class" });
    await tick();
    return [failed, shown, sent.length, waits.length, lane.state];
    """
    assert run(LANE + body) == [["no such class"], [], 1, 0, "idle"]


@pytest.mark.parametrize(
    ("times", "follows", "expected"),
    [
        ([900], True, True),  # a first, cold photo says nothing
        ([900, 30], True, True),
        ([30, 401, 401], True, False),
        ([900, 250, 250], False, False),
        ([250, 250, 250], False, True),
        ([250, 250, 350], False, False),
    ],
)
def test_slow_models_follow_at_the_end_of_strokes(run, times, follows, expected):
    assert run("return followsStroke(given[0], given[1]);", [times, follows]) is expected


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"map": map_string.encode(np.zeros((3, 3), int))}, "3x3"),
        ({"map": map_string.encode(np.full((HEIGHT, WIDTH), 4))}, "class 4"),
        ({"seed": 100}, "seed"),
        ({"map": "r1:x"}, "label map"),
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
