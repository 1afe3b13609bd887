"""Names and seeds of the photos of a data set."""

from __future__ import annotations

from pathlib import Path

from dpsims_hub.generation.jobs import Job
from dpsims_hub.generation.photo_plan import Plan

MAPS = [Job(Path(f"{name}.png"), f"{name}.png", name) for name in ("a", "a_1", "b")]


def test_seeds_count_on_from_map_to_map():
    plan = Plan(MAPS, num_images=2, seed=40)
    assert [plan.seed_of(index, number) for index in range(3) for number in range(2)] == [
        40,
        41,
        42,
        43,
        44,
        45,
    ]


def test_every_photo_has_a_name_of_its_own():
    plan = Plan(MAPS, num_images=12, seed=0)
    names = list(plan.stems())
    assert len(names) == len(plan) == len(set(names)) == 36
    assert names == [plan.stem_of(index, number) for index in range(3) for number in range(12)]
    assert names[13] == "a_1_1"
