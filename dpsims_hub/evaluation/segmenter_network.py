"""A small segmenter: UPerNet (Xiao et al. 2018) of transformers over a timm backbone.

Our choice: it can be loaded with transformers alone, and its pyramid pooling and lateral connections suit
scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dpsims_hub.labels import ClassSpec
from dpsims_hub.models import PretrainedBackbone
from dpsims_hub.models.unused_blocks import drop_unused_blocks
from dpsims_hub.processes.missing_package import require_packages
from dpsims_hub.storage.error_text import one_line

FINEST_STRIDE = 4
"""Finer feature maps are left out: they are the most expensive, and UPerNet's logits are resized anyway."""


def new_segmenter(
    spec: ClassSpec,
    backbone: PretrainedBackbone,
    size: Sequence[int],
    width: int = 128,
    coarsest_stride: int = 32,
) -> tuple[torch.nn.Module, Any]:
    """A segmenter with the backbone's weights and a random head, and its image processor.

    The saved files contain the backbone's name, but no further timm arguments (such as
    `{"pad_type": "same"}`). So the backbone is the one that timm makes from the name alone.

    Args:
        spec: its classes; its output channels are in the order of their ids.
        backbone: for the initial weights, mean and standard deviation.
        size: (height, width) in pixels that every photo is resized to.
        width: channels of the head.
        coarsest_stride: the backbone's layers beyond it, with most of its weights, are left out.

    Returns:
        A trainable `UperNetForSemanticSegmentation` and a `SegformerImageProcessor`.

    Raises:
        ModuleNotFoundError: transformers is not installed.
        ValueError: transformers cannot use this backbone, or no stride is left.
    """
    require_packages("transformers")
    import transformers

    wanted = range(FINEST_STRIDE, coarsest_stride + 1)
    indices = [index for index, stride in enumerate(backbone.strides) if stride in wanted]
    if not indices:
        has = list(backbone.strides)
        raise ValueError(f"--coarsest-stride {coarsest_stride}: {backbone.name} has strides {has}.")
    config = transformers.UperNetConfig(
        backbone_config=transformers.TimmBackboneConfig(backbone=backbone.name, out_indices=indices),
        hidden_size=width,
        use_auxiliary_head=False,
        loss_ignore_index=spec.ignore_index,
        id2label=dict(enumerate(spec.names)),
        label2id={name: number for number, name in enumerate(spec.names)},
    )
    model = transformers.UperNetForSemanticSegmentation(config)
    drop_unused_blocks(model)
    try:
        inner, known = model.backbone._backbone, backbone.network.state_dict()
        inner.load_state_dict({name: known[name] for name in inner.state_dict()})
        with torch.no_grad():
            model.eval()(torch.zeros(1, 3, *size))
    except (RuntimeError, AssertionError, KeyError, ValueError) as error:
        raise ValueError(
            f"--backbone {backbone.name}: transformers cannot make a segmenter of it at "
            f"{size[1]}x{size[0]} px ({one_line(error, 250)}); take a convolutional one, such as "
            "resnet50.a1_in1k."
        ) from error
    processor = transformers.SegformerImageProcessor(
        size={"height": int(size[0]), "width": int(size[1])},
        image_mean=backbone.mean.flatten().tolist(),
        image_std=backbone.std.flatten().tolist(),
    )
    return model.train(), processor


def save_segmenter(model: torch.nn.Module, processor: Any, folder: Path, half: bool = False) -> None:
    """Writes a folder for `transformers.AutoModelForSemanticSegmentation.from_pretrained`.

    Model and processor are those of `new_segmenter`; `half` converts the weights to float16, in place.
    """
    if half:
        model.half()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)  # safetensors makes files that only the owner can read
