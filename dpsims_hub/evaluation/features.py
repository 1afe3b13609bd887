"""What a backbone sees in photos: its feature maps, and one pooled vector per photo."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

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
    """Loads a backbone, and refuses weights that leave a part of it random.

    Timm tells of tensors that a file lacks only in a log message that nobody sees; distances between random
    features look like any others.

    Args:
        name: timm model name.
        weights: a local weight file, or "pretrained" for timm's own weights of that name.
        image_size: (H, W) in pixels, for backbones of fixed input size.
        mean: per-channel mean of the backbone's inputs in [0, 1]; None reads timm's own.
        std: per-channel standard deviation, likewise.
        model_kwargs: further arguments of `timm.create_model`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: timm does not know the name or an argument, or the weights are damaged or incomplete.
    """
    with _messages_of(TIMM_LOADER) as messages:
        try:
            backbone = PretrainedBackbone(
                name, weights, image_size=image_size, mean=mean, std=std, model_kwargs=model_kwargs
            )
        except TypeError as error:
            raise ValueError(f"backbone: {name} does not take {model_kwargs} ({error}).") from error
        except (SafetensorError, UnpicklingError, EOFError) as error:
            raise ValueError(f"backbone weights: {weights} is damaged or no weights ({error}).") from error
    missing = next((text for text in messages if text.startswith("Missing keys")), None)
    if missing:
        names = missing[missing.index("(") + 1 : missing.index(")")].split(", ")
        raise ValueError(
            f"backbone weights: {weights} lacks {len(names)} tensors of {name}, first {names[0]}; "
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
