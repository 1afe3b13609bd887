"""A long list of classes: groups, recent classes, number keys of the classes in the map."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.space.browser.conftest import DESKTOP, OpenPage
from tests.space.browser.studio_page import StudioPage
from tests.space.browser.test_nothing_lost import switch
from tests.space.browser.test_visitors import accessibility_faults


@pytest.fixture(scope="module")
def long_list(browser, server) -> Iterator[StudioPage]:
    studio = StudioPage(browser.new_context(**DESKTOP).new_page(), f"http://127.0.0.1:{server.port}")
    studio.open()
    studio.page.select_option("#dps-model", "ade20k")
    studio.page.wait_for_selector('.dps[data-model="ade20k"]')
    studio.settle()
    yield studio
    studio.page.context.close()
    assert studio.troubles == []


def test_a_model_whose_first_class_is_unlabeled_starts_on_a_useful_one(open_page: OpenPage) -> None:
    studio = open_page()
    switch(studio, "wide")
    names = [one["name"] for one in studio.page.evaluate("dpsims.model.classes")]
    assert names[:6] == [
        "unlabeled",
        "ego vehicle",
        "rectification border",
        "out of roi",
        "static",
        "dynamic",
    ]
    assert studio.page.inner_text("#dps-class-name") == "ground"
    before = studio.ids
    studio.click(30, 10)
    assert names[studio.ids[10, 30]] == "ground"
    assert (studio.ids != before).any()


def test_groups_have_titles_that_a_search_hides(long_list: StudioPage) -> None:
    page = long_list.page
    titles = page.locator(".dps-class-group > p").all_inner_texts()
    assert titles[:3] == ["Sky", "Water", "Nature"]
    nature = page.get_by_role("group", name="Nature").get_by_role("radio")
    assert "tree" in [text.split("\n")[0] for text in nature.all_inner_texts()]
    page.fill("#dps-search", "dog")
    assert page.locator(".dps-class-group > p:visible").count() == 0
    assert page.locator(".dps-chip:visible").all_inner_texts()[0].split("\n")[0] == "animal"
    page.fill("#dps-search", "")
    assert page.locator(".dps-class-group > p:visible").count() == len(titles)


def test_recent_classes_stand_above_the_list(long_list: StudioPage) -> None:
    page = long_list.page
    for name in ("mountain", "river", "mountain"):
        page.get_by_role("radio", name=name, exact=True).click()
    recents = page.locator("#dps-recents button")
    assert recents.all_inner_texts()[:2] == ["mountain", "river"]
    recents.nth(1).click()
    assert page.inner_text("#dps-class-name") == "river"
    assert page.evaluate("document.activeElement.textContent") == "river"
    assert accessibility_faults(long_list) == ""


def test_number_keys_are_those_of_the_classes_in_the_map(long_list: StudioPage) -> None:
    page = long_list.page
    ids = sorted(int(one) for one in np.unique(long_list.ids))
    page.focus("#dps-map")
    for key, wanted in zip("1234567890", ids, strict=False):
        page.keyboard.press(key)
        assert long_list.state["class"] == str(wanted)
        row = page.locator(f'#dps-legend [data-id="{wanted}"] .dps-legend-pick')
        assert row.get_attribute("aria-keyshortcuts") == key
    new = next(one for one in range(149, 0, -1) if one not in ids)
    page.locator(f'#dps-classes [data-id="{new}"]').click()
    page.fill("#dps-size", "3")
    long_list.click(5, 5)
    assert page.get_attribute(f'#dps-classes [data-id="{new}"]', "aria-keyshortcuts") == str(len(ids) + 1)
