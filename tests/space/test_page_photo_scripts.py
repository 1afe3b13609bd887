"""The page's pure scripts of the photo: live requests, enlargement and zoom."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio")

from tests.space.script_runner import script_runner  # noqa: E402
from tests.space.test_page_scripts import HEIGHT, WIDTH  # noqa: E402


@pytest.fixture(scope="module")
def run():
    with script_runner() as runner:
        yield runner


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
    ("drafts", "wholes", "follows", "expected"),
    [
        ([900], [], True, True),  # the first of a stroke may be computed whole
        ([900, 900], [], True, True),
        ([900, 30, 401], [], True, True),
        ([30, 401, 401], [], True, False),
        ([900, 60, 60], [900, 900, 900], True, True),  # whole photos are slow, those of a stroke are not
        ([], [900, 900, 900], True, True),
        ([900, 900, 900], [900, 250, 250], False, False),
        ([900, 900, 900], [250, 250, 250], False, True),
        ([], [250, 250, 350], False, False),
    ],
)
def test_models_whose_parts_are_slow_follow_at_the_end_of_strokes(run, drafts, wholes, follows, expected):
    assert run("return followsStroke(...given);", [drafts, wholes, follows]) is expected


@pytest.mark.parametrize("size", [(19, 14), (40, 31), (57, 14), (190, 140)])
def test_enlarged_photos_are_those_of_pillow(run, size):
    rng = np.random.default_rng(0)
    smooth = rng.integers(80, 176, (3, 4, 3)).repeat(5, 0).repeat(5, 1)[:HEIGHT, :WIDTH]
    photo = np.where(rng.random((HEIGHT, WIDTH, 1)) < 0.2, rng.integers(80, 176, smooth.shape), smooth)
    photo = photo.astype(np.uint8)
    wanted = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS)).astype(int)
    opaque = np.dstack([photo, np.full((HEIGHT, WIDTH), 255)])
    body = (
        f"return Array.from(enlarge(Uint8ClampedArray.from(given), {WIDTH}, {HEIGHT}, {size[0]}, {size[1]}));"
    )
    enlarged = np.array(run(body, opaque.ravel().tolist())).reshape(size[1], size[0], 4)
    assert (enlarged[..., 3] == 255).all()
    assert (
        np.abs(enlarged[..., :3] - wanted).max() <= 2
    )  # Pillow rounds between its two passes, and clips there


def test_enlargements_fill_the_screen_within_bounds(run):
    assert run("return fineSize(256, 192, 640);") == [640, 480]
    assert run("return fineSize(256, 192, 256);") is None
    wide, tall = run("return fineSize(256, 256, 8000);")
    assert wide == tall
    assert 2.4e6 < wide * tall <= 2.51e6


def test_zoom_keeps_the_place_under_the_pointer_and_stays_inside(run):
    def seen(view, share):
        return view["x"] + share[0] / view["scale"], view["y"] + share[1] / view["scale"]

    view, rng = {"scale": 1, "x": 0, "y": 0}, np.random.default_rng(0)
    for factor in (2, 1.5, 3, 0.8):
        share = tuple(map(float, rng.uniform(0.2, 0.8, 2)))
        after = run("return zoomed(given[0], given[1], ...given[2]);", [view, factor, share])
        assert seen(after, share) == pytest.approx(seen(view, share))
        assert after["scale"] == pytest.approx(view["scale"] * factor)
        view = after
    moved = run("return panned(given, 0.25, -0.5);", view)
    assert moved["x"] == pytest.approx(view["x"] - 0.25 / view["scale"])
    assert moved["y"] == pytest.approx(view["y"] + 0.5 / view["scale"])
    corner = run("return panned(given, -99, 99);", view)
    assert (corner["x"], corner["y"]) == (pytest.approx(1 - 1 / view["scale"]), 0)
    assert run("return zoomed(given, 1e-6, 0.5, 0.5);", corner) == {"scale": 1, "x": 0, "y": 0}
    assert run("return zoomed(given, 1e6, 0.5, 0.5);", corner)["scale"] == 16
