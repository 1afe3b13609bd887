"""What a backbone sees in photos: its feature maps, and one pooled vector per photo."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dpsims_hub.models import PretrainedBackbone

POOLING = "global average of each feature map, concatenated fine to coarse"
TIMM_LOADER = "timm.models._builder"


def load_backbone(
    name: str,
    weights: str | Path = "pretrained",
    *,
    image_size: Sequence[int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    model_kwargs: dict | None = None,
) -> PretrainedBackbone:
    """Loads a backbone, and refuses weights that leave any part of it random.

    Timm tells of tensors that it does not find only in a log message below its warnings, and distances
    between features that are random in part look like any others.

    Args:
        name: timm model name.
        weights: a local .safetensors file, or "pretrained" for timm's own weights of that name.
        image_size: (H, W) in pixels, for backbones of fixed input size.
        mean: per-channel mean of the backbone's inputs in [0, 1]; None reads timm's own.
        std: per-channel standard deviation, likewise.
        model_kwargs: further arguments of `timm.create_model`.

    Raises:
        FileNotFoundError: there is no such file, or timm's own weights cannot be fetched.
        ValueError: timm does not know the name or an argument, or the weights are damaged or incomplete.
    """
    with _messages_of(TIMM_LOADER) as messages:
        backbone = PretrainedBackbone(
            name, weights, image_size=image_size, mean=mean, std=std, model_kwargs=model_kwargs
        )
    missing = _missing_tensors(messages, backbone.network)
    if missing:
        raise ValueError(
            f"backbone weights: {weights} lacks {len(missing)} tensors of {name}, first {missing[0]}; "
            "give the weights of this very architecture."
        )
    return backbone


@torch.no_grad()
def feature_maps(backbone: PretrainedBackbone, photos: np.ndarray) -> list[Tensor]:
    """The backbone's feature maps, fine to coarse, each (B, C, h, w), of photos (B, H, W, 3) uint8."""
    pixels = torch.from_numpy(np.ascontiguousarray(photos)).to(backbone.mean.device)
    return backbone(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)


def pooled(maps: Sequence[Tensor]) -> np.ndarray:
    """One vector per photo: the global average of each feature map, concatenated, (B, D) float64.

    Our choice: coarse maps say what is there, fine ones of what texture; every map counts by its channels.
    """
    return torch.cat([one.double().mean((2, 3)) for one in maps], dim=1).cpu().numpy()


def _missing_tensors(messages: Sequence[str], network: nn.Module) -> list[str]:
    """Names in timm's message about missing tensors, without those that feature maps do not need.

    The message uses the names of the whole model; the feature extractor writes "stages_0.x" for "stages.0.x",
    or puts the model one level deeper.
    """
    used = {name.removeprefix("model.").replace(".", "_") for name in network.state_dict()}
    listed = [text for text in messages if text.startswith("Missing keys (")]
    names = [name for text in listed for name in text[text.index("(") + 1 : text.index(")")].split(", ")]
    return [name for name in names if name.replace(".", "_") in used]


@contextmanager
def _messages_of(logger_name: str) -> Iterator[list[str]]:
    """Collects what a library logs from level INFO on, and keeps it off the screen."""
    texts: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: texts.append(record.getMessage())
    logger = logging.getLogger(logger_name)
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield texts
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
