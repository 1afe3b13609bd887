"""The frozen pre-trained image backbone: images in, a list of feature maps out.

Any timm model with feature maps serves. It is a plain module, kept out of the discriminator and of every
checkpoint: its weights belong to their publishers and are found again by name or by file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import timm
import torch
from torch import Tensor, nn


class PretrainedBackbone(nn.Module):
    """A timm backbone as frozen feature extractor: always in eval mode, gradients reach only the image.

    Args:
        name: timm model name, such as "convnext_large.fb_in22k" or "mobilenetv2_100".
        weights: a local .safetensors file; "pretrained" for timm's own weights of that name (from the Hub or
            its cache); None for random weights.
        image_size: (H, W) in pixels, for backbones of fixed input size (Swin, ViT).
        out_indices: which of the backbone's feature maps to use; None for all.
        mean: per-channel mean of the backbone's inputs in [0, 1]; None reads timm's own.
        std: per-channel standard deviation, likewise.
        model_kwargs: further arguments of `timm.create_model`, such as `{"pad_type": "same"}`.

    Raises:
        ValueError: timm does not know the name, or the model has no feature maps.
        FileNotFoundError: the weights file does not exist.
    """

    def __init__(
        self,
        name: str,
        weights: str | Path | None = "pretrained",
        image_size: Sequence[int] | None = None,
        out_indices: Sequence[int] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        model_kwargs: dict | None = None,
    ) -> None:
        super().__init__()
        if not timm.is_model(name.split(".")[0]) and ":" not in name:
            raise ValueError(f"backbone: timm has no model named {name!r}; see timm.list_models().")
        options = dict(model_kwargs or {})
        if out_indices is not None:
            options["out_indices"] = tuple(out_indices)
        if weights not in (None, "pretrained"):
            if not Path(weights).is_file():
                raise FileNotFoundError(f"backbone weights: no such file: {weights}")
            options["pretrained_cfg_overlay"] = {"file": str(weights)}
        if image_size is not None and name.startswith(("swin", "vit", "deit")):
            options["img_size"] = tuple(image_size)
        try:
            # With pretrained=False timm ignores a given file without a word.
            self.network = timm.create_model(name, pretrained=weights is not None, features_only=True, **options)
        except (AttributeError, RuntimeError, NotImplementedError) as error:
            raise ValueError(f"backbone: {name!r} gives no usable feature maps: {error}") from error
        self.name = name
        self.channels: list[int] = list(self.network.feature_info.channels())
        self.strides: list[int] = list(self.network.feature_info.reduction())
        config = self.network.pretrained_cfg
        for key, given in (("mean", mean), ("std", std)):
            value = torch.tensor(given or config[key], dtype=torch.float32).view(1, -1, 1, 1)
            self.register_buffer(key, value, persistent=False)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> PretrainedBackbone:
        """Stay in eval mode whatever is asked: frozen statistics, no drop-path."""
        return super().train(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps, fine to coarse.

        Args:
            images: (B, 3, H, W) in [-1, 1].

        Returns:
            Tensors (B, C_l, H / stride_l, W / stride_l), NCHW whatever the backbone's own layout.
        """
        normalized = ((images + 1) / 2 - self.mean) / self.std
        features = self.network(normalized)
        return [self._as_nchw(f, c) for f, c in zip(features, self.channels, strict=True)]

    @staticmethod
    def _as_nchw(feature: Tensor, channels: int) -> Tensor:
        nhwc = feature.shape[-1] == channels and feature.shape[1] != channels
        return feature.permute(0, 3, 1, 2) if nhwc else feature
