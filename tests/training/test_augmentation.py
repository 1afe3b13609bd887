"""Augmentation of what the discriminator sees, against loops over pixels."""

from __future__ import annotations

import pytest
import torch

from dpsims_hub.training.augmentation import NUM_DRAWS, Augmentation
from dpsims_hub.training.choices import AUGMENTATIONS
from dpsims_hub.training.config import TrainConfig

HEIGHT, WIDTH = 16, 24
NEVER, ALWAYS = 0.99, 0.0  # draws that decide whether a change happens, with a probability of a half


def images(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0)) * 2 - 1


def draws(*rows: dict[int, float]) -> torch.Tensor:
    """Nothing happens, but for the given numbers by their place."""
    numbers = torch.full((len(rows), NUM_DRAWS), 0.5)
    numbers[:, :3] = NEVER
    for row, given in zip(numbers, rows, strict=True):
        for place, value in given.items():
            row[place] = value
    return numbers


def test_nothing_happens_where_the_draws_say_so():
    augment = Augmentation(AUGMENTATIONS, 0.5)
    still = draws({}, {})
    assert torch.allclose(augment.images(images(), still), images(), atol=1e-6)
    label_map = torch.randint(0, 5, (2, HEIGHT, WIDTH))
    assert torch.equal(augment.label_map(label_map, still, 255), label_map)
    assert augment.visible((HEIGHT, WIDTH), still).all()


def test_a_probability_is_how_often_a_change_happens():
    numbers = torch.rand(4000, NUM_DRAWS, generator=torch.Generator().manual_seed(1))
    cut = ~Augmentation(("cutout",), 0.3).visible((4, 4), numbers)
    assert 0.25 < float(cut.flatten(1).any(1).float().mean()) < 0.3  # a cut may lie outside
    assert not (~Augmentation(("cutout",), 0.0).visible((4, 4), numbers)).any()


@pytest.mark.parametrize(("down", "right"), [(2, -3), (-2, 3), (0, 1)])
def test_a_shift_moves_photo_and_map_alike_and_leaves_unknown_places(down, right):
    reach = (HEIGHT / 8, WIDTH / 8)
    places = [(shift + r + 0.5) / (2 * r + 1) for shift, r in zip((down, right), reach, strict=True)]
    shift = draws({}, {1: ALWAYS, 6: places[0], 7: places[1]})
    augment = Augmentation(("translation",), 0.5)
    label_map = torch.randint(0, 5, (2, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(2))
    moved, ids = augment.images(images(), shift), augment.label_map(label_map, shift, 255)
    visible = augment.visible((HEIGHT, WIDTH), shift)
    assert torch.equal(moved[0], images()[0])
    for y in range(HEIGHT):
        for x in range(WIDTH):
            inside = 0 <= y - down < HEIGHT and 0 <= x - right < WIDTH
            pixel = images()[1, :, y - down, x - right] if inside else torch.zeros(3)
            assert torch.equal(moved[1, :, y, x], pixel)
            assert int(ids[1, y, x]) == (int(label_map[1, y - down, x - right]) if inside else 255)
            assert bool(visible[1, y, x]) == inside


def test_a_cut_is_half_as_high_and_wide_and_unknown():
    cut = draws({2: ALWAYS, 8: 0.5, 9: 0.5})
    augment = Augmentation(("cutout",), 0.5)
    visible = augment.visible((HEIGHT, WIDTH), cut)[0]
    rows, columns = (~visible).nonzero(as_tuple=True)
    assert (int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1) == (8, 12)
    assert len(rows) == 8 * 12
    photo = augment.images(images(1), cut)[0]
    assert torch.equal(photo, images(1)[0] * visible)
    ids = augment.label_map(torch.ones(1, HEIGHT, WIDTH, dtype=torch.long), cut, 255)[0]
    assert torch.equal(ids == 255, ~visible)


def test_colours_change_as_diffaugment_does_it():
    brightness, saturation, contrast = 0.9, 0.1, 0.3
    made = Augmentation(("color",), 0.5).images(
        images(1), draws({0: ALWAYS, 3: brightness, 4: saturation, 5: contrast})
    )
    photo = [[[float(v) + brightness - 0.5 for v in row] for row in plane] for plane in images(1)[0]]
    for y in range(HEIGHT):
        for x in range(WIDTH):
            grey = sum(photo[c][y][x] for c in range(3)) / 3
            for c in range(3):
                photo[c][y][x] = grey + 2 * saturation * (photo[c][y][x] - grey)
    mean = sum(v for plane in photo for row in plane for v in row) / (3 * HEIGHT * WIDTH)
    expected = torch.tensor(photo).sub(mean).mul(contrast + 0.5).add(mean)
    torch.testing.assert_close(made[0], expected, atol=1e-5, rtol=0)


def test_gradients_reach_the_image_through_every_change():
    photo = images(1).requires_grad_()
    happening = draws({0: ALWAYS, 1: ALWAYS, 2: ALWAYS, 6: 0.9, 7: 0.1, 8: 0.5, 9: 0.5})
    augment = Augmentation(AUGMENTATIONS, 0.5)
    augment.images(photo, happening).square().sum().backward()
    assert torch.isfinite(photo.grad).all()
    assert (photo.grad != 0).any()


def test_an_unknown_change_is_refused():
    with pytest.raises(ValueError, match="--augmentation: blur is not among color, translation, cutout"):
        TrainConfig(augmentation="color,blur")
