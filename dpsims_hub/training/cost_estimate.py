"""Multiply-adds and memory of one training step, estimated without computing values.

The networks, losses and updates of a training run on tensors of the device "meta". Parts that need values are
replaced: class weights and checks for infinite losses. So is autocast, which does not support that device.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only
from torch.utils.checkpoint import checkpoint

from dpsims_hub.models import DPSIMSGenerator
from dpsims_hub.models.costs import LiveMemory, count_multiply_adds, count_parameters, tensor_bytes
from dpsims_hub.training.build import build_networks, build_patch_networks
from dpsims_hub.training.config import TrainConfig
from dpsims_hub.training.ema import ExponentialMovingAverage
from dpsims_hub.training.step import Networks, TrainingStep, parameters_of

META = torch.device("meta")
HALF_PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}
_IN_HALF = {
    *(torch.conv2d, F.conv2d, F.linear, torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm),
    *(torch.einsum, F.scaled_dot_product_attention),
}
_IN_FULL = {F.layer_norm, F.group_norm, F.softmax, torch.softmax, Tensor.softmax}
"""Operations of these networks that CUDA's autocast runs in half precision, and those it runs in float32.

The CPU's autocast differs slightly: it pads in float32.
"""


@dataclass(frozen=True)
class NetworkCosts:
    """Number of a network's parameters, and multiply-adds of its forward pass for one image."""

    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class StepCosts:
    """Costs of one micro-batch in one process; memory in bytes.

    Args:
        networks: "generator", "discriminator" (its trained part) and, if there are any, "backbone" and
            "contrastive backbone".
        multiply_adds: of both updates, forward and backward passes.
        weights: of all networks, including buffers.
        average: of the averaged generator.
        optimizers: of the moments of both Adam optimisers.
        step_peak: of gradients and activations together, at the peak of a step.
        trained: of the weights that have gradients.
    """

    networks: dict[str, NetworkCosts]
    multiply_adds: int
    weights: int
    average: int
    optimizers: int
    step_peak: int
    trained: int


def estimate_costs(config: TrainConfig, num_classes: int, ignore_index: int = 255) -> StepCosts:
    """Costs of a run's training step; the backbone's weights are not read.

    Raises:
        ValueError: a setting is unknown or contradicts another.
    """
    config = dataclasses.replace(config, backbone_weights="random", contrastive_backbone_weights="random")
    with LiveMemory() as memory, META:
        step, average = _make_step(config, num_classes, ignore_index)
        nets = step.networks
        step(_make_batch(config, nets.generator))  # makes Adam's moments
        at_rest = memory.bytes
        multiply_adds = count_multiply_adds(lambda: step(_make_batch(config, nets.generator)))
        step_peak = memory.peak - at_rest
        networks = _network_costs(config, nets, average.model)
    every = (nets.generator, nets.discriminator, nets.backbone, nets.patch_backbone, nets.patch_projection)
    modules = [module for module in every if module is not None]
    optimizers = (nets.optimizer_g, nets.optimizer_d)
    return StepCosts(
        networks,
        multiply_adds,
        weights=sum(map(tensor_bytes, modules)),
        average=tensor_bytes(average.model),
        optimizers=sum(v.nbytes for o in optimizers for state in o.state.values() for v in state.values()),
        step_peak=step_peak,
        trained=sum(p.nbytes for o in optimizers for group in o.param_groups for p in group["params"]),
    )


class DryRunStep(TrainingStep):
    """A training step that reads no values of tensors."""

    def class_weights(self, label_map: Tensor) -> Tensor:
        """Empty weights of the right shape."""
        return torch.empty(self.num_classes, device=label_map.device)

    def _gradients(self, parameters: list[nn.Parameter], terms: dict[str, Tensor]) -> Tensor:
        """Backward, without clipping."""
        sum(terms.values()).backward()
        return torch.zeros((), device=META)

    def _check(self, logs: dict[str, Tensor], unknown: Tensor) -> None:
        """Check nothing."""


