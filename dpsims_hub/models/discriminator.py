"""The DP-SIMS discriminator: a UNet whose encoder is a frozen backbone and whose decoder is trained.

It labels every pixel of a real image with one of N classes, and every pixel of a generated image with "fake".
It reads the features of a separate `PretrainedBackbone`, or with `image_encoder_widths` those of OASIS's own
trained encoder.

In docs/paper_to_code.md: the rows "The discriminator is a UNet", "It gives every real pixel its class", "The
decoder reads features at several strides" and "Decoder blocks as OASIS's".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as apply_spectral_norm

from dpsims_hub.models.feature_conditioning import Conditioning, FeatureConditioning
from dpsims_hub.models.initialization import xavier_
from dpsims_hub.models.precision import without_autocast
from dpsims_hub.models.upsampling import upsample, upsampled_convolution
from dpsims_hub.storage.loading import CheckedModel
from dpsims_hub.storage.setting_checks import check_types_and_ranges


def _convolution(in_channels: int, out_channels: int, kernel_size: int, spectral_norm: bool) -> nn.Module:
    layer = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
    return apply_spectral_norm(layer) if spectral_norm else layer


def _scaled(layer: nn.Conv2d, features: Tensor, share: float) -> Tensor:
    """The layer's result times `share`; the weights are scaled, because they are fewer than the results."""
    return F.conv2d(features, share * layer.weight, share * layer.bias, padding=layer.padding)


class ResidualResize(nn.Module):
    """OASIS's residual block: LeakyReLU, resizing, 3x3 convolution; LeakyReLU, 3x3 convolution; shortcut.

    The shortcut has a 1x1 convolution if channels differ. The block resizes "up" (nearest neighbour, 2x) or
    "down" (average of 2x2). `halved` takes the mean of the branches instead of OASIS's sum, which keeps a
    Lipschitz constant of 1. `first` omits the first activation, for an image as input.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        resize: Literal["up", "down"],
        spectral_norm: bool,
        halved: bool = False,
        first: bool = False,
    ) -> None:
        super().__init__()
        self.resize = resize
        self.share = 0.5 if halved else 1.0
        self.first = first
        self.convolution_0 = _convolution(in_channels, out_channels, 3, spectral_norm)
        self.convolution_1 = _convolution(out_channels, out_channels, 3, spectral_norm)
        self.shortcut = None
        if in_channels != out_channels:
            self.shortcut = _convolution(in_channels, out_channels, 1, spectral_norm)

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, 2H or H/2, 2W or W/2)."""
        # A 1x1 convolution commutes with both resizings, so it runs at the smaller size.
        hidden = features if self.first else F.leaky_relu(features, 0.2)
        if self.resize == "up":
            shortcut = features if self.shortcut is None else self.shortcut(features)
            hidden = upsampled_convolution(hidden, self.convolution_0)
            hidden = _scaled(self.convolution_1, F.leaky_relu(hidden, 0.2), self.share)
            return upsample(self.share * shortcut, "nearest") + hidden
        shortcut = F.avg_pool2d(features, 2)
        shortcut = shortcut if self.shortcut is None else self.shortcut(shortcut)
        hidden = self.convolution_1(F.leaky_relu(self.convolution_0(hidden), 0.2))
        return (self.share * shortcut).add(F.avg_pool2d(hidden, 2), alpha=self.share)


