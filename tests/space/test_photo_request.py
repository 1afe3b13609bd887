from __future__ import annotations

import math

import numpy as np
import pytest

from dpsims_hub.labels import ClassSpec
from dpsims_hub.space.map_string import decode, encode
from dpsims_hub.space.model_registry import ModelInfo, ModelRegistry
from dpsims_hub.space.photo_request import MAX_REGIONS, read_photo_request, read_seeds, shown
from tests.space.models import save_tiny


@pytest.fixture
def request_of(camvid: ModelInfo):
    return lambda **extra: {"map": camvid.examples[0][1], **extra}


def test_a_full_request(camvid: ModelInfo, request_of) -> None:
    label_map = decode(camvid.examples[0][1])
    mask = np.zeros((192, 256), dtype=int)
    mask[10:20, 30:40] = 1
    photo_request = read_photo_request(
        request_of(
            seed=7,
            seed_b=8.0,
            mix=0.25,
            regions=[{"class": 3, "seed": 1}, {"region": encode(mask), "seed": 2}],
        ),
        camvid,
    )
    np.testing.assert_array_equal(photo_request.label_map, label_map)
    assert (photo_request.seed, photo_request.seed_b, photo_request.mix) == (7, 8, 0.25)
    (road, first), (patch, second) = photo_request.regions
    assert (first, second) == (1, 2)
    np.testing.assert_array_equal(road, label_map == 3)
    np.testing.assert_array_equal(patch, mask == 1)


def test_the_least_request_is_a_map(camvid: ModelInfo, request_of) -> None:
    photo_request = read_photo_request(request_of(seed=None, mix=None, regions=None), camvid)
    assert (photo_request.seed, photo_request.seed_b, photo_request.mix, photo_request.regions) == (
        0,
        0,
        0.0,
        (),
    )


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"seed": -1}, "whole number from 0 to 2147483647, not -1"),
        ({"seed": 2**31}, "whole number"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": True}, "not True"),
        ({"seed": "7"}, "not '7'"),
        ({"seed": math.nan}, "not nan"),
        ({"seed": math.inf}, "not inf"),
        ({"seed": 10**6000}, "not a int"),
        ({"seed_b": []}, r"not \[\]"),
        ({"mix": 1.01}, "mix must be a number from 0 to 1"),
        ({"mix": math.nan}, "mix must be"),
        ({"mix": "0.5"}, "mix must be"),
        ({"mix": 10**400}, "mix must be"),
        ({"mix": math.inf}, "mix must be"),
        ({"map": "r1:1025x1:AAABAA=="}, "limit is 1024 a side"),
        ({"map": None}, "not a text"),
        ({"map": "r1:1x1:AAABAA=="}, "is 1x1 px .* paints 256x192"),
        ({"regions": {"class": 1}}, "list of at most 32"),
        ({"regions": [{}] * (MAX_REGIONS + 1)}, "list of at most 32"),
        ({"regions": [7]}, "a region is"),
        ({"regions": [{"seed": 1}]}, "a region is"),
        ({"regions": [{"class": 1, "region": "", "seed": 1}]}, "a region is"),
        ({"regions": [{"class": 11, "seed": 1}]}, "11 is no class of camvid"),
        ({"regions": [{"class": -1, "seed": 1}]}, "-1 is no class"),
        ({"regions": [{"class": "Road", "seed": 1}]}, "'Road' is no class"),
        ({"regions": [{"class": 1, "seed": -2}]}, "number of a look"),
        ({"regions": [{"region": "r1:1x1:AQABAA==", "seed": 1}]}, "of the map's size"),
        ({"regions": [{"region": "r1:9x1025:AQABAA==", "seed": 1}]}, "limit is 1024 a side"),
    ],
)
def test_refusals_are_one_sentence(camvid: ModelInfo, request_of, extra: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read_photo_request(request_of(**extra), camvid)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_a_region_holds_only_0_and_1(camvid: ModelInfo, request_of) -> None:
    mask = encode(np.full((192, 256), 2))
    with pytest.raises(ValueError, match="of 0 and 1"):
        read_photo_request(request_of(regions=[{"region": mask, "seed": 1}]), camvid)


def test_regions_need_a_model_that_has_them(tmp_path) -> None:
    folder = save_tiny(tmp_path / "plain", ClassSpec.load("camvid"), noise_injection="none")
    model_info = ModelRegistry([str(folder)]).find()
    request = {"map": model_info.examples[0][1], "regions": [{"class": 1, "seed": 1}]}
    with pytest.raises(ValueError, match="one look for the whole photo"):
        read_photo_request(request, model_info)


def test_seeds_follow_from_the_seed() -> None:
    seeds = read_seeds({"seed": 3})
    assert len(set(seeds)) == 4
    assert seeds == read_seeds({"seed": 3, "count": 4}) == read_seeds({"seed": 3, "count": 8})[:4]
    assert seeds != read_seeds({"seed": 4})
    assert read_seeds({"seeds": [5, 6]}) == [5, 6]


@pytest.mark.parametrize(
    "bad", [{"count": 0}, {"count": 9}, {"count": 2.0}, {"seeds": []}, {"seeds": [-1]}, {"seeds": "12"}]
)
def test_bad_counts_and_seeds(bad: dict) -> None:
    with pytest.raises(ValueError, match="count must|seeds must|number of a look"):
        read_seeds(bad)


def test_values_are_shown_short() -> None:
    assert shown("a" * 100) == "'" + "a" * 36 + "..."
    assert "\n" not in shown("a\nb")
    nested: list = []
    nested.append(nested)
    assert shown(nested) == "[[...]]"
