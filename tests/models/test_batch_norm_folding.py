import pytest
import torch
from torch import Tensor, nn

from dpsims_hub.models import PretrainedBackbone
from dpsims_hub.models.batch_norm_folding import fold_batch_norms


def backbone_of(name: str) -> PretrainedBackbone:
    """In float64, with statistics, gains and offsets that are not those of an untrained network."""
    torch.manual_seed(0)
    backbone = PretrainedBackbone(name, weights=None).double()
    for layer in backbone.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.3)
            layer.running_var.uniform_(0.5, 2)
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.normal_(std=0.3)
    return backbone


def look(backbone: PretrainedBackbone) -> tuple[list[Tensor], Tensor]:
    """Features of an image, and the image's gradient."""
    image = torch.rand(1, 3, 64, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    image.requires_grad_(True)
    features = backbone(image)
    sum((k + 1) * feature.square().mean() for k, feature in enumerate(features)).backward()
    return [feature.detach() for feature in features], image.grad


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "mobilenetv2_100", "test_resnet"])
def test_features_and_gradient_stay(name):
    backbone = backbone_of(name)
    count = sum(isinstance(layer, nn.BatchNorm2d) for layer in backbone.modules())
    features, gradient = look(backbone)
    assert backbone.fold_batch_norms() == count > 10
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    new_features, new_gradient = look(backbone)
    for new, old in zip(new_features, features, strict=True):
        torch.testing.assert_close(new, old, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(new_gradient, gradient, rtol=1e-7, atol=1e-12)
    assert backbone.fold_batch_norms() == 0


class OutOfOrder(nn.Module):
    """Uses its norm before its convolution, although it is registered after it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.norm.running_mean.fill_(0.5)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.convolution(self.norm(images)).relu()]


def test_a_network_of_another_order_stays_as_it_was():
    torch.manual_seed(0)
    network = OutOfOrder().eval()
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    assert fold_batch_norms(network) == 0
    assert list(weights) == list(network.state_dict())
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_a_network_without_batch_norms():
    assert PretrainedBackbone("convnext_atto", weights=None).fold_batch_norms() == 0