class DPSIMSDiscriminator(CheckedModel):
    """Per-pixel (N + 1)-class discriminator over backbone features.

    Args:
        num_classes: N, without the ignored one.
        feature_channels: channels of each feature map, fine to coarse (`PretrainedBackbone.channels`).
        feature_strides: their strides in pixels (`PretrainedBackbone.strides`).
        decoder_widths: channels of the decoder's blocks, coarse to fine; each block doubles the resolution.
            To reach full resolution the last width is repeated, or the list is cut.
        feature_conditioning: see FeatureConditioning.
        spectral_norm: on every trained convolution except the last, see `bounded_head`.
        bounded_blocks: with a backbone, the mean instead of the sum of a residual block's branches.
        bounded_head: with a backbone, spectral norm on the last convolution too. Backbone features are large
            and separate real from fake at once. Both bounds limit the logits and so the generator's gradient
            (our choice; OASIS's discriminator has neither).
        head_activation: with a backbone, LeakyReLU before the last convolution (our choice, not OASIS's).
        initialization: "torch" (that of nn.Conv2d; our choice) or "xavier" (OASIS).
        image_encoder_widths: channels of the blocks of OASIS's own encoder, each of which halves the
            resolution. The discriminator then reads images, and `feature_channels` and `feature_strides`
            must be empty.

    Raises:
        ValueError: a setting is out of range, neither or both kinds of input are described, or the numbers of
            channels and strides differ.
    """

    @register_to_config
    def __init__(
        self,
        num_classes: int,
        feature_channels: Sequence[int] = (),
        feature_strides: Sequence[int] = (),
        decoder_widths: Sequence[int] = (512, 256, 256, 128, 64),
        feature_conditioning: Conditioning = "sigmoid_batchnorm",
        spectral_norm: bool = True,
        image_encoder_widths: Sequence[int] = (),
        bounded_blocks: bool = True,
        bounded_head: bool = True,
        head_activation: bool = True,
        initialization: Literal["torch", "xavier"] = "torch",
    ) -> None:
        super().__init__()
        check_types_and_ranges(self.config, type(self).__init__, "DPSIMSDiscriminator")
        described = bool(feature_channels) != bool(image_encoder_widths)
        if not described or len(feature_channels) != len(feature_strides):
            raise ValueError(
                "DPSIMSDiscriminator: give either feature_channels and as many feature_strides (a backbone) "
                "or image_encoder_widths (its own encoder)."
            )
        self.image_encoder = None
        if image_encoder_widths:
            inputs = [3, *image_encoder_widths[:-1]]
            self.image_encoder = nn.ModuleList(
                ResidualResize(a, b, "down", spectral_norm, first=i == 0)
                for i, (a, b) in enumerate(zip(inputs, image_encoder_widths, strict=True))
            )
            feature_channels = list(image_encoder_widths)
            feature_strides = [2 ** (i + 1) for i in range(len(image_encoder_widths))]
            feature_conditioning = "none"
        self.conditioning = FeatureConditioning(feature_channels, feature_conditioning)
        self.levels = _group_by_resolution(feature_strides)
        channels = [sum(self.conditioning.out_channels[i] for i in level) for level in self.levels]
        num_blocks = len(channels) + max(0, round(math.log2(min(feature_strides))) - 1)
        widths = (list(decoder_widths) + [decoder_widths[-1]] * num_blocks)[:num_blocks]
        over_backbone = not image_encoder_widths
        halved = bounded_blocks and over_backbone
        self.head_activation = head_activation and over_backbone
        self.decoder = nn.ModuleList()
        hidden = 0
        for i, width in enumerate(widths):
            skip = channels[i] if i < len(channels) else 0
            self.decoder.append(ResidualResize(hidden + skip, width, "up", spectral_norm, halved))
            hidden = width
        self.head = _convolution(hidden, num_classes + 1, 1, spectral_norm and bounded_head and over_backbone)
        if initialization == "xavier":
            xavier_(self)

    def forward(self, inputs: Sequence[Tensor] | Tensor, image_size: Sequence[int]) -> Tensor:
        """Label every pixel.

        Args:
            inputs: backbone features, fine to coarse; images (B, 3, H, W) if it has its own encoder.
            image_size: (H, W) of the logits, in pixels.

        Returns:
            (B, N + 1, H, W) logits; channel 0 is "fake", channel c + 1 is class c.

        Raises:
            ValueError: the number of feature maps is wrong.
        """
        # Fine to coarse (B, C_l, H_l, W_l), with H_l about H / stride_l.
        features = self._encode(inputs) if self.image_encoder is not None else inputs
        expected = len(self.conditioning.out_channels)
        if len(features) != expected:
            raise ValueError(f"DPSIMSDiscriminator: expected {expected} feature maps, got {len(features)}.")
        with without_autocast(features[0].device.type):
            conditioned = self.conditioning([feature.float() for feature in features])
            # (B, C'_l, H_l, W_l), with C'_l = C_l except for the method "projected"
            features = [new.to(old.dtype) for new, old in zip(conditioned, features, strict=True)]
        hidden = None
        for i, block in enumerate(self.decoder):  # coarse to fine
            if i < len(self.levels):  # the last blocks are finer than all features
                skips = [features[k] for k in self.levels[i]]  # one, or more of one resolution
                if hidden is not None:  # under autocast its precision is lower
                    skips = [_fit(hidden, skips[0].shape[2:]), *(skip.to(hidden.dtype) for skip in skips)]
                hidden = torch.cat(skips, dim=1)  # (B, widths[i - 1] + C'_l, H_l, W_l)
            hidden = block(hidden)  # (B, widths[i], 2 H_l, 2 W_l)
        if self.head_activation:
            hidden = F.leaky_relu(hidden, 0.2)
        with without_autocast(hidden.device.type):  # the head runs in its weights' precision
            hidden = _fit(hidden.to(self.head.bias.dtype), image_size)  # (B, widths[-1], H, W)
            return self.head(hidden).float()  # (B, N + 1, H, W)

    def _encode(self, images: Tensor) -> list[Tensor]:
        features = [self.image_encoder[0](images)]
        for block in self.image_encoder[1:]:
            features.append(block(features[-1]))
        return features


def _group_by_resolution(strides: Sequence[int]) -> list[list[int]]:
    """Indices of the feature maps at each resolution, coarse to fine (all maps of a ViT have the same)."""
    coarse_to_fine = sorted(set(strides), reverse=True)
    return [[i for i, s in enumerate(strides) if s == stride] for stride in coarse_to_fine]


def _fit(features: Tensor, size: Sequence[int]) -> Tensor:
    """Resize if the size differs, because of odd sizes or strides that are not powers of two."""
    if tuple(features.shape[2:]) == tuple(size):
        return features
    return F.interpolate(features, size=tuple(size), mode="bilinear", align_corners=False)
