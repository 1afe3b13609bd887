import math

import pytest
import torch

from dpsims_hub.labels import ClassSpec
from dpsims_hub.pipelines.latents import interpolate_latents, latents_by_class

SPEC = ClassSpec.load("camvid")


def test_quarter_circle_between_right_angles():
    east, north = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    expected = [[2 * math.cos(a), 2 * math.sin(a)] for a in (0, math.pi / 6, math.pi / 3, math.pi / 2)]
    torch.testing.assert_close(interpolate_latents(east, north, 4), torch.tensor(expected))


def test_length_of_normal_draws_is_kept_on_the_way():
    start, end = torch.randn(2, 3, 64, generator=torch.Generator().manual_seed(0))
    path = interpolate_latents(start, end, 9)
    assert path.shape == (9, 3, 64)
    torch.testing.assert_close(path[0], start)
    torch.testing.assert_close(path[-1], end)
    shortest = torch.minimum(start.norm(dim=-1), end.norm(dim=-1))
    assert (path.norm(dim=-1) > 0.9 * shortest).all()
    assert ((start + end) / 2).norm() < 0.85 * path[4].norm()


@pytest.mark.parametrize("factor", [1.0, 3.0, -1.0])
def test_parallel_latents_are_joined_by_a_line(factor):
    start = torch.tensor([0.6, -0.8, 1.0])
    path = interpolate_latents(start, factor * start, 3)
    torch.testing.assert_close(path, torch.stack([start, (1 + factor) / 2 * start, factor * start]))


def test_dtype_is_kept():
    assert interpolate_latents(torch.ones(2), torch.zeros(2), 2).dtype == torch.float32
    assert interpolate_latents(torch.ones(2).bfloat16(), torch.ones(2).bfloat16(), 2).dtype == torch.bfloat16


def test_bad_interpolations():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        interpolate_latents(torch.ones(2), torch.ones(3), 2)
    with pytest.raises(ValueError, match="at least 2"):
        interpolate_latents(torch.ones(2), torch.ones(2), 1)
    with pytest.raises(ValueError, match="give floats"):
        interpolate_latents(torch.ones(2), torch.ones(2, dtype=torch.long), 3)


def test_latents_by_class_number_regions_in_the_order_given():
    label_map = torch.tensor([[[0, 3, 255], [8, 8, 3]]])
    base, road, cars = torch.zeros(2, 4), torch.full((4,), 1.0), torch.arange(8.0).reshape(2, 4)
    regions, latents = latents_by_class(label_map, base, {"road": road, 8: cars}, SPEC)
    assert regions.tolist() == [[[0, 1, 0], [2, 2, 1]]]
    assert latents.shape == (2, 3, 4)
    for photo in range(2):
        torch.testing.assert_close(latents[photo], torch.stack([base[photo], road, cars[photo]]))