class MetaAccelerator:
    """The part of an accelerator that a training step uses; `precision` is "no", "bf16" or "fp16"."""

    device = META

    def __init__(self, precision: str) -> None:
        self.dtype = HALF_PRECISIONS.get(precision)

    def accumulate(self, *modules: nn.Module) -> AbstractContextManager[None]:
        """Every step is an update."""
        return nullcontext()

    def autocast(self) -> AbstractContextManager[Any]:
        """Replacement of torch.autocast."""
        return HalfPrecision(self.dtype) if self.dtype else nullcontext()


class HalfPrecision(TorchFunctionMode):
    """Autocast for tensors without values: casts the operands of large products to `dtype`."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run a function, in half precision where autocast would."""
        kwargs = kwargs or {}
        if func in _IN_HALF:
            args, kwargs = tree_map_only(Tensor, partial(_cast, self.dtype), (args, kwargs))
        elif func in _IN_FULL:
            args, kwargs = tree_map_only(Tensor, partial(_cast, torch.float32), (args, kwargs))
        return func(*args, **kwargs)


def _cast(dtype: torch.dtype, tensor: Tensor) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _make_step(
    config: TrainConfig, num_classes: int, ignore_index: int
) -> tuple[TrainingStep, ExponentialMovingAverage]:
    generator, discriminator, backbone = build_networks(config, num_classes, ignore_index)
    average = ExponentialMovingAverage(generator, config.ema_decay, config.ema_warmup)
    if config.gradient_checkpointing:
        generator.enable_gradient_checkpointing(partial(_checkpoint, config.mixed_precision))
    patch_backbone, projection = build_patch_networks(config, backbone)
    networks = Networks(
        generator.train(),
        discriminator.train(),
        backbone,
        torch.optim.Adam(parameters_of(generator, projection)),
        torch.optim.Adam(discriminator.parameters()),
        patch_backbone,
        projection,
    )
    accelerator = MetaAccelerator(config.mixed_precision)
    return DryRunStep(networks, config, accelerator, num_classes, ignore_index), average


@torch.no_grad()
def _network_costs(config: TrainConfig, nets: Networks, average: DPSIMSGenerator) -> dict[str, NetworkCosts]:
    """Costs for one image; the generator is counted in its exported form."""
    batch = _make_batch(dataclasses.replace(config, train_batch_size=1), average)
    inputs = (batch["label_map"], batch["latents"][0, :1], None, batch.get("instance_offsets"))
    features = batch["real_images"] if nets.backbone is None else nets.backbone(batch["real_images"])
    calls = {
        "generator": (average, inputs),
        "discriminator": (nets.discriminator, (features, config.size)),
        "backbone": (nets.backbone, (batch["real_images"],)),
        "contrastive backbone": (nets.patch_backbone, (batch["real_images"],)),
    }
    return {
        name: NetworkCosts(count_parameters(module), count_multiply_adds(partial(module, *inputs)))
        for name, (module, inputs) in calls.items()
        if module is not None
    }


def _checkpoint(precision: str, block: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Gradient checkpointing that uses the replacement of autocast in its second run."""
    again = MetaAccelerator(precision).autocast()
    return checkpoint(block, *inputs, use_reentrant=False, context_fn=lambda: (nullcontext(), again))


def _make_batch(config: TrainConfig, generator: DPSIMSGenerator) -> dict[str, Tensor]:
    maps, (height, width) = config.train_batch_size, config.size
    batch = {
        "real_images": torch.empty(maps, 3, height, width),
        "label_map": torch.empty(maps, height, width, dtype=torch.long),
        "latents": torch.empty(maps, config.samples_per_map, generator.config.latent_dim),
    }
    if generator.config.use_instance_offsets:
        batch["instance_offsets"] = torch.empty(maps, 2, height, width)
    return batch
