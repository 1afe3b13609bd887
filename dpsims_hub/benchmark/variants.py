"""The variants of `dpsims benchmark inference`: networks, forms, batches, photos of one map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch

from dpsims_hub.models import GENERATOR_PRESETS, DPSIMSGenerator


@dataclass(frozen=True)
class Form:
    """How a network computes.

    Args:
        dtype: of weights and activations.
        channels_last: memory format of the weights.
        optimized: by `DPSIMSPipeline.optimize`.
        compile: by `torch.compile`.
        graph: as a CUDA graph.
        pipeline: by the optimized pipeline, from ids in memory to finished pictures.
    """

    dtype: torch.dtype = torch.float32
    channels_last: bool = True
    optimized: bool = False
    compile: bool = False
    graph: bool = False
    pipeline: bool = False

    @property
    def as_published(self) -> bool:
        """Whether the network computes without our optimizations."""
        return not (self.optimized or self.pipeline)


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "plain": Form(channels_last=False),
        "channels_last": Form(),
        "bf16": Form(torch.bfloat16),
        "optimized": Form(optimized=True),
        "optimized_bf16": Form(torch.bfloat16, optimized=True),
        "compile": Form(compile=True),
        "graph": Form(graph=True),
        "pipeline": Form(pipeline=True),
    }
)
"""Forms by name; all but the first use the memory format channels_last."""

SWEPT_FORM = "optimized"
"""The form in which several photos of one map are compared."""

BASELINE = "oasis"
"""The network that the others are compared with."""

OASIS_AS_PUBLISHED = {"label_convolution": "plain"}
"""Its first convolution reads one-hot planes, instead of our table lookup."""


@dataclass(frozen=True)
class Variant:
    """A network in one form, with `maps` label maps per call and `photos` of each map.

    The photos are made in one call, or in as many `calls` as there are photos.
    """

    network: str
    form: str
    maps: int = 1
    photos: int = 1
    calls: int = 1

    @property
    def made(self) -> int:
        """Number of photos."""
        return self.maps * self.photos

    @property
    def name(self) -> str:
        """Its name in tables."""
        what = f"{self.maps} x {self.photos}" + (f" in {self.calls} calls" if self.calls > 1 else "")
        return f"{self.network}, {self.form}, {what}"


def list_variants(
    networks: Sequence[str], forms: Sequence[str], batches: Sequence[int], photos: int
) -> list[Variant]:
    """Every form with every batch size; then, in `SWEPT_FORM`, K `photos` of a map in 1 or K calls.

    The baseline has only its published forms, and not the K photos. Batch size 1 is always included.

    Raises:
        ValueError: a form is unknown, or a number is below 1.
    """
    if unknown := [form for form in forms if form not in FORMS]:
        raise ValueError(f"--forms: unknown form {unknown[0]!r}; choose from {', '.join(FORMS)}.")
    if min([*batches, photos]) < 1:
        raise ValueError("--batches and --photos must be whole numbers from 1.")
    variants = []
    for network in networks:
        own = [form for form in forms if network != BASELINE or FORMS[form].as_published]
        variants += [Variant(network, form, maps) for maps in dict.fromkeys([1, *batches]) for form in own]
        if photos > 1 and network != BASELINE:
            variants += [Variant(network, SWEPT_FORM, photos=photos, calls=calls) for calls in (1, photos)]
    return list(dict.fromkeys(variants))


def random_network(preset: str, num_classes: int, size: tuple[int, int]) -> DPSIMSGenerator:
    """A preset's generator for N classes and a size (H, W), as exported; random weights of a fixed seed."""
    torch.manual_seed(0)
    ignore_index = 255 if num_classes <= 255 else 65535
    settings = GENERATOR_PRESETS[preset] | (OASIS_AS_PUBLISHED if preset == "oasis" else {})
    network = DPSIMSGenerator(
        num_classes=num_classes,
        sample_size=list(size),
        ignore_index=ignore_index,
        spectral_norm=False,
        **settings,
    )
    return network.eval()
