from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics.functional.image.lpips as bundled
import torchvision
from torch.nn.functional import relu

from dpsims_hub.evaluation.local_weights import MissingWeightsError
from dpsims_hub.evaluation.lpips import FILE, LpipsMeasure

TAPS = (1, 4, 7, 9, 11)  # AlexNet's five activations


@pytest.fixture(scope="module")
def alexnet():
    torch.manual_seed(0)
    return torchvision.models.alexnet(weights=None).features.eval()


@pytest.fixture(scope="module")
def weights(alexnet, tmp_path_factory) -> Path:
    """Random weights as torchvision stores them, without the classifier, which nobody reads."""
    path = tmp_path_factory.mktemp("alexnet") / FILE
    torch.save({f"features.{name}": tensor for name, tensor in alexnet.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def lpips(weights) -> LpipsMeasure:
    return LpipsMeasure(weights)


def by_definition(alexnet: torch.nn.Module, first: np.ndarray, second: np.ndarray) -> float:
    """Zhang et al., equation 1: unit-length activations, weighted squared differences, mean over places."""
    heads = torch.load(Path(bundled.__file__).parent / "lpips_models" / "alex.pth", map_location="cpu")
    shift, scale = torch.tensor([[-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]])
    activations = []
    for photo in (first, second):
        x = (torch.tensor(photo / 127.5 - 1, dtype=torch.float32) - shift) / scale
        x, kept = x.permute(2, 0, 1)[None], []
        for number, layer in enumerate(alexnet[:-1]):  # nothing reads the last pooling
            x = relu(x) if isinstance(layer, torch.nn.ReLU) else layer(x)
            if number in TAPS:
                kept.append(x / x.square().sum(1, keepdim=True).sqrt().clamp(min=1e-10))
        activations.append(kept)
    total = 0.0
    for number, (a, b) in enumerate(zip(*activations, strict=True)):
        head = heads[f"lin{number}.model.1.weight"].flatten()
        total += float(((a - b).square()[0] * head[:, None, None]).sum(0).mean())
    return total


def test_equals_the_papers_formula(alexnet, lpips):
    random = np.random.default_rng(0)
    first, second = random.integers(0, 256, (2, 3, 40, 64, 3), np.uint8)
    with torch.no_grad():
        expected = [by_definition(alexnet, *pair) for pair in zip(first, second, strict=True)]
    found = lpips.distances(first, second)
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    assert found.dtype == np.float64


def test_equal_photos_and_small_ones(lpips):
    first, second = np.random.default_rng(1).integers(0, 256, (2, 2, 16, 24, 3), np.uint8)
    np.testing.assert_allclose(lpips.distances(first, first), 0, atol=1e-9)
    assert (lpips.distances(first, second) > 0).all()


def test_missing_and_wrong_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(MissingWeightsError, match=rf"LPIPS: not measured; fetch .*{FILE} .*--lpips-weights"):
        LpipsMeasure(None)
    torch.save({"features.0.weight": torch.ones(1)}, tmp_path / "bad.pth")
    with pytest.raises(ValueError, match=r"bad\.pth: these are not torchvision's AlexNet weights"):
        LpipsMeasure(tmp_path / "bad.pth")
