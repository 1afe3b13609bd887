import numpy as np
import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchmetrics.image.fid import FrechetInceptionDistance

from dpsims_hub.evaluation.inception import FILE, InceptionMeasure
from dpsims_hub.evaluation.local_weights import MissingWeightsError


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of the Inception of FID."""
    folder = tmp_path_factory.mktemp("torch") / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, tensors: None)
        patch.setattr(torch, "load", lambda *args, **kwargs: {})
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], "none")
    torch.save(network.state_dict(), folder / FILE)
    return folder / FILE


def test_vectors_have_the_moments_that_torchmetrics_fid_is_made_of(weights):
    photos = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3), np.uint8)
    metric = FrechetInceptionDistance(feature=2048, feature_extractor_weights_path=str(weights))
    metric.update(torch.from_numpy(photos).permute(0, 3, 1, 2), real=True)
    inception = InceptionMeasure(weights)
    vectors = inception.vectors(photos).astype(np.float64)
    assert vectors.shape == (2, 2048)
    np.testing.assert_allclose(vectors.sum(axis=0), metric.real_features_sum, rtol=2e-3)
    some = slice(None, None, 32)
    expected = metric.real_features_cov_sum[some, some]
    np.testing.assert_allclose(vectors[:, some].T @ vectors[:, some], expected, rtol=2e-3)
    assert not np.allclose(*vectors, rtol=1e-2, atol=0)  # the photos do differ
    assert inception.description["weights"] == FILE


def test_found_in_the_cache(weights, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(weights.parents[1]))
    photos = np.zeros((1, 8, 8, 3), np.uint8)
    assert InceptionMeasure(None).vectors(photos).shape == (1, 2048)


def test_missing_weights_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(
        MissingWeightsError, match=rf"FID and KID: not measured; fetch .*{FILE} .*--inception"
    ):
        InceptionMeasure(None)
    with pytest.raises(FileNotFoundError, match=r"--inception-weights .*none\.pth: no such file"):
        InceptionMeasure(tmp_path / "none.pth")


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("content", ["text", "other tensors", "list", "code"])
def test_bad_weights_are_refused_and_never_run(tmp_path, content):
    path = tmp_path / "bad.pth"
    if content == "text":
        path.write_text("no weights")
    else:
        things = {"other tensors": {"w": torch.ones(2)}, "list": [1], "code": {"w": Evil(tmp_path / "ran")}}
        torch.save(things[content], path)
    with pytest.raises(ValueError, match=r"bad\.pth: "):
        InceptionMeasure(path)
    assert not (tmp_path / "ran").exists()
