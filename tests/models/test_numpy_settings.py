"""Settings of the networks may be numbers of numpy; they are kept and saved as Python's."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from dpsims_hub.models import DPSIMSDiscriminator, DPSIMSGenerator
from tests.tiny import TINY

GENERATOR = {"num_classes": 3, "sample_size": (16, 24), "output_gain": 0.5, "noise_fields": 2, **TINY}
DISCRIMINATOR = {
    "num_classes": 3,
    "feature_channels": [4, 6],
    "feature_strides": [2, 4],
    "decoder_widths": (8, 6),
    "bounded_head": False,
}


def as_numpy(value):
    """Each number as one of numpy, none of them of the same width as Python's."""
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.uint16(value)
    if isinstance(value, float):
        return np.float16(value)  # the values above are exact in it
    return [as_numpy(entry) for entry in value]


@pytest.mark.parametrize(
    ("kind", "settings"), [(DPSIMSGenerator, GENERATOR), (DPSIMSDiscriminator, DISCRIMINATOR)]
)
def test_a_network_of_numpys_numbers_is_the_same_network(tmp_path, kind, settings):
    torch.manual_seed(0)
    expected = kind(**settings)
    torch.manual_seed(0)
    given = kind(**{name: as_numpy(value) for name, value in settings.items()})
    for name, tensor in expected.state_dict().items():
        assert torch.equal(given.state_dict()[name], tensor)
    given.save_pretrained(tmp_path / "network")
    stored = json.loads((tmp_path / "network" / "config.json").read_text())
    for name, value in settings.items():
        assert stored[name] == (list(value) if isinstance(value, tuple) else value)
    loaded = kind.from_pretrained(tmp_path / "network", num_classes=np.int64(3))
    assert type(loaded.config.num_classes) is int


def test_an_array_is_a_list():
    network = DPSIMSGenerator(**{**GENERATOR, "image_widths": np.array(TINY["image_widths"])})
    assert network.config.image_widths == list(TINY["image_widths"])


@pytest.mark.parametrize("value", [np.bool_(True), np.float64(3), np.int64(0)])
def test_what_is_no_number_of_classes_is_none_in_numpy_either(value):
    with pytest.raises(ValueError, match="num_classes=.* must be a whole number from 1"):
        DPSIMSGenerator(**{**GENERATOR, "num_classes": value})
