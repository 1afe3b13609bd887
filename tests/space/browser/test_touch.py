"""Touch: strokes, taps soon after them, and zoom with two fingers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.space.browser.conftest import PHONE, OpenPage
from tests.space.browser.slow_painting import brushed, connected
from tests.space.browser.studio_page import StudioPage

Points = Sequence[tuple[float, float]]
CAR, PERSON = 8, 9
STROKES = 12


class Fingers:
    """Touches of a page, by the protocol of the developer tools."""

    def __init__(self, studio: StudioPage) -> None:
        self._studio = studio
        self._session = studio.page.context.new_cdp_session(studio.page)

    def send(self, kind: str, points: Points = ()) -> None:
        """Send the positions of all fingers, in pixels of the page: touchStart, touchMove or touchEnd."""
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def stroke(self, places: Points) -> None:
        """Press one finger at the first place of the map, and lift it at the last."""
        first, *others = self._studio.points(places)
        self.send("touchStart", [first])
        for point in others:
            self.send("touchMove", [point])
        self.send("touchEnd")

    def tap(self, point: Points) -> None:
        """Press and lift one finger, in pixels of the page."""
        self.send("touchStart", point)
        self.send("touchEnd")

    def pinch(self, start: Points, end: Points, steps: int = 8) -> None:
        """Press two fingers one after the other, move both evenly, lift both."""
        self.send("touchStart", start[:1])
        self.send("touchStart", start)
        for share in np.linspace(0, 1, steps):
            moved = np.array(start) + share * (np.array(end) - start)
            self.send("touchMove", [tuple(map(float, one)) for one in moved])
        self.send("touchEnd")


def take_class(studio: StudioPage, number: int) -> None:
    """Choose a class without opening the sheet of classes."""
    studio.page.locator(f'#dps-classes [data-id="{number}"]').evaluate("one => one.click()")


@pytest.fixture
def studio(phone: StudioPage) -> StudioPage:
    """The phone's page at the first scene with a brush of 9 and the whole map visible."""
    phone.lay()
    phone.page.keyboard.press("z")
    take_class(phone, CAR)
    phone.page.fill("#dps-size", "9")
    phone.page.locator("#dps-map").scroll_into_view_if_needed()
    return phone


@pytest.fixture
def fingers(studio: StudioPage) -> Fingers:
    return Fingers(studio)


def test_every_tap_on_a_class_soon_after_a_quick_stroke_counts(studio: StudioPage, fingers: Fingers) -> None:
    """Chromium treats such a tap as part of a fling and drops its click, unless the page handles touches."""
    wanted, steps = studio.ids, int(studio.state["undo"])
    button = studio.page.locator("#dps-quick button").nth(1)
    box, other = button.bounding_box(), int(button.get_attribute("data-id"))
    tapped = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)]
    hand = CAR
    for number in range(STROKES):
        x, y = 20 + 25 * (number % 6), 20 + 70 * (number // 6)
        line = [(x, y), (x + 12.5, y + 16.5), (x + 24.5, y + 32.5), (x + 36.5, y + 49.5)]
        fingers.stroke(line)
        fingers.tap(tapped)
        wanted = brushed(wanted, line, 9, hand)
        hand, other = other, hand  # the button now holds the class that was in hand
    np.testing.assert_array_equal(studio.ids, wanted)
    assert int(studio.state["undo"]) == steps + STROKES


def test_two_fingers_enlarge_the_view_and_paint_nothing(studio: StudioPage, fingers: Fingers) -> None:
    before, steps = studio.ids, studio.state["undo"]
    start = studio.points([(118.5, 96.5), (138.5, 96.5)])
    end = studio.points([(78.5, 96.5), (178.5, 96.5)])
    fingers.pinch(start, end)
    np.testing.assert_array_equal(studio.ids, before)
    assert studio.state["undo"] == steps
    assert float(studio.state["zoom"]) == pytest.approx(5, rel=0.02)
    middle = np.mean(studio.points([(118.5, 96.5), (138.5, 96.5)]), axis=0)
    np.testing.assert_allclose(
        middle, np.mean(end, axis=0), atol=2
    )  # what lay between the fingers still does
    places = [(120.5, 90.5), (130.5, 100.5)]
    fingers.stroke(places)
    np.testing.assert_array_equal(studio.ids, brushed(before, places, 9, CAR))
    fingers.pinch(end, start)
    assert float(studio.state["zoom"]) == pytest.approx(1, rel=0.02)


def test_a_palm_beside_a_long_stroke_neither_ends_nor_enlarges_it(
    studio: StudioPage, fingers: Fingers
) -> None:
    before = studio.ids
    places = [(20.5, 20.5), (90.5, 40.5), (180.5, 60.5), (200.5, 120.5)]
    one, two, three, four = studio.points(places)
    palm = studio.points([(240.5, 180.5)])[0]
    fingers.send("touchStart", [one])
    fingers.send("touchMove", [two])
    studio.page.wait_for_timeout(350)
    fingers.send("touchMove", [three])
    fingers.send("touchStart", [three, palm])
    fingers.send("touchMove", [four, palm])
    fingers.send("touchEnd")
    np.testing.assert_array_equal(studio.ids, brushed(before, places, 9, CAR))
    assert studio.state["zoom"] == "1.00"


def test_fill_waits_until_the_finger_is_lifted(studio: StudioPage, fingers: Fingers) -> None:
    before = studio.ids
    studio.page.keyboard.press("f")
    fingers.send("touchStart", studio.points([(128.5, 180.5)]))
    np.testing.assert_array_equal(studio.ids, before)
    fingers.send("touchEnd")
    filled = np.where(connected(before, 128, 180), CAR, before)
    np.testing.assert_array_equal(studio.ids, filled)
    fingers.stroke([(128.5, 10.5), (220.5, 10.5)])  # moved away: no tap
    fingers.pinch(*(studio.points([(60.5, y), (160.5, y)]) for y in (10.5, 30.5)))
    np.testing.assert_array_equal(studio.ids, filled)


def test_a_finger_paints_on_the_photo_when_asked_to(open_page: OpenPage) -> None:
    studio = open_page(**PHONE)
    photo = studio.page.locator("#dps-photo").bounding_box()
    place = (photo["x"] + photo["width"] * 60.5 / 256, photo["y"] + photo["height"] * 40.5 / 192)
    take_class(studio, CAR)
    before, size = studio.ids, int(studio.state["size"])
    fingers = Fingers(studio)
    fingers.send("touchStart", [place])
    fingers.send("touchEnd")
    np.testing.assert_array_equal(studio.ids, before)
    studio.page.tap("#dps-paint-photo")
    fingers.send("touchStart", [place])
    fingers.send("touchEnd")
    np.testing.assert_array_equal(studio.ids, brushed(before, [(60.5, 40.5)], size, CAR))
