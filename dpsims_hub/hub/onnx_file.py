"""The generator as an ONNX file, for runtimes without PyTorch.

Inputs are `label_map` (B, H, W) int64 ids, `latents` (B, latent_dim) float32 and, for networks that use them,
`instance_offsets` (B, 2, H, W) float32. The output `photos` is (B, 3, H, W) float32 in [-1, 1]. B, H and W
are free; H and W must be multiples of the stride. One-hot planes are computed inside the graph: as an input,
150 planes of a photo's size would be too large.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dpsims_hub.labels import ClassSpec
from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.processes.missing_package import require_packages
from dpsims_hub.storage.stored_settings import own_settings

FILE = "onnx/generator.onnx"
OPSET = 18
TOLERANCE = 1e-3
PACKAGES = ("onnx", "onnxruntime")


def write_onnx(generator: DPSIMSGenerator, spec: ClassSpec, path: Path) -> float:
    """Write the file, and test it with onnxruntime at two sizes and batch sizes.

    Its metadata holds the stride, the id of unknown pixels and the class names. The generator must be in
    float32, in evaluation mode, with spectral norm folded in.

    Returns:
        The largest absolute difference from PyTorch's photos, which lie in [-1, 1].

    Raises:
        ModuleNotFoundError: one of `PACKAGES` is missing.
        ValueError: the difference is not below `TOLERANCE`.
        OSError: the file cannot be written.
    """
    require_packages(*PACKAGES)
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns about every check of a size
        _trace(PlainGenerator(generator), path)
    _describe(generator, spec, path)
    height, width = generator.config.sample_size
    sizes = ((1, height, width), (2, 2 * generator.stride, 3 * generator.stride))
    difference = max(_difference(generator, path, *size) for size in sizes)
    if not difference < TOLERANCE:
        raise ValueError(f"{path}: its photos differ from PyTorch's by {difference:.2g}; do not publish it.")
    return difference


class PlainGenerator(nn.Module):
    """A copy of a generator with plain convolutions on one-hot planes; tensors in, one tensor out."""

    def __init__(self, generator: DPSIMSGenerator) -> None:
        super().__init__()
        settings = {**own_settings(generator.config), "label_convolution": "plain"}
        self.plain = DPSIMSGenerator(**settings).eval()
        self.plain.load_state_dict(generator.state_dict())

    def forward(self, label_map: Tensor, latents: Tensor, instance_offsets: Tensor | None = None) -> Tensor:
        """Photos (B, 3, H, W) of maps (B, H, W), one for each latent (B, latent_dim)."""
        return self.plain(label_map, latents, None, instance_offsets, return_dict=False)[0]


def some_inputs(
    generator: DPSIMSGenerator, count: int, height: int, width: int, seed: int = 0
) -> dict[str, Tensor]:
    """Random inputs by their names in the file; the maps hold ids of all classes and of unknown pixels."""
    random, config = torch.Generator().manual_seed(seed), generator.config
    ids = torch.randint(0, config.num_classes + 1, (count, height, width), generator=random)
    inputs = {
        "label_map": ids.where(ids < config.num_classes, config.ignore_index),
        "latents": torch.randn(count, config.latent_dim, generator=random),
    }
    if config.use_instance_offsets:
        inputs["instance_offsets"] = torch.randn(count, 2, height, width, generator=random)
    return inputs


def _trace(module: PlainGenerator, path: Path) -> None:
    """Write the file with PyTorch's tracing exporter, which takes the results of checks as constants."""
    inputs = some_inputs(module.plain, 2, 2 * module.plain.stride, 3 * module.plain.stride)
    sizes = {0: "batch", 1: "height", 2: "width"}
    axes = {"label_map": sizes, "latents": {0: "batch"}, "photos": {0: "batch", 2: "height", 3: "width"}}
    axes |= {"instance_offsets": axes["photos"]} if "instance_offsets" in inputs else {}
    torch.onnx.export(
        module,
        tuple(inputs.values()),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=list(inputs),
        output_names=["photos"],
        dynamic_axes=axes,
    )


def _describe(generator: DPSIMSGenerator, spec: ClassSpec, path: Path) -> None:
    """Write the metadata into the file, and check the file."""
    import onnx

    model = onnx.load(path)
    facts = {
        "stride": str(generator.stride),
        "ignore_index": str(generator.config.ignore_index),
        "classes": json.dumps(spec.names),
    }
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _difference(generator: DPSIMSGenerator, path: Path, count: int, height: int, width: int) -> float:
    import onnxruntime

    inputs = some_inputs(generator, count, height, width, seed=1)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    fed = {item.name: inputs[item.name].numpy() for item in session.get_inputs()}
    (photos,) = session.run(None, fed)
    with torch.no_grad():
        expected = generator(**inputs).sample.numpy()
    return float(np.abs(photos - expected).max())
